"""An Airflow on CeleryExecutor: Redis as broker, PostgreSQL as metadata database, staging on S3, two workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.servers import Address, MariaDBServer, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.workers.worker import Worker

HERE = Path(__file__).parent
HEARTBEAT_TIMEOUT = "60"
"""Seconds after which a task whose worker says nothing is given up; Airflow's default is 300."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:kombu"))


@pytest.fixture(scope="session")
def source(mariadb: MariaDBServer) -> Address:
    mariadb.create_database("source")
    return mariadb.app_on("source")


@pytest.fixture(scope="session")
def target(postgres: PostgresServer) -> Address:
    postgres.create_database("target")
    return postgres.app_on("target")


@pytest.fixture(scope="session")
def osiris_home(source: Address, target: Address, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("osiris")
    actual = {
        family: {"default": {name: getattr(address, name) for name in ("host", "port", "user", "password", "database")}}
        for family, address in (("mysql", source), ("postgres", target))
    }
    text = yaml.safe_dump({"version": 1, "connections": actual}, allow_unicode=True)
    (home / "osiris_connections.yaml").write_text(text.replace("${", "$${"), encoding="utf-8")
    return home


@pytest.fixture(scope="session")
def airflow(
    postgres: PostgresServer, s3_server: S3Server, osiris_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowServer]:
    """A running Airflow without workers."""
    postgres.create_database("airflow")
    dags = tmp_path_factory.mktemp("dags")
    for file in (*HERE.glob("dags/*.py"), REPOSITORY / "dags" / "example_osiris_mysql_to_postgres.py"):
        (dags / file.name).symlink_to(file)
    with RedisServer() as redis:
        settings = {
            "PYTHONPATH": str(HERE / "policy"),
            "OSIRIS_HOME": str(osiris_home),
            "AIRFLOW_CONN_STAGE": s3_server.airflow_connection(),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": redis.url,
            "AIRFLOW__OSIRIS__STAGING_URL": f"s3://stage@{s3_server.bucket}/osiris",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": HEARTBEAT_TIMEOUT,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        }
        components = ("api-server", "scheduler", "dag-processor")
        with AirflowServer(postgres.app_on("airflow"), dags, settings, components) as server:
            yield server


@pytest.fixture(scope="session")
def admin(airflow: AirflowServer) -> Rest:
    return airflow.rest("admin")


@pytest.fixture
def workers(airflow: AirflowServer, tmp_path: Path) -> Iterator[list[Worker]]:
    """Two of them. Each takes tasks of the usual queue, and of one that is named like it."""
    with ExitStack() as stack:
        names = ("one", "two")
        yield [stack.enter_context(Worker(airflow, name, f"default,{name}", tmp_path / name)) for name in names]
    for log in (*tmp_path.glob("*/worker.log"), airflow.logs / "scheduler.log"):
        # Shown with a failure only.
        print(log, "\n".join(log.read_text(errors="replace").splitlines()[-50:]), sep="\n")  # noqa: T201 - for pytest
