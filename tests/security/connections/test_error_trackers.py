"""What an error tracker shows of an error: the variables of each frame, and none of our secrets in them."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from osiris_provider.connections.file import parse
from osiris_provider.connections.resolve import resolve_entry
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow.delegate import Delegate
from osiris_provider.connectors.check import Check
from osiris_provider.drivers import get_driver
from osiris_provider.errors import OsirisError
from osiris_provider.hooks.base import resolve
from osiris_provider.testing.context import RecordingContext

from tests.faults.peers import Peer, silent
from tests.security.http.rogue import RogueHttp
from tests.security.mysql.rogue import RogueMySQL, Script
from tests.security.postgres.rogue import MD5, RoguePostgres
from tests.servers import Address
from tests.servers.apis.http import Reply

SECRET = "c4nary-pa55word"
SPELLINGS = (SECRET, base64.b64encode(f"u:{SECRET}".encode()).decode())
LOGIN = {"host": "127.0.0.1", "user": "u", "password": SECRET, "database": "d"}


class StoppedBySignalError(BaseException):
    """What Airflow's timeout of a task is like."""


def shown(value: Any) -> Iterator[str]:
    """Yield what sentry-sdk writes of a variable. It looks into mappings and lists, unless a class says otherwise."""
    own: Callable[[Any], str] | None = getattr(type(value), "__sentry_repr__", None)
    if own is not None:
        yield own(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from shown(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from shown(item)
    else:
        yield repr(value)


def leaks(error: BaseException | None) -> list[str]:
    """Return the variables of this package that show the secret, of an error and of those that it comes from."""
    if error is None:
        return []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [*_leaks_in(error.__traceback__), *leaks(cause)]


def _leaks_in(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        for name, value in traceback.tb_frame.f_locals.items():
            if module.startswith("osiris_provider.") and any(
                spelling in text for text in shown(value) for spelling in SPELLINGS
            ):
                yield f"{module}.{traceback.tb_frame.f_code.co_name}: {name}"
        traceback = traceback.tb_next


def run(connection: ResolvedConnection, driver: str, **config: Any) -> None:
    step = {**config, "resolved_connection": connection}
    get_driver(driver).run(step_id="s", config=step, inputs={}, ctx=RecordingContext())


def refused(connection: ResolvedConnection) -> None:
    get_connector(str(connection["family"])).create_client(connection)


@pytest.mark.parametrize("family", ["mysql", "postgres"])
@pytest.mark.parametrize("how", [refused, None], ids=["client", "driver"])
def test_a_refused_login(family: str, how: Callable[[ResolvedConnection], None] | None) -> None:
    rogue: Any = RoguePostgres(MD5, accepts=False) if family == "postgres" else RogueMySQL(Script())
    with rogue as peer:
        connection = ResolvedConnection({"family": family, "alias": "x", "port": peer.port, **LOGIN})
        with pytest.raises(OsirisError) as raised:
            how(connection) if how else run(connection, f"{family}.extractor", query="SELECT 1")
    assert leaks(raised.value) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"family": "postgres", "port": "no number", **LOGIN},
        {"family": "mysql", "port": "no number", **LOGIN},
        {"family": "postgres", "dsn": f"postgresql://u:{SECRET}@127.0.0.1:no-number/d?q=1"},
        {"family": "postgres", "dsn": f"postgresql://u:{SECRET}@/d"},
        {"family": "postgres", **LOGIN, "password": f"{SECRET}\0"},
    ],
)
def test_a_mistake_in_a_field(fields: dict[str, Any]) -> None:
    with pytest.raises(OsirisError) as raised:
        refused(ResolvedConnection({"alias": "x", **fields}))
    assert leaks(raised.value) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"bearer_token": SECRET},
        {"username": "u", "password": SECRET},
        {"headers": {"X-Key": SECRET}},
        {"token_url": "", "client_id": "c", "client_secret": SECRET},
    ],
)
def test_an_api_that_refuses(fields: dict[str, Any]) -> None:
    with RogueHttp(lambda _: Reply(401, b"no", {})) as api:
        given = {name: value or f"{api.origin}/token" for name, value in fields.items()}
        connection = ResolvedConnection({"family": "api", "alias": "x", "base_url": api.origin, **given})
        with pytest.raises(OsirisError) as raised:
            run(connection, "api.extractor", path="users")
    assert leaks(raised.value) == []


