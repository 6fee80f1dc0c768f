"""Running DAGs in this process, against a metadata database of the tests' own."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from osiris_provider.hooks.dbapi import OsirisDbApiHook
from osiris_provider.hooks.duckdb import OsirisDuckDBHook
from osiris_provider.hooks.mysql import OsirisMySQLHook
from osiris_provider.hooks.postgres import OsirisPostgresHook

from tests.airflow.dag_runs import DEADLINE, run_to_the_end
from tests.airflow.task_processes import TaskProcesses
from tests.airflow.versions import forget_secrets, keep_the_api_between_tasks, store_dag
from tests.conftest import fresh_database
from tests.faults import peers
from tests.servers import entry
from tests.servers.process import Server

FOREIGN_WARNINGS = (
    # Airflow's own libraries among each other; nothing of this package can bring them up.
    "ignore:Using `httpx` with `starlette.testclient`",
    "ignore::DeprecationWarning:airflow",
    "ignore:ProvidersManager.hooks is deprecated",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::sqlalchemy.exc.SAWarning",
    # Airflow 3.1, whose paths in object stores are made of older ones.
    "ignore:in a future version of UPath:PendingDeprecationWarning",
)

ConnectionsFile = Callable[[dict[str, Any]], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = f"{Path(__file__).parent}/"
    for item in items:
        if str(item.path).startswith(here):
            for text in FOREIGN_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(text))


@pytest.fixture
def connections_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConnectionsFile:
    """Write a connections file and make it the one that is found."""

    def write(connections: dict[str, Any]) -> Path:
        path = tmp_path / "osiris_connections.yaml"
        path.write_text(yaml.safe_dump({"version": 1, "connections": connections}, allow_unicode=True, sort_keys=False))
        monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
        return path

    return write


HOOKS: dict[str, type[OsirisDbApiHook]] = {
    "mysql": OsirisMySQLHook,
    "mariadb": OsirisMySQLHook,
    "postgres": OsirisPostgresHook,
    "duckdb": OsirisDuckDBHook,
}
"""The hooks of common SQL by the server that they talk to."""
MYSQL_SERVERS = ("mysql", "mariadb")
NewHook = Callable[..., OsirisDbApiHook]


@pytest.fixture
def sql_server(request: pytest.FixtureRequest) -> Callable[[str], Server]:
    """Return one of the servers of :data:`HOOKS`, but for DuckDB's, which has none."""

    def server(name: str) -> Server:
        actual: Server = request.getfixturevalue({"mysql": "mysql_server"}.get(name, name))
        return actual

    return server


@pytest.fixture
def new_hook(
    sql_server: Callable[[str], Server], tmp_path: Path, connections_file: ConnectionsFile
) -> Iterator[NewHook]:
    """Make the hook for a server, on an empty database; the file has the connection as the family's default."""
    known: dict[str, Any] = {}
    with ExitStack() as databases:

        def new_hook(server: str, **fields: Any) -> OsirisDbApiHook:
            where: dict[str, Any] = {"path": str(tmp_path / "Ware House.duckdb")}
            if server != "duckdb":
                address = databases.enter_context(fresh_database(sql_server(server)))
                where = entry(address)
            known[HOOKS[server].family] = {"default": {**where, **fields}}
            connections_file(known)
            return HOOKS[server]()

        yield new_hook


@pytest.fixture
def hook_kept_open(hook: OsirisDbApiHook) -> Iterator[OsirisDbApiHook]:
    """The hook for each of the servers, with a connection beside: DuckDB takes 20 ms to open a file that no one has."""
    with closing(hook.get_conn()):
        yield hook


@pytest.fixture(params=HOOKS)
def hook(request: pytest.FixtureRequest, new_hook: NewHook) -> OsirisDbApiHook:
    """The hook for each of the servers, on an empty database."""
    return new_hook(request.param)


@pytest.fixture(params=MYSQL_SERVERS)
def mysql_hook(request: pytest.FixtureRequest, new_hook: NewHook) -> OsirisDbApiHook:
    """The hook of MySQL on either of its servers."""
    return new_hook(request.param)


@pytest.fixture(autouse=True)
def staging_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    staging = tmp_path / "staging"
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", staging.as_uri())
    return staging


@pytest.fixture(autouse=True)
def secrets_of_its_own() -> Iterator[None]:
    """Have Airflow forget a test's secrets: with each further one it makes a regular expression of all of them."""
    yield
    forget_secrets()


@dataclass
class Run:
    """What came of a DAG run."""

    state: str
    states: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    dag_id: str = ""
    run_id: str = ""
    serialized: str = ""

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """The value that a task left, as it lies in the database."""
        values = [value for task, name, value in self.xcoms() if (task, name) == (task_id, key)]
        return values[0] if values else None

    def xcoms(self) -> Iterator[tuple[str, str, Any]]:
        """All of the run: task, key, value."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            for row in session.query(XComModel).filter_by(dag_id=self.dag_id, run_id=self.run_id):
                yield row.task_id, row.key, json.loads(row.value) if isinstance(row.value, str) else row.value

    def rendered(self) -> str:
        """The rendered fields of all tasks, as text."""
        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.utils.session import create_session

        with create_session() as session:
            rows = session.query(RenderedTaskInstanceFields).filter_by(dag_id=self.dag_id, run_id=self.run_id)
            return json.dumps([row.rendered_fields for row in rows])


RunDag = Callable[..., Run]


@pytest.fixture(scope="session", autouse=True)
def one_api() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        keep_the_api_between_tasks(monkeypatch)
        yield


@pytest.fixture
def run_dag(airflow_database: None) -> RunDag:  # noqa: ARG001 - the database has to be there
    """Run a DAG to its end in this process, retries without waiting included; with the options of ``dag.test``."""

    def run(dag: Any, deadline: float = DEADLINE, **options: Any) -> Run:
        serialized = store_dag(dag)
        result = run_to_the_end(dag, deadline, **options)
        instances = result.get_task_instances()
        return Run(
            str(result.state),
            {ti.task_id: str(ti.state) for ti in instances},
            {ti.task_id: ti.try_number for ti in instances},
            dag.dag_id,
            result.run_id,
            serialized,
        )

    return run


@pytest.fixture(scope="session")
def task_processes(airflow_database: None) -> Iterator[TaskProcesses]:
    """Processes that run tasks, to be killed."""
    del airflow_database
    with TaskProcesses() as processes:
        yield processes


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where no one listens."""
    with peers.closed_port() as port:
        yield port
