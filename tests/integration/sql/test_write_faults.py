"""Loads whose worker or server is killed, and their retries: the target equals the source, exactly.

``scripts/test-faults`` does more of it on more rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kills.kill import Cell, Killer, Point, cells_of, killer, points_of
from tests.kills.targets import MODES, TARGETS, states_of
from tests.kills.worker import LOST

ROWS = 20_000
FEW_ROWS = 100
KILLED_MODE = {"duckdb": "append", "mariadb": "replace", "mysql": "upsert", "postgres": "replace"}
"""In which mode a load of each family is killed here."""
CELLS = [cell for name in TARGETS for cell in cells_of(name, MODES)]


def takes_long(cell: Cell) -> bool:
    """Return whether a kill is left to ``scripts/test-faults``: those of servers, and all modes but one of a family."""
    return cell.victim == "server" or cell.mode != KILLED_MODE[cell.target]


LONG = [pytest.param(cell, marks=pytest.mark.faults) if takes_long(cell) else cell for cell in CELLS]
SIGKILLED = -9


@pytest.fixture(scope="module")
def killers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Killer]]:
    """A killer a target."""
    with ExitStack() as stack:
        yield {one: stack.enter_context(killer(one, tmp_path_factory.mktemp(one), ROWS)) for one in TARGETS}


@pytest.mark.parametrize("cell", LONG, ids=lambda cell: f"{cell.target}-{cell.mode}-{cell.victim}")
def test_killed_load_leaves_the_old_table_or_the_new_one(killers: dict[str, Killer], cell: Cell) -> None:
    death = killers[cell.target].kill(cell, Point(0.6, late=True))
    assert not death.problem


def test_points_are_spread_over_the_whole_load() -> None:
    points = points_of(CELLS[0], 20, 2)
    assert sorted(int(point.share * 20) for point in points if not point.late) == list(range(20))
    assert sum(point.late for point in points) == 2


@pytest.mark.faults
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", list(TARGETS))
def test_worker_is_killed_before_each_statement(tmp_path: Path, name: str, mode: str) -> None:
    """Also between the commit, the swap, the ledger's last word, and what the task reports."""
    with killer(name, tmp_path, FEW_ROWS) as one:
        target, (before, after), seen = one.target, states_of(mode, FEW_ROWS), set()
        for number in range(1, 200):
            target.prepare(mode)
            worker = target.start(mode, number)
            worker.process.join(60)
            assert worker.process.exitcode in (0, SIGKILLED, LOST)
            seen.add(target.state())
            assert target.state() in (before, after)
            target.finish(mode)
            assert target.state() == after, f"killed before statement {number}"
            if worker.process.exitcode == 0:
                break
        else:
            pytest.fail("the load never ended")
        assert seen == {before, after}
        assert number > 10
        if target.family == "mysql":
            assert sorted(name for (name,) in target.query("SHOW TABLES")) == ["_osiris_loads", "target"]
