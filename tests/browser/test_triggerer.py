"""Deferred checks in a real triggerer process that is killed while they wait."""

from __future__ import annotations

from tests.browser.connections_file import ConnectionsFile
from tests.browser.world import WRONG, World
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

SENSORS = ("wait_well", "wait_wrong", "wait_soft")


def test_deferred_sensors_survive_the_kill_of_the_triggerer(
    airflow: AirflowServer, admin: Rest, connections_file: ConnectionsFile, world: World
) -> None:
    good, unreachable = world.healthy["mysql"], world.broken("mysql", "closed port")
    memory = {"duckdb": {"main": {"path": ":memory:"}}}
    connections_file.write({"mysql": dict.fromkeys(("well", "wrong", "soft"), unreachable), **memory})
    run = admin.trigger("waiting")
    until(lambda: _states(admin, run, SENSORS) == ["deferred"] * 3, "deferral of the sensors", 120)
    # The doctor operator has nothing to wait for.
    until(lambda: _states(admin, run, ("doctor",)) == ["success"], "end of the deferred doctor", 120)
    airflow.kill("triggerer")
    wrong = {**good, "password": WRONG}
    connections_file.write({"mysql": {"well": good, "wrong": wrong, "soft": wrong}, **memory})
    assert _states(admin, run, SENSORS) == ["deferred"] * 3
    airflow.start("triggerer")
    assert admin.finished("waiting", run, 180) == "failed"
    assert _states(admin, run, SENSORS) == ["success", "failed", "skipped"]
    reports = {task: admin.xcom("waiting", run, task) for task in SENSORS}
    assert [reports[task]["category"] for task in SENSORS] == ["ok", "auth", "auth"]
    # Waiting cannot help with a wrong password, so the retries are not used up.
    assert admin.task("waiting", run, "wait_wrong")["try_number"] == 1


def _states(admin: Rest, run: str, tasks: tuple[str, ...]) -> list[str]:
    return [admin.task("waiting", run, task)["state"] for task in tasks]
