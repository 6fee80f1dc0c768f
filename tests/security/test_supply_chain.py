"""What is installed and run in CI and in the image is what was reviewed: commits and hashes, not tags."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORKFLOWS = sorted(REPOSITORY.glob(".github/workflows/*.y*ml"))
LOCKS = sorted(REPOSITORY.glob("requirements/*.txt"))
COMMIT = re.compile(r"^\s*-?\s*uses:\s+[\w./-]+@[0-9a-f]{40} # v[\d.]+$")
PIN = re.compile(r"^([\w.\[\],-]+)==[\w.+!]+( ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


SAFE_SINCE = {
    "cryptography": "44.0.1",  # CVE-2024-12797
    "jinja2": "3.1.6",  # CVE-2025-27516
    "psycopg2-binary": "2.9.11",  # CVE-2024-10977 and CVE-2025-1094, of libpq
    "pymysql": "1.1.1",  # CVE-2024-36039
    "requests": "2.32.4",  # CVE-2024-47081
    "urllib3": "2.6.3",  # CVE-2026-21441
}
"""What is known of the versions before, and can be reached through this package."""


def test_no_version_with_a_known_hole_is_allowed() -> None:
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    needed = {requirement.name: requirement.specifier for requirement in map(Requirement, declared)}
    lowest = {name: min(Version(one.version) for one in needed[name] if one.operator == ">=") for name in SAFE_SINCE}
    assert {name: str(lowest[name]) for name, safe in SAFE_SINCE.items() if lowest[name] < Version(safe)} == {}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    uses = [line for line in workflow.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not COMMIT.match(line)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_unless_a_job_says_more(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_line_of_a_lock_is_a_version_or_a_hash(lock: Path) -> None:
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not PIN.match(line) and not HASH.match(line)] == []
    pinned = {match[1] for line in lines if (match := PIN.match(line))}
    assert {"apache-airflow", "pymysql", "psycopg2-binary", "requests", "pyyaml", "hatchling"} <= pinned
    # A version without a hash would be followed by the next version.
    assert not any(PIN.match(line) and not HASH.match(after) for line, after in itertools.pairwise(lines))


def test_what_installs_asks_for_hashes() -> None:
    for path in ("scripts/lib.sh", "docker/Dockerfile"):
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        commands = [line for line in text.splitlines() if "pip install" in line or "-m pip install" in line]
        # The two others install this checkout, and a pip that the distribution has signed.
        installs = [line for line in commands if "--no-build-isolation" not in line and "--no-index" not in line]
        assert installs
        assert [line for line in installs if "--require-hashes --no-deps" not in line] == []


def test_the_lock_is_complete() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
