"""A resolved connection is held, printed, pickled and handed to Airflow: its secrets are shown nowhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import from_airflow, to_airflow
from osiris_provider.connectors.cache import cache_key
from osiris_provider.drivers.step import Step
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.testing.context import RecordingContext

from tests.airflow.versions import serialize
from tests.unit.connection_files import write

CANARY = "canary-4711"
FIELDS = {"family": "mysql", "alias": "main", "host": "db.example.com", "port": 3306, "user": "ann", "password": CANARY}
FILE = f"""\
version: 1
connections:
  mysql:
    main: {{host: db.example.com, port: 3306, user: ann, password: {CANARY}}}
"""


@pytest.fixture
def connection(tmp_path: Path) -> ResolvedConnection:
    return resolve_connection("@mysql.main", write(tmp_path, FILE))


def test_it_is_read_as_the_dict_of_the_contract(connection: ResolvedConnection) -> None:
    assert dict(connection) == FIELDS
    assert connection == FIELDS
    assert {**connection} == FIELDS
    assert (connection["password"], connection.get("charset", "utf8mb4")) == (CANARY, "utf8mb4")
    assert list(connection) == ["family", "alias", "host", "port", "user", "password"]


def test_it_shows_no_secret(connection: ResolvedConnection, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("x").warning("%s %r %s", connection, connection, {"connection": [connection]})
    for shown in (repr(connection), f"{connection}", pformat({"c": connection}), caplog.text):
        assert CANARY not in shown
        assert "ResolvedConnection({'family': 'mysql', 'alias': 'main', 'host': 'db.example.com'" in shown
        assert "'password': '***'" in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_has_no_secret_and_logs_in_nowhere(connection: ResolvedConnection, protocol: int) -> None:
    pickled = pickle.dumps({"connection": connection}, protocol)
    assert CANARY.encode() not in pickled
    again = pickle.loads(pickled)["connection"]  # noqa: S301 - pickled on this line
    assert (repr(again), again["host"]) == (repr(connection), "db.example.com")
    for masked in (again, copy.copy(again), copy.deepcopy(again)):
        with pytest.raises(ConnectionConfigError, match=r"@mysql\.main has been pickled, without its secrets"):
            get_connector("mysql").create_client(masked)


def test_copies_in_this_process_are_whole(connection: ResolvedConnection) -> None:
    for again in (copy.copy(connection), copy.deepcopy({"c": connection})["c"]):
        assert (dict(again), again.model) == (FIELDS, connection.model)


def test_nothing_writes_it_out(connection: ResolvedConnection) -> None:
    with pytest.raises(TypeError):
        json.dumps({"connection": connection})
    with pytest.raises(TypeError):
        serialize(connection)
    with pytest.raises(TypeError):
        serialize({"connection": connection})
    assert CANARY not in json.dumps({"connection": connection}, default=str)


def test_it_is_parsed_once(connection: ResolvedConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = get_connector("mysql")
    parsed = connection.model
    monkeypatch.setattr(type(parsed), "coerce", None)
    assert connection.model is parsed
    assert connector.model.parse(connection) is parsed
    assert connector.build_dsn_redacted(connection) == "mysql://***@db.example.com:3306/"


def test_other_secrets_are_other_clients() -> None:
    ours, others = (ResolvedConnection({**FIELDS, "password": password}) for password in ("one", "two"))
    assert repr(ours) == repr(others)
    assert cache_key(ours) != cache_key(others)
    assert cache_key(ours) == cache_key(dict(ours))


def test_connections_of_airflow_alike() -> None:
    known = from_airflow("mysql", to_airflow("mysql", FIELDS), "main")
    assert dict(known) == FIELDS
    assert CANARY not in repr(known)


def test_what_holds_it_shows_no_secret(connection: ResolvedConnection) -> None:
    step: Step[Any] = Step("s1", None, connection, {"before": {"data": [CANARY]}}, RecordingContext())
    assert CANARY not in f"{step!r} {get_connector('mysql')!r} {connection.model!r}"


@given(st.text(min_size=4), st.text(min_size=4))
def test_no_secret_and_nothing_unknown_is_shown(secret: str, unknown: str) -> None:
    fields = {**FIELDS, "host": f"db-{secret}.example.com", "password": secret, "nobody_knows": [unknown]}
    shown = ResolvedConnection(fields).masked()
    expected: dict[str, Any] = {**dict.fromkeys(fields, "***"), "family": "mysql", "alias": "main", "port": 3306}
    assert {**shown, "user": "***", "port": 3306} == expected


def test_of_a_family_that_is_not_there_nothing_is_shown() -> None:
    gone = ResolvedConnection({"family": "gone", "alias": "x", "host": "h", "token": CANARY})
    assert repr(gone) == "ResolvedConnection({'family': 'gone', 'alias': 'x', 'host': '***', 'token': '***'})"
    with pytest.raises(ConnectionConfigError, match="Unknown family 'gone'"):
        _ = gone.model
