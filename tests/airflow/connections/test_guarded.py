"""What the plugin guards in an API server, and what it leaves to Airflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException
from osiris_provider.hooks import guard
from osiris_provider.hooks.duckdb import OsirisDuckDBHook
from osiris_provider.plugins import connection_test
from osiris_provider.plugins.connection_test import guard_tests
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend

from tests.airflow.conftest import ConnectionsFile

Routes = Callable[..., Any]
SLOTS = ("host", "port", "login", "password", "schema")


def update_orm_from_pydantic(connection: Any, body: Any) -> None:
    """Fill in, as Airflow does: what is hidden is what is stored."""
    for name in body.model_fields_set:
        setattr(connection, name, getattr(body, name))
    connection.extra = json.dumps({**json.loads(connection.extra), "token": "stored"})


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> Routes:
    """Have a module in the place of that of Airflow's API, with these functions."""

    def install(**functions: Any) -> Any:
        parent, module = ModuleType(guard.ROUTES.rpartition(".")[0]), ModuleType(guard.ROUTES)
        vars(module).update(functions)
        vars(parent)["connections"] = module
        monkeypatch.setitem(sys.modules, parent.__name__, parent)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return install


def calls_merge(connection: Any, body: Any) -> None:
    """Airflow's test of a connection."""
    update_orm_from_pydantic(connection, body)


def stored(**changed: Any) -> Any:
    """A connection under the random id of a test."""
    attributes = {**dict.fromkeys(SLOTS), "conn_type": "http", "host": "db", "extra": '{"token": "stored"}'}
    return SimpleNamespace(**{"conn_id": "qX3vb81z", "id": 7, **attributes, **changed})


def asked(**changed: Any) -> Any:
    """A request that says another host, and hides the secret."""
    said = {"host": "evil", "extra": "{}", **changed}
    given = set(said) - {"connection_id"}
    return SimpleNamespace(**{"connection_id": "warehouse", "password": None, **said}, model_fields_set=given)


@pytest.mark.parametrize(
    "functions", [{}, {"test_connection": stored}, {"test_connection": calls_merge}], ids=["none", "other", "no merge"]
)
def test_where_airflow_tests_in_another_way_the_button_is_off_and_the_server_starts(
    functions: dict[str, Any], routes: Routes, caplog: pytest.LogCaptureFixture, connections_file: ConnectionsFile
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    routes(**functions)
    app = object()
    assert guard_tests(app) is app
    assert "The Test button refuses Osiris connections" in caplog.text
    assert OsirisDuckDBHook("@duckdb.main").test_connection() == (False, guard.REFUSAL)


def test_it_is_guarded_once(routes: Routes, connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    module = routes(test_connection=calls_merge, update_orm_from_pydantic=update_orm_from_pydantic)
    guard_tests(None)
    once = module.update_orm_from_pydantic
    guard_tests(None)
    assert module.update_orm_from_pydantic is once is not update_orm_from_pydantic
    assert OsirisDuckDBHook("@duckdb.main").test_connection()[0]


FILLED = '{"token": "stored"}'


@pytest.mark.parametrize(
    ("connection", "body", "is_refused"),
    [
        (stored(conn_type="osiris_api"), asked(), True),
        (stored(conn_type="osiris_api"), asked(extra=FILLED), False),
        (stored(conn_type="osiris_api", conn_id="warehouse"), asked(), False),
        (stored(), asked(), False),
        (stored(), asked(connection_id="osiris_api_main"), False),
        (stored(id=None), asked(), False),
        (stored(id=None), asked(connection_id="osiris_api_main"), True),
    ],
    ids=["ours", "all secrets sent", "saved", "another type", "a row", "another backend", "of the file"],
)
def test_stored_secrets_of_ours_go_nowhere_else(
    connection: Any, body: Any, is_refused: bool, routes: Routes, connections_file: ConnectionsFile
) -> None:
    connections_file({"none": {"main": {}}})
    module = routes(test_connection=calls_merge, update_orm_from_pydantic=update_orm_from_pydantic)
    guard_tests(None)
    if is_refused:
        with pytest.raises(HTTPException, match="host differs"):
            module.update_orm_from_pydantic(connection, body)
        return
    module.update_orm_from_pydantic(connection, body)
    assert (connection.host, connection.extra) == ("evil", FILLED)


MYSQL = {"conn_type": "osiris_mysql", "login": "ann"}
OTHER = {"conn_type": "osiris_none"}


@pytest.mark.parametrize(
    ("attributes", "said", "differs"),
    [
        # The default of the family, and what forms send for nothing.
        (MYSQL, {"host": "db", "port": 3306}, ""),
        (MYSQL, {"host": "db", "port": 3307}, "port differs"),
        (MYSQL, {"host": "evil", "schema": "x"}, "host, schema differs"),
        (OTHER, {"host": "db", "port": 0, "schema": "", "login": None}, ""),
        (OTHER, {"host": "db", "port": 1}, "port differs"),
        (OTHER, {"host": "db", "conn_type": "http"}, "conn_type differs"),
        (OTHER, {"host": "db", "extra": '{"proxy": "evil"}'}, "extra.proxy differs"),
    ],
)
def test_what_means_the_same_is_tested_as_it_is_stored_and_what_differs_is_named(
    attributes: dict[str, Any], said: dict[str, Any], differs: str, routes: Routes, connections_file: ConnectionsFile
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    module = routes(test_connection=calls_merge, update_orm_from_pydantic=update_orm_from_pydantic)
    guard_tests(None)
    connection, before = stored(**attributes), vars(stored(**attributes))
    if differs:
        with pytest.raises(HTTPException, match=rf"as it is stored; {differs}\. ") as refused:
            module.update_orm_from_pydantic(connection, asked(**said))
        assert refused.value.status_code == 400
        return
    module.update_orm_from_pydantic(connection, asked(**said))
    assert vars(connection) == before


def calls_both(connection: Any, body: Any) -> None:
    """Airflow's test of a connection, later on."""
    if _same_endpoint(connection.port, body.port):
        update_orm_from_pydantic(connection, body)


def _same_endpoint(requested: Any, kept: Any) -> bool:
    return bool(requested == kept)


def test_an_empty_port_is_none(routes: Routes) -> None:
    functions = {"update_orm_from_pydantic": update_orm_from_pydantic, "_same_endpoint": _same_endpoint}
    module = routes(test_connection=calls_both, **functions)
    guard_tests(None)
    same = vars(module)["_same_endpoint"]
    assert [same(0, None), same(None, 0), same("", None), same(5, 5)] == [True] * 4
    assert [same(0, 5), same(5, None), same(5, 6)] == [False] * 3
    earlier = routes(test_connection=calls_merge, **functions)
    guard_tests(None)
    assert vars(earlier)["_same_endpoint"] is _same_endpoint


def test_of_a_file_that_cannot_be_read_nothing_is_served(
    connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = OsirisConnectionsBackend()
    monkeypatch.setattr("airflow.configuration.ensure_secrets_loaded", lambda: [object(), backend])
    connections_file({"airflow": {"warehouse": {"conn_type": "http", "host": "db"}}})
    is_in_file = connection_test._is_in_file  # noqa: SLF001 - what decides
    assert [is_in_file(name) for name in ("warehouse", "none", "duckdb.none")] == [True, False, True]
    connections_file({"none": {"main": {}}})
    assert not is_in_file("warehouse")
