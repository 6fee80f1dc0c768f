"""The provider whose hooks do what no hook should, and a home of Airflow for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.hook_doctor.provider import Checks, installed

WARM = 100.0
"""Seconds for Airflow to be imported, on a busy machine."""


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checks]:
    """Yield checks by the hooks of the provider, which are imported."""
    directory = tmp_path_factory.mktemp("hostile")
    with installed(directory / "lib"):
        checks = Checks(directory / "pids")
        assert checks.verdict("fine", WARM)[0] == "ok"
        yield checks


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
