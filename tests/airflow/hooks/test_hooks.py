"""Hooks: where connections come from, the Test button, the common SQL operators."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import to_airflow
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError
from osiris_provider.hooks.base import resolve, without_markup
from osiris_provider.hooks.duckdb import OsirisDuckDBHook
from osiris_provider.hooks.mysql import OsirisMySQLHook
from osiris_provider.hooks.postgres import OsirisPostgresHook

from tests.airflow.conftest import HOOKS, ConnectionsFile, NewHook, RunDag
from tests.airflow.connections import EVERY_FIELD, FAMILIES, SECRETS
from tests.servers import entry
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_shopify import FakeShopify
from tests.servers.apis.fake_supabase import FakeSupabase

SQL_HOOKS = {"mysql": OsirisMySQLHook, "postgres": OsirisPostgresHook, "duckdb": OsirisDuckDBHook}
CANARY = "c@nary/s3cret&?"

Fields = Callable[[str], dict[str, Any]]


@pytest.fixture
def fields(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fields]:
    """The fields of a connection that works, by family; what has no server that can be started is played by a fake."""
    token = "t0ken-of-the-test"
    with (
        FakeApi({"Authorization": f"Bearer {token}".encode()}) as api,
        FakeShopify(token) as shopify,
        FakeSupabase(token, "anon") as supabase,
    ):
        known: dict[str, dict[str, Any]] = {
            "api": {"base_url": f"{api.origin}/v1", "token": token, "health_path": "me"},
            "duckdb": {"path": str(tmp_path / "Ware House.duckdb")},
            "shopify": {"shop_domain": shopify.origin, "access_token": token},
            "supabase": {"url": supabase.origin, "service_role_key": token},
        }
        yield lambda family: known.get(family) or entry(request.getfixturevalue(f"{family}_database"))


def as_json(family: str, fields: Mapping[str, Any]) -> str:
    return json.dumps(to_airflow(family, fields))


@pytest.mark.parametrize("family", SQL_HOOKS)
def test_a_hook_finds_its_connection_in_the_file_by_id_and_by_reference(
    family: str, fields: Fields, connections_file: ConnectionsFile
) -> None:
    connections_file({family: {"default": fields(family)}})
    for target in (f"@{family}.default", f"@{family}", f"osiris_{family}_default"):
        assert SQL_HOOKS[family](target).get_first("SELECT 42") == (42,)
    assert SQL_HOOKS[family]().get_first("SELECT 42") == (42,)


@pytest.mark.parametrize("family", SQL_HOOKS)
def test_a_reference_that_the_file_lacks_is_an_airflow_connection(
    family: str, fields: Fields, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({family: {"main": fields(family)}})
    monkeypatch.setenv(f"AIRFLOW_CONN_OSIRIS_{family.upper()}_PROD", as_json(family, fields(family)))
    assert resolve(f"@{family}.prod")["alias"] == "prod"
    assert SQL_HOOKS[family](f"@{family}.prod").get_first("SELECT 42") == (42,)


def test_without_any_file_airflow_connections_still_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_OSIRIS_MYSQL_PROD", "osiris-mysql://ann:s%40cret@db:3307/shop")
    monkeypatch.setenv("AIRFLOW_CONN_OSIRIS_MYSQL_DEFAULT", "osiris-mysql://bob@db")
    assert (resolve("@mysql")["alias"], resolve("@mysql")["user"]) == ("default", "bob")
    assert resolve("@mysql.prod") == {
        "family": "mysql",
        "alias": "prod",
        "host": "db",
        "port": 3307,
        "user": "ann",
        "password": "s@cret",
        "database": "shop",
    }


def test_the_file_comes_first(connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    connections_file({"duckdb": {"main": {"path": "/of/the/file"}}})
    monkeypatch.setenv("AIRFLOW_CONN_OSIRIS_DUCKDB_MAIN", as_json("duckdb", {"path": "/of/airflow"}))
    assert resolve("@duckdb.main")["path"] == "/of/the/file"


@pytest.mark.parametrize("target", ["@mysql.ghost", "osiris_mysql_ghost", "ghost", "no id"])
def test_what_nobody_knows_is_named(target: str, connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    with pytest.raises(
        ConnectionNotFoundError, match=r"Airflow has no connection|nor an Airflow connection id"
    ) as raised:
        resolve(target)
    assert raised.value.reference == target


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("osiris_mysql://ann:s%40cret@db/shop", "its URI begins with no type as URIs have it. Write - for _ in it"),
        ('{"conn_type": "osiris_mysql", "port": "abc"}', "Airflow cannot read variable AIRFLOW_CONN_OSIRIS_MYSQL_OFF"),
        ("{conn_type: osiris_mysql}", "Airflow cannot read variable AIRFLOW_CONN_OSIRIS_MYSQL_OFF"),
    ],
    ids=["a type with _", "a port of letters", "no JSON"],
)
@pytest.mark.parametrize("target", ["@mysql.off", "osiris_mysql_off"])
def test_a_variable_that_airflow_reads_in_another_way_is_named(
    target: str, written: str, said: str, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    monkeypatch.setenv("AIRFLOW_CONN_OSIRIS_MYSQL_OFF", written)
    with pytest.raises(ConnectionConfigError, match=said) as raised:
        resolve(target)
    assert raised.value.reference in (target, "osiris_mysql_off")
    assert "cret" not in str(raised.value)


def test_a_connection_of_another_family_is_refused(connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    with pytest.raises(ConnectionConfigError, match="is a duckdb connection; a mysql connection is needed") as raised:
        OsirisMySQLHook("@duckdb.main").get_conn()
    assert raised.value.reference == "@duckdb.main"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("form", ["json", "uri"])
def test_every_field_survives_environment_variables(
    family: str, form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from airflow.sdk import Connection

    monkeypatch.chdir(tmp_path)
    for example in EVERY_FIELD[family]:
        attributes = to_airflow(family, example)
        extra = json.dumps(attributes.pop("extra"))
        uri = Connection(conn_id="x", **attributes, extra=extra).get_uri()
        value = uri if form == "uri" else json.dumps({**attributes, "extra": extra})
        monkeypatch.setenv(f"AIRFLOW_CONN_OSIRIS_{family.upper()}_X", value)
        assert resolve(f"@{family}.x") == {"family": family, "alias": "x", **example}


@pytest.mark.parametrize("server", ["mysql", "mariadb", "postgres"])
def test_autocommit_and_rollback(server: str, new_hook: NewHook) -> None:
    hook = new_hook(server)
    hook.run("CREATE TABLE t (n INT)")
    with closing(hook.get_conn()) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
    assert hook.get_first("SELECT COUNT(*) FROM t") == (0,)
    hook.run("INSERT INTO t VALUES (1)", autocommit=True)
    hook.insert_rows("t", [(2,), (3,)], target_fields=["n"])
    assert hook.get_first("SELECT COUNT(*) FROM t") == (3,)


def test_duckdb_commits_what_it_runs(fields: Fields, connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"default": fields("duckdb")}})
    hook = OsirisDuckDBHook()
    hook.run(["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1), (2)"])
    assert hook.get_records("SELECT n FROM t WHERE n > ?", parameters=[1]) == [(2,)]
    with closing(hook.get_conn()) as connection:
        hook.set_autocommit(connection, autocommit=False)
        assert hook.get_autocommit(connection) is True, "DuckDB's own connections have no other"


@pytest.mark.parametrize("server", HOOKS)
def test_sql_execute_query_operator(
    server: str, new_hook: NewHook, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = new_hook(server)
    monkeypatch.setenv(f"AIRFLOW_CONN_{hook.default_conn_name.upper()}", as_json(hook.family, hook.resolved))
    with DAG(f"sql_{server}", schedule=None) as dag:
        SQLExecuteQueryOperator(task_id="sql", conn_id=hook.default_conn_name, sql="SELECT 40 + 2")
    run = run_dag(dag)
    assert run.state == "success"
    assert "[42]" in json.dumps(run.xcom("sql"))


def press_test_button(family: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[bool, str]:
    """What the API server does: a random id, the connection as a URI in the environment, then the hook."""
    from airflow.models import Connection

    attributes = to_airflow(family, fields)
    attributes["extra"] = json.dumps(attributes["extra"])
    connection = Connection(conn_id="qX3vb81z", **attributes)  # noqa: AIR311 - the API server uses this class
    monkeypatch.setenv("AIRFLOW_CONN_QX3VB81Z", connection.get_uri())
    ok, message = connection.test_connection()  # type: ignore[no-untyped-call] # Airflow's is not typed
    return bool(ok), str(message)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_test_button_says_that_all_is_well(family: str, fields: Fields, monkeypatch: pytest.MonkeyPatch) -> None:
    ok, message = press_test_button(family, fields(family), monkeypatch)
    assert ok, message
    assert message.startswith("Connection successful in ")


@pytest.mark.parametrize("family", SECRETS)
def test_the_test_button_says_what_doctor_says_without_the_secret(
    family: str, fields: Fields, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {**fields(family), SECRETS[family]: CANARY}
    ok, message = press_test_button(family, broken, monkeypatch)
    assert not ok
    _, verdict = get_connector(family).doctor({"family": family, "alias": "x", **broken})
    assert verdict["category"] == "auth"
    assert message == without_markup(verdict["message"])
    assert CANARY not in message


@pytest.mark.parametrize("family", FAMILIES)
def test_the_test_button_on_an_empty_form_asks_for_what_is_missing(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok, message = press_test_button(family, {}, monkeypatch)
    assert not ok
    assert "required" in message or "give" in message
    assert len(message) < 300
    assert not set("[]") & set(message)


def test_the_test_button_answers_in_time(fields: Fields, silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("AIRFLOW__OSIRIS__DOCTOR_TIMEOUT", "0.5")
    silent = {**fields("mysql"), "port": silent_port}
    started = time.monotonic()
    ok, message = press_test_button("mysql", silent, monkeypatch)
    assert not ok
    assert "0.5 s" in message
    assert time.monotonic() - started < 2


def test_the_test_button_says_that_a_database_will_be_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok, message = press_test_button("duckdb", {"path": str(tmp_path / "new.duckdb")}, monkeypatch)
    assert ok
    assert message.endswith("; the file does not exist yet, what writes first creates it")


def test_the_test_button_shows_no_more_than_airflow_does() -> None:
    assert without_markup("x" * 299) == without_markup("x" * 1000) == "x" * 299


def test_the_test_button_names_no_random_id(monkeypatch: pytest.MonkeyPatch) -> None:
    ok, message = press_test_button("mysql", {}, monkeypatch)
    assert not ok
    assert message.startswith("This connection: field host is required: Server name or address")
    assert message.endswith("field user is required: User to log in as.")
    assert "qX3vb81z" not in message


@pytest.mark.parametrize("written", ["10s", "0", "-1", "nan", "soon [x]"])
def test_the_test_button_says_that_its_timeout_is_none(
    written: str, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    monkeypatch.setenv("AIRFLOW__OSIRIS__DOCTOR_TIMEOUT", written)
    ok, message = OsirisDuckDBHook("@duckdb.main").test_connection()
    assert not ok
    assert "doctor_timeout" in message
    assert "is no number of seconds, such as 2 or 0.5." in message
    monkeypatch.setenv("AIRFLOW__OSIRIS__DOCTOR_TIMEOUT", "10.5")
    assert OsirisDuckDBHook("@duckdb.main").test_connection()[0]
