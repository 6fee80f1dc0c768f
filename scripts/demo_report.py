"""Show what the demo's DAG wrote: ``python scripts/demo_report.py FILE.duckdb``."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import duckdb

# The DAG's results that fit on a screen, and what they show.
RESULTS = {
    "carrier_performance": "How the airlines that left New York in 2013 did",
    "delay_by_visibility": "What fog did to them",
}

NEXT_STEPS = """\
[bold]Next[/bold]
  The DAG:              dags/osiris_flights.py
  Its connections:      dags/osiris_connections.yaml
  Check them:           OSIRIS_HOME=dags OSIRIS_DEMO_DIR=.demo .venv/bin/osiris connections doctor
  Run all the tests:    scripts/test
  All of Airflow:       docker compose up --build
"""


def rendered(result: duckdb.DuckDBPyRelation) -> Table:
    """Render every row of a result; numbers to the right."""
    table = Table()
    for name, kind in zip(result.columns, result.types, strict=True):
        is_text = kind == "VARCHAR"
        table.add_column(name.replace("_", " "), justify="left" if is_text else "right", no_wrap=is_text)
    for row in result.fetchall():
        table.add_row(*[_text(value) for value in row])
    return table


def row_counts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Count the rows of every table of the file."""
    names = connection.sql("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    return [(name, connection.table(name).shape[0]) for (name,) in names]


def _text(value: object) -> str:
    if isinstance(value, (float, Decimal)):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main(path: Path) -> None:
    """Print the report on one DuckDB file."""
    import duckdb

    console = Console(highlight=False)
    with duckdb.connect(str(path), read_only=True) as connection:
        for name, title in RESULTS.items():
            console.print(f"\n[bold]{title}[/bold]")
            console.print(rendered(connection.table(name)))
        for name, rows in row_counts(connection):
            console.print(f"  {name:<22}{rows:>10,} rows")
    console.print(f"\nWritten to {path}\n", soft_wrap=True)
    console.print(NEXT_STEPS, soft_wrap=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
