"""Continuous integration, pre-commit and the markers of tests name what there is."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.source import ROOT, name_of
from tests.conftest import SLOW_ROOMS

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
JOBS = {"lint", "test", "coverage", "servers", "airflow", "browser", "workers", "wheel"}
"""What CI has to run."""


def jobs_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return the jobs of a workflow."""
    jobs: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return jobs


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    return [step for job in jobs_of(path).values() for step in job["steps"]]


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("vendor.github-workflows", WORKFLOWS), ("vendor.dependabot", [ROOT / ".github/dependabot.yml"])],
)
def test_workflows_keep_to_their_schema(schema: str, paths: list[Path]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_scripts_of_workflows_exist(path: Path) -> None:
    scripts = {name for step in steps_of(path) for name in re.findall(r"scripts/[\w-]+", step.get("run", ""))}
    assert scripts
    assert {name for name in scripts if not os.access(ROOT / name, os.X_OK)} == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_jobs_end(path: Path) -> None:
    assert {name for name, job in jobs_of(path).items() if "timeout-minutes" not in job} == set()


def test_ci_runs_each_kind() -> None:
    assert set(jobs_of(ROOT / ".github/workflows/ci.yml")) == JOBS


@pytest.mark.parametrize("room", SLOW_ROOMS)
def test_slow_rooms_are_run_by_a_workflow(room: str) -> None:
    runs = [step.get("run", "") for path in WORKFLOWS for step in steps_of(path)]
    assert f"scripts/test-{room}" in runs


def test_no_job_keeps_a_token_in_the_checkout() -> None:
    checkouts = [step for path in WORKFLOWS for step in steps_of(path) if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step.get("with", {}).get("persist-credentials") is False for step in checkouts)


def test_a_release_is_checked_before_it_is_published_without_a_password() -> None:
    jobs = jobs_of(ROOT / ".github/workflows/release.yml")
    assert any("scripts/build" in step.get("run", "") for step in jobs["build"]["steps"])
    assert (jobs["publish"]["needs"], jobs["publish"]["permissions"]) == ("build", {"id-token": "write"})
    assert not any("password" in step.get("with", {}) for step in jobs["publish"]["steps"])


def test_pre_commit_runs_each_check() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    checks = re.findall(r"^ +(\w+)\) check ", (ROOT / "scripts/lib.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(checks) == 4
    assert [hook["entry"] for hook in local["hooks"]] == [f"scripts/check {check}" for check in checks]


def test_slow_rooms_have_a_marker_and_a_script(pytestconfig: pytest.Config) -> None:
    declared = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert set(SLOW_ROOMS) <= declared
    for room in SLOW_ROOMS:
        assert f"tests/{room}" not in pytestconfig.getini("testpaths")
        assert os.access(ROOT / f"scripts/test-{room}", os.X_OK)


def test_rooms_are_run_by_default_or_slow(pytestconfig: pytest.Config) -> None:
    rooms = {f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in (ROOT / "tests").rglob("test_*.py")}
    # scripts/test-faults runs the first, scripts/build the second, against the wheel.
    others = {f"tests/{room}" for room in (*SLOW_ROOMS, "kills", "third_party")}
    assert rooms == others.union(pytestconfig.getini("testpaths"))


def test_looks_for_garbage_leave_out_what_was_there_before() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
    assert not any(one is pytest for one in gc.get_objects())
