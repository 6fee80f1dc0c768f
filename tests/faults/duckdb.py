"""Faults of DuckDB files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from tests.faults.scenario import Connection, Scenario

Prepared = Iterator[Connection]

_HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@dataclass(frozen=True)
class DuckDBWorld:
    """A directory with a database in it.

    :param directory: for everything.
    """

    directory: Path

    def at(self, name: str, **fields: Any) -> Connection:
        """Return the connection of a file in the directory."""
        return {"family": "duckdb", "alias": "test", "path": str(self.directory / name), **fields}


@contextmanager
def world(directory: Path) -> Iterator[DuckDBWorld]:
    """Make a database.

    :param directory: where to.
    """
    duckdb.connect(str(directory / "good.duckdb")).close()
    (directory / "text.duckdb").write_text("this is no database" * 1000)
    (directory / "folder.duckdb").mkdir()
    os.mkfifo(directory / "pipe.duckdb")
    yield DuckDBWorld(directory)


@contextmanager
def opened(world: DuckDBWorld, name: str = "good.duckdb", **fields: Any) -> Prepared:
    """Open a file of the directory."""
    yield world.at(name, **fields)


@contextmanager
def locked(world: DuckDBWorld) -> Prepared:
    """Open the database while another process writes to it."""
    command = [sys.executable, "-c", _HOLDER, str(world.directory / "good.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"open\n"
        yield world.at("good.duckdb")
        holder.communicate()


Row = tuple[str, str, Callable[[DuckDBWorld], Any]]

_ROWS: list[Row] = [
    ("healthy", "ok", opened),
    ("healthy, in memory", "ok", partial(opened, path=":memory:")),
    ("not there yet", "ok", partial(opened, name="new.duckdb")),
    ("not there, read-only", "no_file", partial(opened, name="new.duckdb", read_only=True)),
    ("no such directory", "no_directory", partial(opened, name="no/such.duckdb")),
    ("a directory", "not_a_file", partial(opened, name="folder.duckdb")),
    ("a pipe", "not_a_file", partial(opened, name="pipe.duckdb")),
    ("not a database", "not_a_database", partial(opened, name="text.duckdb")),
    ("written by another process", "database_locked", locked),
]
SCENARIOS = [Scenario(name, "duckdb", fault, make) for name, fault, make in _ROWS]
