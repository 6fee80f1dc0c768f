"""Kill loads at random points, tell how that goes, and end with a table: ``scripts/test-faults --help``."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.kills.kill import Cell, Death, Killer, Point, cells_of, killer, points_of
from tests.kills.targets import MODES, TARGETS

PLACES = ("start", "rows", "end", "after")
HEADS = (
    "killed",
    "points",
    "before the\nfirst row",
    "between rows\n(tenths of them)",
    "after the\nlast row",
    "writer had\nreturned",
    "old table\nthen",
    "new table\nthen",
    "exactly the source\nafter each retry",
)


def main() -> int:
    options = _options()
    console = Console(width=150)
    deaths: list[Death] = []
    for name in options.target or TARGETS:
        with tempfile.TemporaryDirectory(prefix="osiris-kills-") as directory:
            cells = cells_of(name, options.mode or MODES)
            with killer(name, Path(directory), options.rows) as one:
                stop = time.monotonic() + options.minutes * 60
                deaths += _run(one, cells, options, stop, console)
        console.print(table_of(name, options.rows, [death for death in deaths if death.cell.target == name]))
    for death in deaths:
        if death.problem:
            console.print(f"[bold red]{death.cell} {death.point}: {death.problem}")
    return 1 if not deaths or any(death.problem for death in deaths) else 0


def _run(one: Killer, cells: Sequence[Cell], options: argparse.Namespace, stop: float, console: Console) -> list[Death]:
    deaths = []
    plan = list(_in_turn(cells, options.points, options.late))[options.skip * len(cells) :]
    for number, (cell, point) in enumerate(plan, 1):
        if time.monotonic() > stop:
            console.print(f"time is up: {len(plan) - number + 1} of {len(plan)} kills were not done")
            break
        death = one.kill(cell, point)
        deaths.append(death)
        at = {"rows": f"after row {death.rows:,}", "start": "before the first row", "end": "after the last row"}
        console.print(
            f"{number}/{len(plan)} {cell.target} {cell.mode}, {cell.victim} killed "
            f"{at.get(death.where, 'after the writer had returned')}: {'new' if death.committed else 'old'} table, "
            f"{death.problem or 'equal after the retries'} ({death.seconds:.0f} s)",
            highlight=False,
        )
        sys.stdout.flush()
    return deaths


def _in_turn(cells: Sequence[Cell], points: int, late: int) -> Iterator[tuple[Cell, Point]]:
    """Yield a point of each cell, then the next of each, so that all have as many when time is up."""
    plans = [[(cell, point) for point in points_of(cell, points, late)] for cell in cells]
    return itertools.chain.from_iterable(zip(*plans, strict=True))


def table_of(name: str, rows: int, deaths: Sequence[Death]) -> Table:
    """Return what came of the kills of a target."""
    table = Table(*HEADS, title=f"{name}: loads of {rows:,} rows")
    for column in table.columns[1:]:
        column.justify = "right"
    cells = list(dict.fromkeys(death.cell for death in deaths))
    for cell in cells:
        mine = [death for death in deaths if death.cell == cell]
        deaths_at = {stage: [death for death in mine if death.where == stage] for stage in PLACES}
        spread = "".join(str(min(count, 9)) if count else "·" for count in _tenths(deaths_at["rows"], rows))
        equal = sum(not death.problem for death in mine)
        table.add_row(
            f"{cell.mode}, {cell.victim}",
            str(len(mine)),
            str(len(deaths_at["start"])),
            f"{len(deaths_at['rows'])}  {spread}",
            *(str(len(deaths_at[stage])) for stage in ("end", "after")),
            str(sum(not death.committed for death in mine)),
            str(sum(death.committed for death in mine)),
            f"[{'green' if equal == len(mine) else 'bold red'}]{equal} of {len(mine)}",
        )
    return table


def _tenths(deaths: Sequence[Death], rows: int) -> list[int]:
    tenths = [min(death.rows * 10 // rows, 9) for death in deaths]
    return [tenths.count(number) for number in range(10)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/test-faults", description="Kill loads, and try them again.")
    parser.add_argument("--points", type=int, default=20, help="random points of a load, in each mode (default: 20)")
    parser.add_argument("--late", type=int, default=5, help="more points after the last row (default: 5)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of a load (default: 1000000)")
    parser.add_argument("--skip", type=int, default=0, help="points of each kind that an earlier run has done")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="default: all; may be given again")
    parser.add_argument("--mode", action="append", choices=MODES, help="default: all; may be given again")
    parser.add_argument("--minutes", type=float, default=600, help="begin no more kills of a target after that")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
