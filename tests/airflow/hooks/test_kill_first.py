"""What comes first when a task is killed, whatever operator it is of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.hooks import kill
from osiris_provider.net import killed


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens when a task is killed, in its order."""
    happened: list[str] = []

    @contextmanager
    def exempt() -> Iterator[None]:
        happened.append("exempt")
        yield
        happened.append("no longer")

    monkeypatch.setattr(kill, "stop_all", lambda: happened.append("servers"))
    monkeypatch.setattr(killed, "exempt", exempt)
    monkeypatch.setattr(killed, "break_off", lambda: happened.append("broken off"))
    return happened


def test_servers_stop_before_the_operators_own_end_and_once(steps: list[str]) -> None:
    task = SimpleNamespace(on_kill=lambda: steps.append("own"))
    for _ in range(2):
        kill.stop_with(task)
    kill.stop_with(None)
    task.on_kill()
    assert steps == ["servers", "exempt", "own", "no longer", "broken off"]


def test_the_operators_own_end_comes_even_if_servers_cannot_be_stopped(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        message = "no servers"
        raise ConnectionError(message)

    monkeypatch.setattr(kill, "stop_all", broken)
    task = SimpleNamespace(on_kill=lambda: steps.append("own"))
    kill.stop_with(task)
    with pytest.raises(ConnectionError):
        task.on_kill()
    assert steps == ["exempt", "own", "no longer"]


def test_no_work_begins_while_the_task_that_was_killed_lasts(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lasts: list[Any] = []
    running: list[Any] = [SimpleNamespace(task=SimpleNamespace(on_kill=lambda: steps.append("own")))]
    monkeypatch.setattr(killed, "kill", lasts.append)
    monkeypatch.setattr(kill, "get_current_context", lambda: {"ti": running[0]})
    kill.stop_with_task()
    kill.kill_task()
    assert steps == ["servers", "broken off"]
    running[0].task.on_kill()
    assert steps[2:] == ["servers", "exempt", "own", "no longer", "broken off"]
    assert [one() for one in lasts] == [True, True]
    running[0] = SimpleNamespace()
    assert [one() for one in lasts] == [False, False]


@pytest.mark.parametrize("error", [RuntimeError, KeyError])
def test_without_a_task_nothing_is_taken_for_killed(
    error: type[Exception], steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_context() -> Any:
        raise error

    lasts: list[Any] = []
    monkeypatch.setattr(killed, "kill", lasts.append)
    monkeypatch.setattr(kill, "get_current_context", no_context)
    kill.stop_with_task()
    kill.kill_task()
    assert (steps, lasts) == (["servers", "broken off"], [])
