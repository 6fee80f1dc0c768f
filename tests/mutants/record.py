"""Which tests run which lines of the package: all of them are run once to know it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import CoverageData
from coverage.exceptions import CoverageException

from tests.examples import FIRST_FAILURE
from tests.mutants.recorder import DATA

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".mutants"
"""Where records are kept: the last one."""
ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
_PYTEST = ("-m", "pytest", "-q", "-p", "tests.mutants.recorder", "-p", "no:cacheprovider")
_AT_A_TIME = ("--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder")


@dataclass(frozen=True)
class Record:
    """What is noted of a run of tests.

    :param data: the tests that run a line, by file and line. A test that is a file only stands for all that are in it.
    :param seconds: how long each test takes.
    """

    data: CoverageData
    seconds: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record."""
        data = CoverageData(str(path))
        data.read()
        return cls(data, json.loads(path.with_suffix(".json").read_text()))

    def tests(self, module: Path, lines: set[int]) -> set[str]:
        """Return the tests that run one of the lines of a module."""
        noted = self.data.contexts_by_lineno(str(module))
        return {test for line in lines for test in noted.get(line, ()) if test}

    def cost(self, test: str) -> float:
        """Return the seconds that a test takes, or all of a file; a second where nothing is noted."""
        if "::" in test:
            return self.seconds.get(test, 1.0)
        return sum(seconds for name, seconds in self.seconds.items() if name.startswith(f"{test}::")) or 1.0


def listed() -> list[str]:
    """Return the files of the working tree, without those that git ignores."""
    command = [shutil.which("git") or "git", "ls-files", "-coz", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def recorded() -> Record:
    """Return the record of the working tree; if there is none, run all tests for it: a quarter of an hour."""
    digest = hashlib.sha256()
    for name in sorted(listed()):
        if name.startswith(("osiris_provider/", "tests/")):
            digest.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    path = KEPT / digest.hexdigest()[:16] / "lines"
    if not path.exists():
        shutil.rmtree(KEPT, ignore_errors=True)
        path.parent.mkdir(parents=True)
        make(path, [])
    return Record.read(path)


def make(path: Path, tests: list[str]) -> None:
    """Run tests and write what they run.

    :param path: of the record.
    :param tests: all if none is given.
    :raises RuntimeError: they cannot be run to their end. One that fails shows nothing of a change later.
    """
    config = str(Path(__file__).with_name("coverage.ini"))
    # The tracer of later Pythons does not tell one test from another.
    noting = {DATA: str(path), "COVERAGE_PROCESS_START": config, "COVERAGE_CORE": "ctrace"}
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MUTANTS_"))}
    environment = {**own, **noting, "HYPOTHESIS_PROFILE": FIRST_FAILURE}
    command = [sys.executable, *_PYTEST, *(tests or _AT_A_TIME)]
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if code not in ENDED:
        message = f"The tests did not run to their end without any change: exit code {code} of pytest."
        raise RuntimeError(message)
    combined = CoverageData(str(path))
    for file in path.parent.glob(f"{path.name}.*.pid*"):
        # Tests kill processes, some of them while they write.
        with suppress(CoverageException):
            one = CoverageData(str(file))
            one.read()
            combined.update(one)
        file.unlink()
