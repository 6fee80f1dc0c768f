"""What the property tests of secrecy share: secrets, where they are put, and what counts as a leak.

A leak is anything shown that depends on the secret. A search for the secret would not do: a password of one letter is
part of every message. So each call is made twice, with the secret and with a reference of the same kind, and what
comes out has to be the same. One difference is allowed, and demanded where the secret is part of a public value that
is put into a message (host and port, URL, path): that value is then shown as ``***``. Names that the user gave to the
connection, ``@family.alias``, are shown as they are.
"""

from __future__ import annotations

import json
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from osiris_provider.connectors import get_connector
from osiris_provider.errors import OsirisError
from osiris_provider.net.deadline import Deadline

import tests.examples

Connection = dict[str, Any]
Shape = Callable[[int, str], Connection]
Outputs = dict[str, str]

HOST = "127.0.0.1"
PUBLIC = re.compile(r"(?:https?://)?(?:127\.0\.0\.1|localhost):\d+(?:/[\w.-]*\w)*/?|/no/such/place/x\.duckdb")
WORDS = ("127.0.0.1", "127", "localhost", "http://127.0.0.1", "refused", "does not accept", "Check host and port")
MORE_WORDS = (
    "***",
    "*",
    "mysql",
    "@mysql.x",
    "x",
    "ann",
    "None",
    "timeout",
    "[",
    "{address}",
    "{timeout}",
    "%s",
    "%(x)s",
)
AWKWARD = "'\"\n\r\t%\\@:/?#&=+ ${}[]*.~;,<>|`^é€🔑a1"

secrets = st.one_of(
    st.text(min_size=1),
    st.text(st.sampled_from(AWKWARD), min_size=1, max_size=40),
    st.characters(),
    st.sampled_from([*WORDS, *MORE_WORDS]),
    st.text("127.0:/localhst", min_size=1, max_size=6),
    st.text(st.sampled_from(AWKWARD), min_size=5, max_size=20).map(lambda text: (text * 4096)[:4096]),
    st.text(st.characters(categories=["Cs", "Ll", "Nd"]), min_size=1, max_size=20),
)
"""Of any shape: quotes, line breaks, percent signs, one character, 4 KB, the host's name, a part of a message."""


def examples(number: int) -> settings:
    """Return the settings of a property test.

    :param number: of examples at night; a tenth of them with each change.
    """
    return tests.examples.examples(
        number // 10,
        database=None,
        # The fixtures are servers, which keep nothing of one secret for the next.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def reference_of(secret: str) -> str:
    """Return another secret that a family accepts or refuses for the same reasons, and that is nowhere else."""
    reference = "Qz7K-reference-9vWJ"
    if re.search(r"[\x01-\x1f\x7f]", secret):
        reference += "\n"
    if "\0" in secret:
        reference += "\0"
    if re.search(r"[\ud800-\udfff]", secret):
        reference += "\ud800"
    # No header can begin with a blank.
    return f" {reference}" if secret[0] in " \t\n\r\x0b\x0c" else reference


def _as_url(port: int, secret: str) -> str:
    return f"postgresql://ann:{quote(secret.encode('utf-8', 'surrogatepass'), safe='')}@{HOST}:{port}/app"


def _as_pairs(port: int, secret: str) -> str:
    escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
    return f"host={HOST} port={port} user=ann password='{escaped}'"


def _http(field: str, **fields: Any) -> Shape:
    return lambda port, secret: {field: f"http://{HOST}:{port}", **{k: _filled(v, secret) for k, v in fields.items()}}


def _filled(value: Any, secret: str) -> Any:
    if isinstance(value, dict):
        return dict.fromkeys(value, secret)
    return secret if value is ... else value


SHAPES: dict[str, Shape] = {
    "mysql password": lambda port, secret: {"host": HOST, "port": port, "user": "ann", "password": secret},
    "postgres password": lambda port, secret: {"host": HOST, "port": port, "user": "ann", "password": secret},
    "postgres dsn as URL": lambda port, secret: {"dsn": _as_url(port, secret)},
    "postgres dsn as pairs": lambda port, secret: {"dsn": _as_pairs(port, secret)},
    "supabase service_role_key": _http("url", service_role_key=...),
    "supabase anon_key": _http("url", anon_key=...),
    "supabase pg_dsn": lambda port, secret: {"url": f"http://{HOST}:{port}", "pg_dsn": _as_url(port, secret)},
    "shopify access_token": _http("shop_domain", access_token=...),
    "api token": _http("base_url", token=..., health_path="v1/me"),
    "api api_key": _http("base_url", api_key=..., health_path="v1/me"),
    "api password": _http("base_url", user="ann", password=..., health_path="v1/me"),
    "api headers": _http("base_url", headers={"X-Secret-Key": ...}, health_path="v1/me"),
    "duckdb unknown field": lambda _, secret: {"path": "/no/such/place/x.duckdb", "passwort": secret},
    "mysql unknown field": lambda port, secret: {"host": HOST, "port": port, "user": "ann", "passwort": secret},
}
"""Where a secret may be: family and field."""

SHORT = 3
"""Characters up to which the value of an unknown field is not looked for: it is hardly a secret."""


def connection_of(shape: str, port: int, secret: str) -> Connection:
    """Return the connection of a shape."""
    family = shape.partition(" ")[0]
    return {"family": family, "alias": "x", **SHAPES[shape](port, secret)}


class Lines(logging.Handler):
    """Keeps every line that anybody logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logged() -> Iterator[list[str]]:
    """Yield the lines that are logged meanwhile, by any library at any level."""
    root, handler = logging.getLogger(), Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def shown_of(error: BaseException) -> Outputs:
    """Return all that a log, a person or another process may get of an error."""
    assert error.__cause__ is None
    assert error.__context__ is None, "a foreign error is chained"
    assert isinstance(error, OsirisError)
    text = "".join(traceback.format_exception(error))
    # Protocol 0 is text without lengths.
    pickled = pickle.dumps(error, protocol=0).decode("latin-1")
    return {
        "str": str(error),
        "repr": repr(error),
        "attributes": repr(vars(error)),
        "traceback": text,
        "pickle": pickled,
    }


def outputs_of_asking(connection: Connection) -> Outputs:
    """Ask doctor and a client, and return all that comes out."""
    connector = get_connector(connection["family"])
    with logged() as lines:
        ok, verdict = connector.doctor(connection, 5)
        error = _raised(connection)
    assert not ok
    actual = {"verdict": json.dumps([ok, verdict]), "log": "\n".join(sorted(lines))}
    return {**actual, **(shown_of(error) if error else {})}


def _raised(connection: Connection) -> Exception | None:
    connector = get_connector(connection["family"])
    try:
        model = connector.model.parse(connection)
        connector.translate_errors(connection, lambda: connector.probe(model, Deadline(5)))
    except Exception as error:  # noqa: BLE001 - the caller looks at whatever is raised
        return error.with_traceback(None)
    return None


MESSAGES = ("verdict", "str", "repr", "traceback", "pickle")


def assert_same(shape: str, secret: str, ours: Outputs, reference: Outputs) -> None:
    """Fail if anything that was shown depends on the secret; see the module."""
    assert ours.keys() == reference.keys()
    looked_for = "unknown field" not in shape or len(secret) > SHORT
    for name, text in reference.items():
        masked = PUBLIC.sub("***", text)
        must = looked_for and name in MESSAGES and any(secret in value for value in PUBLIC.findall(text))
        assert ours[name] in ({masked} if must else {text, masked}), f"{name} depends on the secret"
