"""A deadline in numbers: what is left, parts of it, bytes, and which timeouts there are."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
from osiris_provider.net.deadline import MAX_TIMEOUT, MIN_TIMEOUT, Deadline, TooMuchDataError, checked_timeout


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass at once."""
    now = [1000.0]

    def passes(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return passes


def test_what_is_left_and_what_may_be_waited_for(wait: Callable[[float], None]) -> None:
    deadline = Deadline(2)
    assert (deadline.left(), deadline.remaining(), deadline.seconds) == (2, 2, 2)
    wait(2 - MIN_TIMEOUT / 4)
    assert 0 < deadline.left() < MIN_TIMEOUT == deadline.remaining()
    wait(MIN_TIMEOUT / 4)
    assert deadline.left() == 0
    with pytest.raises(TimeoutError, match="no answer within 2 s"):
        deadline.remaining()
    wait(1)
    assert repr(deadline) == "Deadline(-1.000 s left of 2)"
    with pytest.raises(TimeoutError):
        deadline.part(0.5)


def test_a_part_is_a_share_of_what_is_left(wait: Callable[[float], None]) -> None:
    deadline = Deadline(4)
    wait(2)
    part = deadline.part(0.25)
    assert (part.seconds, part.left(), deadline.left()) == (0.5, 0.5, 2)


def test_the_end_is_also_that_of_a_part() -> None:
    deadline = Deadline(60)
    part, other = deadline.part(0.5), deadline.part(0.5)
    part.end()
    with pytest.raises(TimeoutError):
        part.remaining()
    assert other.remaining() > 20
    deadline.end()
    with pytest.raises(TimeoutError):
        other.remaining()
    with pytest.raises(TimeoutError):
        deadline.remaining()


def test_a_part_counts_the_same_bytes() -> None:
    deadline = Deadline(9, max_bytes=10)
    deadline.take(4)
    deadline.part(0.5).take(6)
    with pytest.raises(TooMuchDataError):
        deadline.take(1)
    Deadline(9).take(10**15)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, "soon", None, 10**400])
def test_what_is_no_timeout(seconds: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        checked_timeout(seconds)


@pytest.mark.parametrize(
    ("seconds", "checked"), [(1, 1.0), (0.001, 0.001), (MAX_TIMEOUT, MAX_TIMEOUT), (MAX_TIMEOUT * 9, MAX_TIMEOUT)]
)
def test_a_timeout_is_at_most_a_day(seconds: float, checked: float) -> None:
    assert checked_timeout(seconds) == checked
