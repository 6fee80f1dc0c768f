"""One API server of Airflow for all tests of this directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.connections_file import ConnectionsFile
from tests.security.airflow.listener import Listener
from tests.servers import PostgresServer
from tests.servers.airflow import AirflowServer

BACKEND = "osiris_provider.secrets.connections_file.OsirisConnectionsBackend"


@pytest.fixture(scope="session")
def connections_file(tmp_path_factory: pytest.TempPathFactory) -> ConnectionsFile:
    """The connections file of the API server, which is its secrets backend too."""
    return ConnectionsFile(tmp_path_factory.mktemp("osiris"))


@pytest.fixture(scope="session")
def api_server(
    postgres: PostgresServer, connections_file: ConnectionsFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowServer]:
    """Airflow's API server, with users of all roles; nothing else of Airflow runs."""
    postgres.create_database("api_server")
    file = Path(connections_file.directory) / "osiris_connections.yaml"
    settings = {
        "OSIRIS_HOME": str(connections_file.directory),
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"connections_file": str(file), "conn_types": {"postgres": "postgres"}}
        ),
    }
    dags = tmp_path_factory.mktemp("dags")
    with AirflowServer(postgres.app_on("api_server"), dags, settings, ("api-server",)) as server:
        yield server


@pytest.fixture(scope="session")
def owner_peer() -> Iterator[Listener]:
    """The peer that the stored connections name."""
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="session")
def hostile_peer() -> Iterator[Listener]:
    """The peer that the attacker would have the secrets sent to."""
    with Listener() as listener:
        yield listener
