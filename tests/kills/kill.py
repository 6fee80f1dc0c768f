"""One load that is killed somewhere, and its retries."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kills.targets import TARGETS, ServerTarget, State, Target, make_source, states_of
from tests.kills.worker import BEGAN, LAST_ROW, LOST, ROWS_TAKEN, WRITTEN, Worker

MAX_WAIT = 900.0


@dataclass(frozen=True)
class Cell:
    """A kind of kill.

    :param victim: ``worker`` or ``server``.
    """

    target: str
    mode: str
    victim: str


@dataclass(frozen=True)
class Point:
    """Where a load is killed.

    :param share: of an undisturbed load's time, between 0 and 1.
    :param late: of the time between the last row and the end instead: where everything is decided.
    """

    share: float
    late: bool = False


@dataclass(frozen=True)
class Timing:
    """An undisturbed load: seconds before the first row is taken, from there to the last one, and from there on."""

    first: float
    rows: float
    end: float

    @property
    def total(self) -> float:
        return self.first + self.rows + self.end


@dataclass(frozen=True)
class Death:
    """What came of a kill.

    :param where: ``start``, ``rows``, ``end``, or ``after`` the writer had returned.
    :param rows: that the writer had taken.
    :param committed: whether the table was the new one then; if not, it was the old one.
    :param problem: empty if the table was one of the two, and exactly the new one after each retry.
    """

    cell: Cell
    point: Point
    where: str
    rows: int
    committed: bool
    seconds: float
    problem: str = ""


def points_of(cell: Cell, number: int, late: int) -> list[Point]:
    """Return random points, one in each of so many equal parts of the load, in any order, and some late ones."""
    dice = random.Random(repr(cell))  # noqa: S311 - no secret depends on it
    spread = [Point((part + dice.random()) / number) for part in range(number)]
    dice.shuffle(spread)
    for position in range(late):
        spread.insert(min(position * 4, len(spread)), Point(dice.random() * 1.1, late=True))
    return spread


class Killer:
    """Kills loads of a target.

    :param target: one of them.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._expected: dict[str, tuple[State, State]] = {}
        self._timings: dict[str, Timing] = {}

    def timing(self, mode: str) -> Timing:
        """Run a load undisturbed, once, and return how long it takes."""
        if mode not in self._timings:
            self.target.prepare(mode)
            started = time.monotonic()
            done = self.target.finish(mode).progress
            self._timings[mode] = Timing(
                done[BEGAN] - started, done[LAST_ROW] - done[BEGAN], done[WRITTEN] - done[LAST_ROW]
            )
        return self._timings[mode]

    def expected(self, mode: str) -> tuple[State, State]:
        if mode not in self._expected:
            self._expected[mode] = states_of(mode, self.target.rows)
        return self._expected[mode]

    def kill(self, cell: Cell, point: Point) -> Death:
        """Kill a load, look, and try it again twice."""
        began = time.monotonic()
        timing = self.timing(cell.mode)
        before, after = self.expected(cell.mode)
        self.target.prepare(cell.mode)
        worker = self.target.start(cell.mode)
        self._await(worker, timing, point)
        where, rows = _stage(worker), int(worker.progress[ROWS_TAKEN])
        problem = self._strike(cell, worker)
        actual = self.target.state()
        problem = problem if actual in (before, after) else f"a mixture: {actual}"
        self.target.finish(cell.mode)
        if not problem and (then := self.target.state()) != after:
            problem = f"after the retry: {then}"
        self.target.finish(cell.mode)
        if not problem and (rows_then := self.target.count()) != after[0]:
            problem = f"after another retry: {rows_then} rows"
        return Death(cell, point, where, rows, actual == after, time.monotonic() - began, problem)

    def _await(self, worker: Worker, timing: Timing, point: Point) -> None:
        """Wait until the load has got to the point, as far as the worker's progress tells."""
        until = time.monotonic() + MAX_WAIT
        left = timing.total * point.share
        if point.late:
            worker.wait_for(LAST_ROW, 1, until)
            worker.process.join(timing.end * point.share)
        elif left <= timing.first:
            worker.process.join(left)
        elif left <= timing.first + timing.rows:
            worker.wait_for(ROWS_TAKEN, self.target.rows * (left - timing.first) / timing.rows, until)
            worker.process.join(random.Random(left).random() * timing.rows / 100)  # noqa: S311 - no secret depends on it
        else:
            worker.wait_for(LAST_ROW, 1, until)
            worker.process.join(left - timing.first - timing.rows)

    def _strike(self, cell: Cell, worker: Worker) -> str:
        """Kill; return what is wrong with how a worker took the death of its server."""
        if cell.victim == "worker" or not isinstance(self.target, ServerTarget):
            worker.process.kill()
            worker.process.join()
            return ""
        self.target.server.crash()
        worker.process.join(MAX_WAIT)
        self.target.server.restart()
        code = worker.process.exitcode
        return "" if code in (0, LOST) else f"the worker ended with {code}, not with an error that says so"


def _stage(worker: Worker) -> str:
    if worker.progress[WRITTEN]:
        return "after"
    if worker.progress[LAST_ROW]:
        return "end"
    return "rows" if worker.progress[ROWS_TAKEN] else "start"


@contextmanager
def killer(name: str, directory: Path, rows: int) -> Iterator[Killer]:
    """A killer of loads of so many rows, with the server that it takes."""
    with ExitStack() as stack:
        target = TARGETS[name](make_source(directory / f"{name}.parquet", rows), rows)
        if isinstance(target, ServerTarget):
            stack.enter_context(target.server)
        yield Killer(target)


def cells_of(name: str, modes: Sequence[str]) -> list[Cell]:
    """Return the kinds of kill of a target; DuckDB has no server."""
    victims = ("worker", "server") if issubclass(TARGETS[name], ServerTarget) else ("worker",)
    return [Cell(name, mode, victim) for mode in modes for victim in victims]
