"""10,000 secrets of any shape, through every family and many faults: nothing shown depends on them (CONN-011).

That many are tried by the nightly workflow, a tenth of them with each change.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pymysql
import pytest
import requests
import urllib3
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from osiris_provider.connections import list_connections, resolve_connection
from osiris_provider.connections.redact import Redactor, secret_texts
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check import Check
from osiris_provider.drivers.step import Step
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.deadline import Deadline

from tests.faults.peers import Manner, Peer, closed_port, hang_up, say
from tests.integration.secrecy import (
    HOST,
    SHAPES,
    Connection,
    Outputs,
    assert_same,
    connection_of,
    examples,
    outputs_of_asking,
    reference_of,
    secrets,
    shown_of,
)
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_shopify import FakeShopify
from tests.servers.apis.fake_supabase import FakeSupabase

EXAMPLES = {
    "errors of client libraries": 3000,
    "closed port": 2000,
    "garbage": 600,
    "broken off": 400,
    "refused by honest servers": 1000,
    "reprs": 1400,
    "wrong fields": 500,
    "URLs": 300,
    "list": 800,
}
HTTP_500 = b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n"
shapes = st.sampled_from(list(SHAPES))


class Known(dict[tuple[Any, ...], Outputs]):
    """What came out for the references."""

    def __repr__(self) -> str:
        return "Known()"


def test_these_are_ten_thousand() -> None:
    assert sum(EXAMPLES.values()) == 10_000


def assert_silent_about(
    shape: str, secret: str, port: int, known: Known, outputs: Callable[[Connection], Outputs], *more: Any
) -> None:
    """Compare what comes out with what comes out for the reference, which is asked for once."""
    reference = reference_of(secret)
    key = (shape, port, reference, *more)
    if key not in known:
        known[key] = outputs(connection_of(shape, port, reference))
    assert_same(shape, secret, outputs(connection_of(shape, port, secret)), known[key])


@pytest.fixture(scope="module")
def closed() -> Iterator[int]:
    with closed_port() as port:
        yield port


@pytest.fixture(scope="module")
def known() -> Known:
    return Known()


def _chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__, error.__context__ = cause, cause
    return error


RAISED: dict[str, Callable[[str], BaseException]] = {
    "denied": lambda secret: pymysql.err.OperationalError(1045, f"Access denied for 'ann' (using '{secret}')"),
    "lost": lambda secret: pymysql.err.OperationalError(2013, f"Lost connection ({secret})"),
    "syntax": lambda secret: pymysql.err.ProgrammingError(1064, f"near '{secret}'"),
    "internal": lambda secret: pymysql.err.InternalError(f"Packet sequence {secret}"),
    "libpq": lambda secret: psycopg2.OperationalError(f'FATAL: password "{secret}" is wrong\n'),
    "data": lambda secret: psycopg2.DataError(secret, secret),
    "duckdb": duckdb.IOException,
    "requests": lambda secret: requests.ConnectionError(f"http://ann:{secret}@127.0.0.1/"),
    "invalid header": lambda secret: requests.exceptions.InvalidHeader(f"Invalid value: {secret!r}"),
    "invalid URL": requests.exceptions.InvalidURL,
    "urllib3": urllib3.exceptions.LocationParseError,
    "tls": lambda secret: ssl.SSLError(1, f"tlsv1 alert {secret}"),
    "no file": lambda secret: FileNotFoundError(2, "No such file", secret),
    "refused": lambda secret: ConnectionRefusedError(111, secret),
    "codec": lambda secret: UnicodeEncodeError("latin-1", secret, 0, 1, "ordinal not in range"),
    "key": KeyError,
    "any": lambda secret: ValueError(secret, {"password": secret}, [secret]),
    "chained": lambda secret: _chained(RuntimeError(secret), ConnectionResetError(104, secret)),
    "wrapped": lambda secret: requests.ConnectionError(ConnectionRefusedError(111, secret), secret),
}
"""What client libraries raise, with the secret in it."""


@examples(EXAMPLES["errors of client libraries"])
@given(shapes, secrets, st.sampled_from(list(RAISED)))
def test_conn_011_errors_of_client_libraries(known: Known, shape: str, secret: str, raised: str) -> None:
    connector = get_connector(shape.partition(" ")[0])

    def outputs(connection: Connection) -> Outputs:
        planted = next(
            text for text in (secret, reference_of(secret)) if connection == connection_of(shape, 3306, text)
        )

        def fail() -> None:
            raise RAISED[raised](planted)

        try:
            connector.translate_errors(connection, fail)
        except Exception as error:  # noqa: BLE001 - any error is looked at
            return shown_of(error.with_traceback(None))
        pytest.fail("nothing was raised")

    assert_silent_about(shape, secret, 3306, known, outputs, raised)


@examples(EXAMPLES["closed port"])
@given(shapes, secrets)
def test_conn_011_closed_port(closed: int, known: Known, shape: str, secret: str) -> None:
    assert_silent_about(shape, secret, closed, known, outputs_of_asking)


@pytest.mark.parametrize("manner", [say(HTTP_500), say(b"\xff" * 60 + b"\r\n\r\n")], ids=["HTTP", "noise"])
def test_conn_011_garbage(manner: Manner, known: Known) -> None:
    with Peer(manner) as peer:

        @examples(EXAMPLES["garbage"] // 2)
        @given(shapes, secrets)
        def check(shape: str, secret: str) -> None:
            assert_silent_about(shape, secret, peer.port, known, outputs_of_asking)

        check()


def test_conn_011_broken_off(known: Known) -> None:
    with Peer(hang_up) as peer:

        @examples(EXAMPLES["broken off"])
        @given(shapes, secrets)
        def check(shape: str, secret: str) -> None:
            assert_silent_about(shape, secret, peer.port, known, outputs_of_asking)

        check()


def test_conn_011_refused_by_honest_servers(mariadb: MariaDBServer, postgres: PostgresServer, known: Known) -> None:
    with FakeApi({"Authorization": b"x"}) as api, FakeShopify("x y z") as shop, FakeSupabase("y z", "z x") as project:
        ports = {
            "mysql": mariadb.port,
            "postgres": postgres.port,
            "api": api.port,
            "shopify": shop.port,
            "supabase": project.port,
            "duckdb": 1,
        }

        @examples(EXAMPLES["refused by honest servers"])
        @given(shapes, secrets)
        def check(shape: str, secret: str) -> None:
            server = "postgres" if "pg_dsn" in shape else shape.partition(" ")[0]
            assert_silent_about(shape, secret, ports[server], known, outputs_of_asking)

        check()


@examples(EXAMPLES["reprs"])
@given(shapes, secrets)
def test_conn_011_reprs(known: Known, shape: str, secret: str) -> None:
    assert_silent_about(shape, secret, 3306, known, _reprs, "reprs")


def _reprs(connection: Connection) -> Outputs:
    connector = get_connector(connection["family"])
    check = Check(connector, connection, 5, lambda _: None)
    step: Any = Step("step", None, connection, {}, None)  # type: ignore[arg-type] # a step of no driver
    shown: list[object] = [connector, check, step, connector.model.redactor(connection), Deadline(5).seconds]
    try:
        shown += _of_model(connector, connection)
    except ConnectionConfigError as error:
        return {**shown_of(error.with_traceback(None)), **_texts(shown)}
    return _texts(shown)


def _of_model(connector: Connector[Any, Any], connection: Connection) -> list[object]:
    model = connector.model.parse(connection)
    shown = [model, model.shown_address(), connector.build_dsn_redacted(connection)]
    # With a DSN alone, a client of family supabase is a database connection.
    if hasattr(model, "endpoint") and "pg_dsn" not in connection:
        client = connector.open_client(model, Deadline(5))
        shown += [model.endpoint(), client, client.auth, vars(client)]
        connector.close_client(client)
    return shown


def _texts(shown: list[object]) -> Outputs:
    return {str(number): re.sub("0x[0-9a-f]+", "0x", f"{one}\n{one!r}") for number, one in enumerate(shown)}


@examples(EXAMPLES["wrong fields"])
@given(shapes, secrets, st.sampled_from(["port", "connect_timeout", "timeout", "ssl", "never_heard_of"]))
def test_conn_011_secrets_in_wrong_fields(known: Known, shape: str, secret: str, field: str) -> None:
    def outputs(connection: Connection) -> Outputs:
        planted = next(text for text in (secret, reference_of(secret)) if connection == connection_of(shape, 1, text))
        return _refusal({**connection, field: f"not {planted}"})

    assert_silent_about(shape, secret, 1, known, outputs, field)


def _refusal(connection: Connection) -> Outputs:
    try:
        get_connector(connection["family"]).model.parse(connection)
    except ConnectionConfigError as error:
        return shown_of(error.with_traceback(None))
    return {}


URL_FIELDS = {"api": "base_url", "supabase": "url", "shopify": "shop_domain"}
ENDS = ("", "/", "?", "#", " ", "[", "1/", "1?", "1#")
"""What makes a URL with a password in it wrong in another way each."""


@examples(EXAMPLES["URLs"])
@given(st.sampled_from([shape for shape in SHAPES if shape.partition(" ")[0] in URL_FIELDS]), secrets)
def test_conn_011_secrets_in_urls(shape: str, secret: str) -> None:
    field = URL_FIELDS[shape.partition(" ")[0]]

    def refusal(planted: str) -> Outputs:
        return _refusal({**connection_of(shape, 1, "of no interest"), field: f"https://ann:{planted}@127.0.0.1/v1"})

    ours = refusal(secret)
    assert ours, "it would be shown"
    assert ours in [refusal(f"{end}Qz7K" if end[:1] == "1" else f"Qz7K{end}") for end in ENDS]


@examples(EXAMPLES["list"])
@given(shapes, secrets)
def test_conn_011_021_list_and_resolving(tmp_path: Path, shape: str, secret: str) -> None:
    # YAML has no lone surrogates, and $ begins a variable.
    assume(not re.search("[\ud800-\udfff$]", secret))
    family = shape.partition(" ")[0]
    public = next(spec.name for spec in get_connector(family).model.fields() if spec.public)
    file = tmp_path / "osiris_connections.yaml"
    fields = _written(file, family, public, shape, secret)
    expected, strange = list_connections(file)
    declared = get_connector(family).declared()
    assert strange["never_heard_of"] == "***"
    assert all(value == "***" for name, value in expected.items() if name not in (*declared, "family", "alias"))
    known = {name: value for name, value in expected.items() if name in declared}
    public_fields = {name: value for name, value in fields.items() if name in declared and declared[name].public}
    # A public text that holds the secret, such as a password 0 and an address, is hidden as a whole.
    hides = Redactor(secret_texts(declared, fields))
    assert known == {
        name: "***" if isinstance(value, str) and "***" in hides(value) else value
        for name, value in public_fields.items()
    }
    assert strange[public] in (f"https://{HOST}:3306/v1", "***")
    if secret in (said := _resolving_refused(file, family)):
        # It may be a piece of our own words: then these are the words for other secrets of its kind too.
        others = [reference_of(secret), *(f"Qz7K{end}" for end in ENDS)]
        assert said in [_refused_with(file, family, public, shape, other) for other in others]


def _refused_with(file: Path, family: str, public: str, shape: str, secret: str) -> str:
    _written(file, family, public, shape, secret)
    return _resolving_refused(file, family)


def _written(file: Path, family: str, public: str, shape: str, secret: str) -> dict[str, Any]:
    """Write a file with two connections that hold the secret; return the fields of the first."""
    fields = {
        name: value for name, value in connection_of(shape, 3306, secret).items() if name not in ("family", "alias")
    }
    odd = {public: f"https://ann:{secret}@{HOST}:3306/v1", "never_heard_of": secret, "timeout": "x", "port": "x"}
    connections = {family: {"x": {**fields, "never_heard_of": secret}, "odd": odd}}
    file.write_text(yaml.safe_dump({"version": 1, "connections": connections}, sort_keys=False))
    return fields


def _resolving_refused(file: Path, family: str) -> str:
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection(f"@{family}.odd", file)
    return str(raised.value)
