"""Checks that hang, by their server or by Airflow, keep no other check of a triggerer waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.check import THREAD_NAME
from osiris_provider.hooks import health
from osiris_provider.hooks.base import resolve
from osiris_provider.triggers import doctor
from osiris_provider.triggers.doctor import LOOK_UP_SECONDS, OsirisDoctorTrigger, _BackgroundCheck

from tests.faults.peers import Peer, silent

HUNG = 40
LONG = 60.0


@pytest.fixture
def file(tmp_path: Path) -> Iterator[str]:
    """A connections file with a server that never answers, and a database that is healthy."""
    path = tmp_path / "osiris_connections.yaml"
    with Peer(silent) as peer:
        path.write_text(
            f"version: 1\nconnections:\n  mysql:\n    mute: {{host: 127.0.0.1, port: {peer.port}, user: u}}\n"
            "  duckdb:\n    main: {path: ':memory:'}\n",
            encoding="utf-8",
        )
        path.chmod(0o600)
        yield str(path)


async def _report(target: str, file: str, timeout: float = LONG) -> Any:
    trigger = OsirisDoctorTrigger(connections=[target], check_timeout=timeout, file=file)
    (event,) = [event async for event in trigger.run()]
    return event.payload["reports"][0]


def test_forty_hung_checks_keep_no_other_waiting(file: str) -> None:
    async def check() -> tuple[Any, int]:
        hung = [asyncio.ensure_future(_report("@mysql.mute", file)) for _ in range(HUNG)]
        healthy = await asyncio.wait_for(_report("@duckdb.main", file), LONG / 3)
        still = sum(not task.done() for task in hung)
        for task in hung:
            task.cancel()
        return healthy, still

    report, still = asyncio.run(check())
    assert report["ok"] is True
    assert still == HUNG


def test_an_airflow_that_does_not_answer_hangs_no_other(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    asked: list[str] = []
    threads: list[threading.Thread] = []

    def hang(target: str, **options: Any) -> ResolvedConnection:
        asked.append(target)
        threads.append(threading.current_thread())
        if target.startswith("@mysql"):
            release.wait(LONG)
        return resolve(target, **options)

    monkeypatch.setattr(health, "resolve", hang)
    monkeypatch.setattr(doctor, "LOOK_UP_SECONDS", 0.3)

    async def check() -> list[Any]:
        first = await asyncio.gather(_report("@mysql.mute", file), _report("@duckdb.main", file))
        return [*first, *[await _report("@mysql.mute", file) for _ in range(2)]]

    try:
        hung, healthy, *again = asyncio.run(check())
    finally:
        release.set()
    assert (hung["category"], hung["details"]) == ("timeout", {"fault": "not_looked_up", "retryable": True})
    assert healthy["ok"] is True
    assert [one["details"] for one in again] == [hung["details"]] * 2
    assert asked.count("@mysql.mute") == 1, "one that hangs is not joined by another at each interval"
    assert all(thread.daemon for thread in threads), "a triggerer that ends waits for none of them"
    assert all(thread.name.startswith(THREAD_NAME) for thread in threads), "but those that end soon"


def test_what_a_check_raises_before_it_asks_is_raised_at_once(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        message = "of somebody's secrets backend"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(health, "resolve", fail)
    monkeypatch.setattr(doctor, "LOOK_UP_SECONDS", 100 * LONG)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(_report("@duckdb.main", file))


@pytest.mark.parametrize("seconds", [0.5, LONG])
def test_a_check_that_hangs_is_given_up_a_quarter_of_a_second_after_its_time(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def wait(_events: Any, *, timeout: float) -> None:
        waited.append(timeout)

    async def give_up() -> None:
        check = _BackgroundCheck(asyncio.get_running_loop(), lambda _: None)
        monkeypatch.setattr(asyncio, "wait", wait)
        await check.wait(seconds)
        assert waited == [LOOK_UP_SECONDS], "its own time begins when its server is asked"
        check.looked_up.set_result(None)
        await check.wait(seconds)

    asyncio.run(give_up())
    assert seconds < waited[-1] <= seconds + 0.25
