"""A running Airflow with its metadata on PostgreSQL, or on SQLite as by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.servers import MariaDBServer, PostgresServer
from tests.servers.airflow import AirflowServer

DAGS = Path(__file__).with_name("dags")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, mariadb: MariaDBServer) -> Path:
    """Where the connections file is, and what it names."""
    home = tmp_path_factory.mktemp("osiris")
    actual: dict[str, Any] = {
        "duckdb": {
            "shop": {"path": str(home / "shop.duckdb")},
            "scratch": {"path": ":memory:"},
            # Healthy as long as there is such a directory.
            "fickle": {"path": str(home / "there" / "fickle.duckdb")},
        },
        "postgres": {"default": asdict(postgres.app)},
        "mysql": {"default": asdict(mariadb.app)},
    }
    (home / "osiris_connections.yaml").write_text(yaml.safe_dump({"version": 1, "connections": actual}))
    with duckdb.connect(home / "shop.duckdb") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    return home


@pytest.fixture(scope="session")
def start(home: Path, postgres: PostgresServer) -> Callable[..., Any]:
    """Return what starts an Airflow."""

    @contextmanager
    def start(metadata: str, dags: Path = DAGS, **settings: str) -> Iterator[AirflowServer]:
        environment = {
            "OSIRIS_HOME": str(home),
            "AIRFLOW__OSIRIS__STAGING_URL": (home / metadata).as_uri(),
            "AIRFLOW__SECRETS__BACKEND": "osiris_provider.secrets.connections_file.OsirisConnectionsBackend",
            **settings,
        }
        name = f"metadata_{metadata}"
        if metadata == "postgres":
            postgres.create_database(name)
        address = postgres.app_on(name) if metadata == "postgres" else None
        with AirflowServer(address, dags, environment) as server:
            yield server
        if metadata == "postgres":
            postgres.drop_database(name)

    return start


@pytest.fixture(scope="session", params=["postgres", "sqlite"])
def airflow(request: pytest.FixtureRequest, start: Callable[..., Any]) -> Iterator[AirflowServer]:
    """A running Airflow, on the one metadata and on the other."""
    with start(request.param) as server:
        yield server
