"""Command line of ``scripts/bench``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from benchmarks.document import put
from benchmarks.reading.contestants import CONTESTANTS, Contestant
from benchmarks.reading.measure import built, compare
from benchmarks.reading.report import Section, markdown, rich_table
from benchmarks.servers import KINDS

US = "osiris"


def main() -> None:
    options = _options()
    console = Console()
    sections = []
    for name in options.server or KINDS:
        entered = [one for one in CONTESTANTS.values() if name in one.servers]
        chosen = [one for one in entered if not options.only or one.name in options.only]
        sections.append(_measure(name, options.rows, chosen, options.rounds))
        console.print(rich_table(sections[-1]))
        if options.large:
            ours = [one for one in entered if one.name == US]
            sections.append(_measure(name, options.large, ours, 1))
            console.print(rich_table(sections[-1]))
    if options.write:
        put("Benchmarks", markdown(sections, options.rounds))


def _measure(name: str, rows: int, contestants: Sequence[Contestant], rounds: int) -> Section:
    kind = KINDS[name]
    with built(kind, "bench", rows) as (address, version):
        figures = compare(kind, address, "bench", rows=rows, contestants=contestants, rounds=rounds)
    return Section(f"{kind.label} {version}, {rows:,} rows", rows, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Compare us with peers and with the servers.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--server", action="append", choices=list(KINDS), help="default: all; may be given again")
    parser.add_argument("--only", action="append", choices=list(CONTESTANTS), help="default: all; may be given again")
    parser.add_argument("--large", type=int, metavar="ROWS", help="run us on a table of this size too, for its memory")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
