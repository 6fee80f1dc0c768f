"""docker-compose.yaml is valid, complete and of the same Airflow as everything else.

No container is started: that takes a Docker engine, which the tests do without.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

COMPOSE_FILE = REPOSITORY / "docker-compose.yaml"
# They do their work and end.
ONE_SHOT = {"airflow-init", "test"}
AIRFLOW_PARTS = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    actual: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
    return actual


def test_it_follows_the_compose_specification() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_of_airflow_and_every_server_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == AIRFLOW_PARTS | ONE_SHOT | {"redis", "postgres", "mariadb"}


def test_every_service_that_stays_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if "test" not in service.get("healthcheck", {})} == ONE_SHOT


def test_every_dependency_is_awaited(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert how == {"condition": expected}


def test_everything_mounted_from_the_checkout_exists(services: dict[str, dict[str, Any]]) -> None:
    sources = {mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())}
    bound = {source for source in sources if source.startswith(".")}
    assert {"./dags", "./docker/osiris_connections.yaml"} <= bound
    assert [source for source in bound if not (REPOSITORY / source).exists()] == []


def test_ports_are_open_to_this_machine_only(services: dict[str, dict[str, Any]]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_airflow_of_the_image_is_that_of_the_lock() -> None:
    image = re.search(r"^FROM apache/airflow:(\S+)", (REPOSITORY / "docker/Dockerfile").read_text(), re.MULTILINE)
    pinned = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements/demo.txt").read_text(), re.MULTILINE)
    assert image
    assert pinned
    assert image[1] == pinned[1]
