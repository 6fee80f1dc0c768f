"""What ``osiris connections list`` does for each connection more, counted in calls and not in seconds."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from osiris_provider.cli.main import main

CALLS = 85
"""Of functions in Python, for a connection of five fields: PyYAML itself makes 12 for its events."""


def test_a_connection_more_costs_the_list_few_calls(tmp_path: Path) -> None:
    # What the first of a process imports and compiles is not counted.
    calls(tmp_path, 1)
    few, many = calls(tmp_path, 20), calls(tmp_path, 220)
    each = (many - few) / 200
    assert each < CALLS


@pytest.mark.parametrize(
    ("call", "freezes"), [("main()", True), ("main(sys.argv[1:])", False)], ids=["a process of its own", "another"]
)
def test_what_the_list_has_read_is_not_looked_through_at_the_end_of_its_process(
    call: str, freezes: bool, tmp_path: Path
) -> None:
    code = f"import gc, sys; from osiris_provider.cli.main import main; {call}\n"
    code += "sys.stderr.write(f'{gc.isenabled()} {gc.get_freeze_count()}')"
    command = [sys.executable, "-c", code, "connections", "list", "--file", str(connections(tmp_path, 500))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    enabled, frozen = done.stderr.split()
    assert done.stdout.count("\n") == 502
    assert enabled == "True"
    # An entry with its dicts is five objects or so.
    assert (int(frozen) > 2500) is freezes


def calls(directory: Path, number: int) -> int:
    """Return how many functions are called to list so many connections."""
    file, count = connections(directory, number), 0

    def counted(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    with contextlib.redirect_stdout(io.StringIO()) as output:
        before = sys.getprofile()
        sys.setprofile(counted)
        try:
            assert main(["connections", "list", "--file", str(file)]) == 0
        finally:
            sys.setprofile(before)
    assert output.getvalue().count("db.example.com") == number
    return count


def connections(directory: Path, number: int) -> Path:
    """Return a file of so many connections; each has its own variable, which is not set."""
    entries = "".join(
        f"    db_{index}:\n      host: db.example.com\n      port: 3306\n      database: shop_{index}\n"
        f"      user: app\n      password: ${{NO_SUCH_PASSWORD_{index}}}\n"
        for index in range(number)
    )
    file = directory / f"{number}.yaml"
    file.write_text(f"version: 1\nconnections:\n  mysql:\n{entries}")
    return file
