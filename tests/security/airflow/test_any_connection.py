"""Connections of any type show no secret, wherever in extra it lies."""

from __future__ import annotations

import json
import logging
import pickle
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from osiris_provider.connections.listing import list_connections
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connections.validate import validate_file
from osiris_provider.connectors import get_connector
from osiris_provider.errors import OsirisError
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend
from osiris_provider.testing.secrecy import CANARY, assert_silent

from tests.examples import examples

NAMES = st.sampled_from(["token", "account", "headers", "a b", "x-key", "password", "private_key", "srv_lookup"])
SECRET_SOMEWHERE = st.recursive(
    st.just(CANARY) | st.just(f"postgresql://u:{CANARY}@h/db") | st.just(json.dumps({"deep": CANARY})),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(NAMES, inner, min_size=1, max_size=2),
    max_leaves=4,
)
EXTRA = st.dictionaries(NAMES, SECRET_SOMEWHERE, min_size=1, max_size=3)
CONN_TYPES = st.sampled_from(["snowflake", "http", "postgres", "mysql", "smtp"])
PROPERTY = examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(folder: Path, entry: dict[str, Any]) -> Path:
    path = folder / "osiris_connections.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "connections": {"airflow": {"My-Conn": entry}}}, allow_unicode=True))
    return path


def resolved(path: Path) -> Any:
    from osiris_provider.connections.reference import ConnectionRef

    return resolve_connection(ConnectionRef("airflow", "My-Conn"), path)


@PROPERTY
@given(conn_type=CONN_TYPES, extra=EXTRA, as_text=st.booleans(), host=st.sampled_from([None, CANARY, "127.0.0.1"]))
def test_nothing_that_is_shown_holds_a_secret_of_extra(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, conn_type: str, extra: Any, as_text: bool, host: str | None
) -> None:
    caplog.set_level(logging.DEBUG)
    given_extra = json.dumps(extra, ensure_ascii=False) if as_text else extra
    entry = {"conn_type": conn_type, "host": host, "port": 1, "password": CANARY, "extra": given_extra}
    path = write(tmp_path, entry)
    connection = resolved(path)
    model = connection.model
    connector = get_connector("airflow")
    shown = [
        *(connection, connection.masked(), connector.address_of(connection)),
        # What is public is public in there.
        *(() if host == CANARY else (model, model.attributes)),
        *(list_connections(path), validate_file(path), pickle.loads(pickle.dumps(connection))),  # noqa: S301 - ours
        connector.build_dsn_redacted(connection),
        model.redactor(connection)(f"{extra} {json.dumps(extra)} {given_extra!r}"),
    ]
    assert_silent(CANARY, *shown, caplog.text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", CANARY),
        ("extra", CANARY),
        ("extra", f'{{"token": "{CANARY}"'),
        ("extra", [CANARY]),
        ("conn_type", CANARY),
        ("never_heard_of", CANARY),
        ("host", {"a": CANARY}),
    ],
)
def test_errors_show_no_value(tmp_path: Path, caplog: pytest.LogCaptureFixture, field: str, value: Any) -> None:
    path = write(tmp_path, {"conn_type": "snowflake", "extra": {"token": CANARY}, field: value})
    with pytest.raises(OsirisError) as raised:
        resolved(path)
    backend = OsirisConnectionsBackend(connections_file=str(path))
    assert backend.get_conn_value("My-Conn") is None
    assert "My-Conn cannot be taken" in caplog.text
    connection = {"family": "airflow", "alias": "My-Conn", "conn_type": "snowflake", "extra": CANARY, field: value}
    verdict = get_connector("airflow").doctor(connection)
    assert verdict[0] is False
    assert_silent(CANARY, raised.value, caplog.text, validate_file(path), list_connections(path), verdict)


@pytest.mark.parametrize("conn_type", ["postgres", "mysql", "http", "smtp", "osiris_mysql", "osiris_api", "nonsense"])
def test_verdicts_show_no_secret(conn_type: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed_port = server.getsockname()[1]
    slots = {"host": "127.0.0.1", "port": closed_port, "login": "ann", "password": CANARY}
    connection = {"family": "airflow", "alias": "x", "conn_type": conn_type, **slots, "extra": {"x-token": CANARY}}
    changes: list[dict[str, Any]] = [{}, {"host": CANARY}, {"host": f"postgresql://u:{CANARY}@h"}, {"schema": CANARY}]
    for changed in changes:
        ok, verdict = get_connector("airflow").doctor({**connection, **changed}, 3)
        assert not ok
        assert_silent(CANARY, verdict, caplog.text)


@given(value=st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_a_variable_adds_nothing_to_extra(value: str) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        try:
            patched.setenv("SECRET", f'", "host": "evil.example", "x": "{value}')
        except UnicodeEncodeError:
            return
        entry = {"conn_type": "x", "extra": '{"token": "${SECRET}", "list": ["${SECRET}"]}'}
        extra = resolved(write(Path(folder), entry))["extra"]
    assert set(extra) == {"token", "list"}
    assert extra["list"] == [extra["token"]] == [f'", "host": "evil.example", "x": "{value}']


def test_no_type_of_the_family_has_a_test_button() -> None:
    """Airflow would run it in the API server."""
    from osiris_provider.provider_info import get_provider_info

    types = {entry["connection-type"] for entry in get_provider_info()["connection-types"]}
    assert "osiris_airflow" not in types
    assert all(name.startswith("osiris_") for name in types)
