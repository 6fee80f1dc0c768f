"""Connections that Airflow has and cannot read: its API says of them that there are none."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from cryptography.fernet import Fernet
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import ConnectionNotFoundError
from osiris_provider.hooks import health
from osiris_provider.hooks.health import identity, known_to_airflow
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import forget_fernet

ID = "osiris_duckdb_stored"
KEY = Fernet.generate_key()


@contextmanager
def key_of_airflow(key: bytes) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key.decode())
        forget_fernet()
        yield
    forget_fernet()


@pytest.fixture
def stored(airflow_database: None) -> Iterator[None]:
    """A connection in Airflow's database, whose secrets one key alone opens."""
    del airflow_database
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with key_of_airflow(KEY), create_session() as session:
        session.add(Connection(ID, conn_type="osiris_duckdb", extra='{"path": ":memory:"}'))
    yield
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id == ID))


@contextmanager
def database_away(is_away: Callable[[str], bool]) -> Iterator[None]:
    """Have Airflow's database fail for some statements."""
    from airflow.sdk.api.client import Client
    from sqlalchemy import event
    from sqlalchemy.exc import OperationalError
    from tenacity import wait_none

    from airflow import settings

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if is_away(statement):
            raise OperationalError(statement, None, Exception("the database is restarting"))

    retry: Any = Client.request
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(retry.retry, "wait", wait_none())
        event.listen(settings.engine, "before_cursor_execute", fail)
        try:
            yield
        finally:
            event.remove(settings.engine, "before_cursor_execute", fail)


def reads_connections(statement: str) -> bool:
    return "FROM connection" in statement


def counts_runs(statement: str) -> bool:
    return "count(*)" in statement and "FROM dag_run" in statement


@pytest.mark.usefixtures("stored")
def test_a_task_asks_again_when_the_database_is_back(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    connections_file({})
    asked: list[str] = []

    def is_away(statement: str) -> bool:
        if not reads_connections(statement):
            return False
        asked.append(statement)
        return len(asked) == 1

    with DAG("unread_once", schedule=None) as dag:
        OsirisHealthcheckSensor(task_id="wait", connection=ID, retries=0)
    with key_of_airflow(KEY), database_away(is_away):
        run = run_dag(dag)
    assert (run.state, len(asked)) == ("success", 2)
    assert run.xcom("wait")["ok"] is True


@pytest.mark.usefixtures("stored")
def test_a_task_has_its_retries_while_the_database_is_away(
    run_dag: RunDag, connections_file: ConnectionsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_file({})
    with DAG("unread", schedule=None) as dag:
        config = {"connection": ID, "query": "SELECT 1"}
        OsirisOperator(task_id="read", driver="duckdb.extractor", config=config, retries=1, retry_delay=timedelta(0))
    with database_away(lambda statement: reads_connections(statement) or counts_runs(statement)):
        run = run_dag(dag)
    assert (run.state, run.tries["read"]) == ("failed", 2)
    assert f"Airflow cannot read connection {ID} at the moment" in capsys.readouterr().out


@pytest.mark.usefixtures("stored")
def test_a_command_says_whether_airflow_has_none_or_cannot_read_it(
    connections_file: ConnectionsFile,
) -> None:
    connections_file({})
    with key_of_airflow(KEY):
        assert known_to_airflow(ID, None)["path"] == ":memory:"
    with pytest.raises(ConnectionNotFoundError, match="Airflow has no connection osiris_duckdb_nowhere"):
        known_to_airflow("osiris_duckdb_nowhere", None)
    with database_away(reads_connections), pytest.raises(ConnectionNotFoundError, match="database cannot be read"):
        known_to_airflow(ID, None)
    with key_of_airflow(Fernet.generate_key()), pytest.raises(ConnectionNotFoundError, match="Airflow cannot decrypt"):
        known_to_airflow(ID, None)


def test_what_airflow_says_of_itself_is_no_part_of_a_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("airflow.of_a_test")

    def resolve(_: str, **__: Any) -> dict[str, Any]:
        sys.stdout.write("printed")
        warnings.warn("warned", stacklevel=1)
        log.critical("logged")
        return {}

    monkeypatch.setattr(health, "resolve", resolve)
    assert known_to_airflow("any", None) == {}
    assert capsys.readouterr() == ("", "printed")
    log.critical("heard again")
    assert caplog.messages == ["heard again"]


def test_what_a_check_needs_is_there_before_its_clock_runs(
    connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    steps: list[Any] = []

    def check(*given: Any) -> Verdict:
        steps.append(given)
        return Verdict.healthy(1.0, {})

    monkeypatch.setattr(health, "prepare", steps.append)
    monkeypatch.setattr(health, "check_connection", check)
    assert health.check("@duckdb.main", 3.5) == Verdict.healthy(1.0, {}).at("duckdb", "main")
    ([job], (*checked, seconds)) = steps
    assert (job, seconds) == (tuple(checked), 3.5)


@pytest.mark.parametrize(
    ("target", "known_as"),
    [
        ("@mysql.main", ("mysql", "main")),
        ("@mysql", ("mysql", None)),
        ("@mysql.[x", ("mysql.[x", None)),
        ("osiris_mysql_main", ("mysql", "main")),
        # No id of Airflow is longer.
        ("x" * 200, ("airflow", "x" * 200)),
        ("x" * 201, ("airflow", "x" * 197 + "...")),
    ],
)
def test_a_report_names_what_was_asked_for(target: str, known_as: tuple[str, str | None]) -> None:
    assert identity(target) == known_as
