"""The last thing that scripts/demo does: show what its DAG wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

from tests.conftest import REPOSITORY


def test_it_shows_every_row_of_the_results_and_counts_the_tables(tmp_path: Path) -> None:
    file = tmp_path / "flights.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.sql("CREATE TABLE flights AS SELECT unnest(range(1234)) AS number")
        connection.sql("CREATE TABLE carrier_performance AS SELECT 'Endeavor' AS airline, 18460 AS n, 7.38 AS delay")
        connection.sql("CREATE TABLE delay_by_visibility AS SELECT unnest(range(11)) AS visibility_miles")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts/demo_report.py", file], capture_output=True, text=True, check=True
    )
    words = done.stdout.split()
    assert {"Endeavor", "18,460", "7.4", "1,234", str(file)} <= set(words)
    assert "visibility miles" in done.stdout
