"""What Airflow tests besides the button: ``airflow connections test``, and tests that the API leaves to a worker."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import to_airflow

from tests.airflow.connections import FAMILIES
from tests.browser.world import CASES, Fields, World
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

WELL = [(family, "well") for family in FAMILIES]
# One that is broken a family.
BROKEN = [next(case[:2] for case in CASES if case[0] == family) for family in FAMILIES]
# Of those that are well the command line does not show what the hook said: one will do.
FROM_COMMAND_LINE = [*BROKEN, WELL[0]]


def _fields(world: World, family: str, name: str) -> Fields:
    return world.healthy[family] if name == "well" else world.broken(family, name)


def _sentence(family: str, fields: Fields) -> str:
    """What is said of a connection, as a pattern."""
    ok, verdict = get_connector(family).doctor({"family": family, "alias": "x", **fields})
    return r"Connection successful in [\d.]+ ms.*" if ok else re.escape(verdict["message"])


def _body(connection_id: str, family: str, fields: Fields) -> dict[str, Any]:
    attributes = to_airflow(family, fields)
    return {**attributes, "connection_id": connection_id, "extra": json.dumps(attributes["extra"])}


@pytest.fixture(scope="module")
def from_command_line(airflow: AirflowServer, admin: Rest, world: World) -> dict[tuple[str, str], tuple[int, str]]:
    """Exit code and output of ``airflow connections test`` of each connection."""
    for family, name in FROM_COMMAND_LINE:
        admin.delete(f"/connections/osiris_{family}_{_alias(name)}")
        admin.post("/connections", _body(f"osiris_{family}_{_alias(name)}", family, _fields(world, family, name)))

    def run(case: tuple[str, str]) -> tuple[int, str]:
        done = airflow.run("connections", "test", f"osiris_{case[0]}_{_alias(case[1])}", environment={"COLUMNS": "500"})
        return done.returncode, done.stdout

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(FROM_COMMAND_LINE, pool.map(run, FROM_COMMAND_LINE), strict=True))


@pytest.mark.parametrize(("family", "name"), FROM_COMMAND_LINE)
def test_the_command_line(
    family: str, name: str, from_command_line: dict[tuple[str, str], tuple[int, str]], world: World
) -> None:
    code, output = from_command_line[family, name]
    assert code == (0 if name == "well" else 1)
    if name == "well":
        assert "Connection success!" in output
    else:
        assert re.search(_sentence(family, _fields(world, family, name)), output), output


@pytest.mark.parametrize(("family", "name"), [*WELL, *BROKEN])
def test_on_a_worker(family: str, name: str, admin: Rest, world: World) -> None:
    fields = _fields(world, family, name)
    body = _body(f"osiris_{family}_{_alias(name)}_on_worker", family, fields)
    token = admin.post("/connections/enqueue-test", {**body, "port": body["port"] or 0})["token"]
    state, message = until(lambda: _result(admin, token), "result of the connection test", 90)
    assert state == ("success" if name == "well" else "failed"), message
    assert re.fullmatch(_sentence(family, fields), message), message


def test_a_stored_connection_without_a_port(admin: Rest, world: World) -> None:
    """The UI sends port 0 for it, and Airflow 3.3.2 calls that another connection."""
    connection_id, fields = "osiris_shopify_no_port", world.healthy["shopify"]
    admin.delete(f"/connections/{connection_id}")
    stored = admin.post("/connections", _body(connection_id, "shopify", fields))
    assert stored["port"] is None
    asked = {name: value for name, value in stored.items() if value is not None}
    answer = admin.ask("POST", "/connections/test", json={**asked, "port": 0, "login": "", "schema": ""})
    assert answer.ok, answer.text
    assert answer.json()["status"] is True, answer.text
    # Users who really ask for another port must still say the secrets.
    assert admin.ask("POST", "/connections/test", json={**asked, "port": 1}).status_code == 400


def _alias(name: str) -> str:
    return name.replace(" ", "_")


def _result(admin: Rest, token: str) -> tuple[str, str] | None:
    headers = {"Airflow-Connection-Test-Token": token}
    actual = admin.ask("GET", "/connections/enqueue-test", headers=headers).json()
    return (actual["state"], actual["result_message"]) if actual["state"] in ("success", "failed") else None
