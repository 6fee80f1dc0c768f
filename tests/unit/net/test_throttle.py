"""Taking turns: not too many at once, and no one waits longer than it must."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from osiris_provider.net import throttle
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.throttle import AT_ONCE, turn

FOREVER = 3600.0
"""Seconds, beside which the patience of a test is nothing."""
MAX_WAIT = 10.0


class Waiter(threading.Thread):
    """Waits for a turn, and gives it back at once."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(daemon=True)
        self.deadline = deadline
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with turn(self.deadline):
                pass
        except TimeoutError as error:
            self.error = error


def all_slots() -> ExitStack:
    """Take all the turns that there are."""
    taken = ExitStack()
    for _ in range(AT_ONCE):
        taken.enter_context(turn(Deadline(MAX_WAIT)))
    return taken


def test_a_waiter_starts_as_soon_as_a_turn_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "LONGEST", FOREVER)
    with all_slots() as taken:
        waiters = [Waiter(Deadline(FOREVER)) for _ in range(3)]
        for waiter in waiters:
            waiter.start()
            waiter.join(0.05)
        assert all(waiter.is_alive() for waiter in waiters)
        one = taken.pop_all()
        one.close()
        for waiter in waiters:
            waiter.join(MAX_WAIT)
        assert [(waiter.is_alive(), waiter.error) for waiter in waiters] == [(False, None)] * 3


def test_who_has_a_turn_for_long_keeps_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "LONGEST", 0.01)
    with all_slots():
        waiter = Waiter(Deadline(FOREVER))
        waiter.start()
        waiter.join(MAX_WAIT)
        assert not waiter.is_alive()


def test_a_wait_ends_with_its_deadline() -> None:
    with all_slots(), pytest.raises(TimeoutError), turn(Deadline(0.001)):
        pytest.fail("there was no turn to be had")
    with all_slots():
        pass
