"""A running Airflow in which all that is known to go wrong has gone wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.leaks.canaries import STORED, TYPED
from tests.leaks.hooks import LIB, PIDS
from tests.leaks.search import ProcessWatch
from tests.leaks.world import VARIABLES, Connections, running_world
from tests.servers import Address, MariaDBServer, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest

BACKEND = "osiris_provider.secrets.connections_file.OsirisConnectionsBackend"
DAGS = ("checks", "steps", "others")
CARELESS = "careless"


@dataclass
class Scene:
    """What is searched.

    :param answers: of the Test button.
    :param states: of all tasks, by task.
    :param pids: where hooks note that they have run.
    :param said: by the scheduler, before the careless tasks ran: LocalExecutor writes all that a task logs to its own
        output too, and Airflow does not mask that.
    """

    airflow: AirflowServer
    metadata: Address
    watch: ProcessWatch
    answers: list[dict[str, Any]]
    states: dict[str, set[str]]
    pids: Path
    said: str


@pytest.fixture(scope="session")
def scene(
    tmp_path_factory: pytest.TempPathFactory, mariadb: MariaDBServer, postgres: PostgresServer
) -> Iterator[Scene]:
    """Run all DAGs, test all connections, and return where traces may be."""
    home = tmp_path_factory.mktemp("osiris")
    postgres.create_database("airflow")
    metadata = postgres.app_on("airflow")
    directory = tmp_path_factory.mktemp("world")
    with running_world(directory, mariadb, postgres) as connections, ProcessWatch() as watch:
        file = home / "osiris_connections.yaml"
        file.write_text(yaml.safe_dump({"version": 1, "connections": connections}, allow_unicode=True))
        settings = {
            **VARIABLES,
            "OSIRIS_HOME": str(home),
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(directory / LIB))),
            "AIRFLOW__SECRETS__BACKEND": BACKEND,
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
                {"connections_file": str(file), "conn_types": {"postgres": "postgres", "api": "http"}}
            ),
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "osiris_provider=DEBUG",
        }
        with AirflowServer(metadata, Path(__file__).with_name("dags"), settings) as airflow:
            admin = airflow.rest("admin")
            mail = connections["airflow"]["mail"]
            admin.post("/connections", {"connection_id": "stored_mail", **_stored(mail)})
            runs = {dag: admin.trigger(dag) for dag in DAGS}
            answers = list(_tested(admin, connections))
            for dag, run in runs.items():
                admin.finished(dag, run, 600)
            said = (airflow.logs / "scheduler.log").read_text(errors="replace")
            admin.finished(CARELESS, admin.trigger(CARELESS), 300)
            yield Scene(airflow, metadata, watch, answers, _states(admin), directory / PIDS, said)


def _tested(admin: Rest, connections: Connections) -> Iterator[dict[str, Any]]:
    """Press Test on a connection a family, with a secret that is typed in, and save it."""
    typed: dict[str, dict[str, Any]] = {
        "mysql": {"password": TYPED.secret},
        "postgres": {"password": TYPED.secret},
        "supabase": {"extra": {"service_role_key": TYPED.secret}},
        "shopify": {"extra": {"access_token": TYPED.secret}},
        "api": {"password": TYPED.secret},
        "duckdb": {},
    }
    for family, secret in typed.items():
        form = {"connection_id": f"typed_{family}", "conn_type": f"osiris_{family}", **_form(family, connections)}
        form["extra"] = json.dumps({**form.get("extra", {}), **secret.pop("extra", {})})
        yield admin.post("/connections/test", {**form, **secret})
        admin.post("/connections", {**form, **secret})


def _stored(mail: dict[str, Any]) -> dict[str, Any]:
    """Return a connection for Airflow's database, which shows all of it but the password."""
    return {**mail, "login": "loader", "password": STORED.secret, "extra": json.dumps(mail["extra"])}


def _form(family: str, connections: Connections) -> dict[str, Any]:
    fields = connections[family]["main"]
    if family in ("mysql", "postgres"):
        return {"host": fields["host"], "port": fields["port"], "login": fields["user"], "schema": fields["database"]}
    field = {"supabase": "url", "shopify": "shop_domain", "api": "base_url", "duckdb": "path"}[family]
    more = {name: fields[name] for name in ("ca_bundle",) if name in fields}
    return {"extra": {field: fields[field], **more}}


def _states(admin: Rest) -> dict[str, set[str]]:
    tasks = admin.get("/dags/~/dagRuns/~/taskInstances", limit=1000)["task_instances"]
    states: dict[str, set[str]] = {}
    for task in tasks:
        states.setdefault(task["task_id"], set()).add(task["state"])
    return states
