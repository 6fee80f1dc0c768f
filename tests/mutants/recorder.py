"""A plugin of pytest that notes which tests run which lines of the package, in whatever process."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

DATA = "MUTANTS_DATA"
"""The variable with the path of what is noted."""
_TEST = "MUTANTS_TEST"
_seconds: defaultdict[str, float] = defaultdict(float)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Note what a test runs; of a process that is started before it, all tests of its file."""
    if running := coverage.Coverage.current():
        running.switch_context(item.nodeid)
    os.environ[_TEST] = item.nodeid.partition("::")[0]
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note what the processes run that a test starts."""
    os.environ[_TEST] = item.nodeid
    try:
        return (yield)
    finally:
        os.environ[_TEST] = item.nodeid.partition("::")[0]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how long a test takes."""
    if report.when == "call":
        _seconds[report.nodeid] += report.duration


def pytest_sessionfinish() -> None:
    """Write how long each took."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        Path(os.environ[DATA] + ".json").write_text(json.dumps(_seconds))
