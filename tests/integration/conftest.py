"""Fixtures for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from osiris_provider.cli.main import main

from tests.faults.peers import closed_port
from tests.unit.connection_files import write

Run = Callable[..., tuple[int, str, str]]

MIXED = """\
version: 1
connections:
  duckdb:
    memory: {{path: ":memory:"}}
    gone: {{path: "{directory}/gone.duckdb", read_only: true}}
  mysql:
    twice: {{host: h, host: g, user: u}}
    unset: {{host: h, user: u, password: "${{NOT_SET_ANYWHERE}}"}}
    Bad-Alias: {{host: h, user: u}}
    closed: {{host: 127.0.0.1, port: {port}, user: u}}
"""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def mixed(tmp_path: Path) -> Iterator[Path]:
    """A file with a healthy connection and one of every kind of trouble."""
    with closed_port() as port:
        yield write(tmp_path, MIXED.format(directory=tmp_path, port=port))
