"""OsirisDoctorTrigger: survives a restart, keeps the loop free, tells no secret."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import pytest
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hooks.health import examine_target
from osiris_provider.triggers import doctor
from osiris_provider.triggers.doctor import OsirisDoctorTrigger

from tests.airflow.conftest import ConnectionsFile
from tests.airflow.versions import deserialize, serialize

ARGUMENTS: dict[str, Any] = {
    "connections": ["@mysql.default", "warehouse"],
    "check_timeout": 1.5,
    "poke_interval": 5.0,
    "file": "/etc/osiris.yaml",
    "delay": 2.5,
}


async def reports_of(trigger: OsirisDoctorTrigger) -> Any:
    """The payload of the only event that a trigger fires."""
    events = [event async for event in trigger.run()]
    (event,) = events
    return event.payload["reports"]


def test_it_survives_a_restart() -> None:
    trigger = OsirisDoctorTrigger(**ARGUMENTS)
    path, arguments = trigger.serialize()
    stored = json.dumps(serialize(arguments))
    kept: Any = deserialize(json.loads(stored))
    again = resolve_name(path)(**kept)
    assert again.serialize() == trigger.serialize() == (path, ARGUMENTS)


def test_it_carries_the_reference_and_tells_no_secret(connections_file: ConnectionsFile, closed_port: int) -> None:
    connection = {"host": "127.0.0.1", "port": closed_port, "user": "ann", "password": "canary-4711"}
    connections_file({"mysql": {"main": connection}})
    trigger = OsirisDoctorTrigger(connections=["@mysql.main", "@mysql.none"])
    (refused, unknown) = reports = asyncio.run(reports_of(trigger))
    assert (refused["category"], refused["details"]["fault"]) == ("network", "refused")
    assert unknown["details"] == {"fault": "needs_worker", "retryable": False}
    assert "canary" not in json.dumps([trigger.serialize(), reports])


def test_what_is_wrong_with_a_connection_needs_no_worker(connections_file: ConnectionsFile) -> None:
    connections_file({"airflow": {"ftp": {"conn_type": "ftp", "port": "abc"}}})
    (wrong,) = asyncio.run(reports_of(OsirisDoctorTrigger(connections=["@airflow.ftp"])))
    assert wrong["details"] == {"fault": "misconfigured", "retryable": False}


def test_it_waits_no_longer_if_one_never_will_be_well(connections_file: ConnectionsFile, closed_port: int) -> None:
    connections_file({"mysql": {"main": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    trigger = OsirisDoctorTrigger(connections=["@mysql.main", "@mysql.none"], poke_interval=3600)
    assert len(asyncio.run(reports_of(trigger))) == 2


def test_the_loop_is_free_while_servers_are_silent(connections_file: ConnectionsFile, silent_port: int) -> None:
    connections_file({"mysql": {"main": {"host": "127.0.0.1", "port": silent_port, "user": "ann"}}})
    checks = 64

    async def measure() -> tuple[float, float]:
        trigger = OsirisDoctorTrigger(connections=["@mysql.main"], check_timeout=0.5)
        waiting = asyncio.gather(*(reports_of(trigger) for _ in range(checks)))
        lags = []
        started = time.monotonic()
        while not waiting.done():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            lags.append(time.monotonic() - before)
        assert all(report[0]["category"] == "timeout" for report in await waiting)
        return sorted(lags)[len(lags) // 2], time.monotonic() - started

    asyncio.run(reports_of(OsirisDoctorTrigger(connections=["@mysql.main"], check_timeout=0.1)))  # imports
    lag, took = asyncio.run(measure())
    assert lag < 0.1
    # Were they made one after the other, it would be half a minute.
    assert took < 16


def test_it_checks_at_its_interval_and_only_a_new_verdict_is_logged(
    connections_file: ConnectionsFile,
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connections_file({"mysql": {"main": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    verdicts: list[str] = []

    def check_and_edit(target: str, timeout: float, on_asking: Callable[[], None], *, file: str | None) -> Verdict:
        verdict = examine_target(target, timeout, on_asking, file=file)
        verdicts.append(verdict.category)
        if len(verdicts) == 3:
            connections_file({"mysql": {}})
        return verdict

    sleep, slept = asyncio.sleep, []

    async def sleep_shortly(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(doctor, "examine_target", check_and_edit)
    monkeypatch.setattr(asyncio, "sleep", sleep_shortly)
    asyncio.run(reports_of(OsirisDoctorTrigger(connections=["@mysql.main"], poke_interval=3600, delay=2.5)))
    assert slept == [2.5, 3600, 3600, 3600]
    assert verdicts == ["network", "network", "network", "unknown"]
    assert re.findall(r"@mysql.main is (\w+): ", capsys.readouterr().out) == ["network", "unknown"]


def test_what_airflow_has_loaded_is_kept_out_of_garbage_collections() -> None:
    # This package's tests do so themselves, after they have been collected.
    gc.unfreeze()
    doctor._freeze.cache_clear()  # noqa: SLF001 - it freezes once a process, which may have been so
    asyncio.run(reports_of(OsirisDoctorTrigger(connections=["@mysql.none"])))
    assert gc.get_freeze_count() > 100_000


@pytest.mark.parametrize("name", ["not_there", "Not-There.2", "osiris_mysql_none"])
def test_an_id_that_nobody_knows_is_looked_up_by_a_worker_as_well(name: str, connections_file: ConnectionsFile) -> None:
    connections_file({"mysql": {}})
    (report,) = asyncio.run(reports_of(OsirisDoctorTrigger(connections=[name], poke_interval=3600)))
    assert report["ok"] is False
    assert "Airflow has no connection" in report["message"]
    assert report["details"]["fault"] == "needs_worker"


@pytest.mark.parametrize("name", ["not there", "../variables/x", "..", "a\nb", "x" * 201, ""])
def test_what_can_be_no_id_is_not_asked_for(name: str, connections_file: ConnectionsFile) -> None:
    connections_file({"mysql": {}})
    (report,) = asyncio.run(reports_of(OsirisDoctorTrigger(connections=[name], poke_interval=3600)))
    assert report["details"]["fault"] == "needs_worker"
    assert "is neither a reference such as @mysql.default nor an Airflow connection id" in report["message"]
