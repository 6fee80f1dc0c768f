"""Search all that a running Airflow stores, logs, shows and tells, after all has gone wrong in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.leaks.canaries import HOOK, MYSQL, TYPED, traces_in
from tests.leaks.conftest import Scene
from tests.leaks.hooks import TELLS
from tests.leaks.search import ProcessWatch, in_database, in_files, in_rest, paths_of_rest

HEALTH = "/osiris/health"


def test_what_should_have_run_has_run(scene: Scene) -> None:
    well = ("sql", "http", "mysql_main", "postgres_main", "careless_logs", "hooks", "hooks_deferred")
    failing = ("doctor", "deferred", "sensor", "waits", "careless_driver", "sql_wrong", "http_down", "careless_uri")
    assert {name: scene.states[name] for name in well} == {name: {"success"} for name in well}
    assert {name: scene.states[name] for name in failing} == {name: {"failed"} for name in failing}
    assert [answer["status"] for answer in scene.answers] == [False] * 5 + [True]


def test_hooks_have_run_and_their_checks_are_events(scene: Scene) -> None:
    rest = scene.airflow.rest("viewer")
    connections = json.loads(rest.read(f"{HEALTH}/connections"))["connections"]
    checks = {
        one["alias"]: {
            check["fault"] for check in json.loads(rest.read(f"{HEALTH}/connections/{one['asset_id']}"))["checks"]
        }
        for one in connections
        if one["family"] == "airflow"
    }
    assert {*TELLS, "mail", "mail_wrong", "mail_url", "aws", "stored_mail"} <= set(checks)
    assert None in checks["mail"]
    assert "wrong_password" in checks["mail_wrong"] & checks["stored_mail"]
    # Each has run at least once, and left its number.
    assert len(scene.pids.read_text().split()) >= len(TELLS)


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_the_page_of_health(scene: Scene, user: str) -> None:
    rest = scene.airflow.rest(user)
    listing = json.loads(rest.read(f"{HEALTH}/connections"))["connections"]
    paths = [f"{HEALTH}/connections/{one['asset_id']}" for one in listing]
    assert len(paths) > len(TELLS)
    assert "\n".join(in_rest(rest, [f"{HEALTH}/connections", *paths])) == ""


def test_the_metadata_database(scene: Scene) -> None:
    assert "\n".join(in_database(scene.metadata)) == ""


def test_all_files_of_airflow_logs_and_staging_included(scene: Scene) -> None:
    (scene.airflow.logs / "scheduler.log").unlink(missing_ok=True)
    sightings = in_files(scene.airflow.home) + traces_in("output of the scheduler", scene.said)
    assert "\n".join(sightings) == ""


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_the_rest_api_and_what_the_user_interface_asks(scene: Scene, user: str) -> None:
    paths = list(paths_of_rest(scene.airflow.rest("admin")))
    assert len(paths) > 200
    assert "\n".join(in_rest(scene.airflow.rest(user), paths)) == ""


def test_the_answers_of_the_test_button(scene: Scene) -> None:
    assert traces_in("POST /connections/test", str(scene.answers)) == []


def test_the_command_lines_and_environments_of_processes(scene: Scene) -> None:
    assert scene.watch.sightings == set()


def test_every_search_finds_what_is_planted(scene: Scene) -> None:
    admin = scene.airflow.rest("admin")
    admin.post("/variables", {"key": "planted", "value": "x", "description": f"password={MYSQL.core}"})
    try:
        assert any(sightings.startswith("variable.description: ") for sightings in in_database(scene.metadata))
        (sightings,) = in_rest(admin, ["/api/v2/variables"])
        assert MYSQL.core in sightings
    finally:
        admin.delete("/variables/planted")
    log = scene.airflow.logs / "planted.log"
    log.write_text("Basic " + next(trace for trace in MYSQL.traces() if trace.startswith("WnE3")))
    assert len(in_files(scene.airflow.home)) == 1
    log.unlink()
    watch = ProcessWatch()
    command, env = [sys.executable, "-c", "input()", TYPED.core], {**os.environ, "PASSWORD": HOOK.core}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        watch.look()
        process.communicate(b"\n")
    assert watch.sightings == {TYPED.core, HOOK.core}