OAUTH = {"token_url": "https://login.example.com", "client_id": "c"}


@pytest.mark.parametrize(
    "fields",
    [
        {"token": SECRET},
        {"api_key": SECRET},
        {"api_key": SECRET, "api_key_in": "query"},
        {"api_key": SECRET, "api_key_in": "cookie"},
        {"user": "u", "password": SECRET},
        {"headers": {"X-Plain": SECRET}},
        {**OAUTH, "client_secret": SECRET},
        {**OAUTH, "client_secret": "x", "token_params": {"assertion": SECRET}},
        {"ssl_cert": "/cert.pem", "ssl_key_password": SECRET},
    ],
)
def test_what_is_made_of_a_connection_shows_nothing_of_it(fields: dict[str, Any]) -> None:
    connector = get_connector("api")
    connection = {"family": "api", "alias": "x", "base_url": "https://api.example.com", **fields}
    model: Any = connector.model.parse(connection)
    endpoint = model.endpoint()
    holders = [model, endpoint, endpoint.oauth, endpoint.certificate, Delegate(connector, connection)]
    holders.append(Check(connector, connection, 1.0, lambda _: None))
    assert [repr(one) for one in holders if any(spelling in repr(one) for spelling in SPELLINGS)] == []


def test_a_file_that_was_read_shows_no_value() -> None:
    fields = f"{{host: '{SECRET}', nested: {{b: ['{SECRET}']}}, port: '{SECRET}'}}"
    known = parse(Path("f.yaml"), f"version: 1\nconnections:\n  mysql:\n    a: {fields}\n")
    [entry] = known.entries.values()
    assert entry.fields["host"] == SECRET
    resolved, problems, warnings = resolve_entry(entry)
    assert problems
    shown_values = [repr(value) for value in (known, entry, resolved, problems, warnings)]
    assert [value for value in shown_values if any(spelling in value for spelling in SPELLINGS)] == []


@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_a_login_that_a_timeout_breaks_off(family: str) -> None:
    def stop(*_: object) -> None:
        raise StoppedBySignalError

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with Peer(silent) as peer:
            connection = ResolvedConnection({"family": family, "alias": "x", "port": peer.port, **LOGIN})
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(StoppedBySignalError) as raised:
                refused(connection)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert leaks(raised.value) == []


@pytest.mark.parametrize(
    "stored",
    [
        {"conn_type": "osiris_mysql", "host": "h", "password": SECRET},
        {"conn_type": "osiris_mysql", "host": "h", "login": "u", "extra": {"secret_password": SECRET}},
        {"conn_type": "osiris_mysql", "host": "h", "login": "u", "password": SECRET, "extra": f"[{SECRET}"},
        {"conn_type": "osiris_api", "host": "no URL", "extra": {"api_key": SECRET}},
        {"conn_type": "smtp", "port": -1, "password": SECRET, "extra": {"x": SECRET}},
    ],
)
@pytest.mark.parametrize("target", ["stored", "@mysql.stored", "osiris_mysql_stored"])
def test_a_mistake_in_an_airflow_connection(
    stored: dict[str, Any], target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "OSIRIS_MYSQL_STORED" if "mysql" in target else "STORED"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(stored))
    with pytest.raises(OsirisError) as raised:
        resolve(target)
    assert leaks(raised.value) == []


def test_a_query_that_is_refused(postgres_database: Address) -> None:
    connection = {"family": "postgres", "alias": "x", **asdict(postgres_database), "sslpassword": SECRET}
    with pytest.raises(OsirisError) as raised:
        run(ResolvedConnection(connection), "postgres.extractor", query="SELECT nothing")
    assert leaks(raised.value) == []
    with closing(get_connector("postgres").create_client(connection)) as client:
        assert SECRET not in f"{client!r} {client}"
