"""Commands that something is in the way of: no working directory, a file that is broken, Ctrl-C."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import pytest
from osiris_provider.cli import completion, doctor
from osiris_provider.cli.commands import osiris
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hook_doctor.cooldown import OPTION
from osiris_provider.runtime import cleanup
from osiris_provider.runtime.cleanup import OldFile

from tests.integration.conftest import Run
from tests.unit.connection_files import write

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
IN_MEMORY = "version: 1\nconnections:\n  duckdb:\n    default: {path: ':memory:'}\n"


@pytest.fixture
def removed_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory that is there no more."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


@pytest.mark.usefixtures("removed_directory")
def test_a_working_directory_that_was_removed_is_no_bug(run: Run) -> None:
    said = "error: The working directory has been removed. Change to another.\n"
    assert run("pipelines", "init", "dags") == (3, "", said)


def test_a_bug_is_reported_with_its_place_and_without_its_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **_options: object) -> None:
        message = "s3cret"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(json, "dumps", fail)
    code, out, err = run("connections", "schema")
    assert (code, out) == (70, "")
    assert err.startswith("error: unexpected ZeroDivisionError at output.py:")
    assert err.endswith(", in write_json. This is a bug: please report it with this line.\n")


def test_pipelines_are_validated_in_the_folder_of_that_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("pipelines", "validate")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "error: There is no folder pipelines here; name a file or a folder."


@pytest.fixture
def old_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What a sweep of the staging area yields; an exception is raised."""
    swept: list[Any] = []

    def remove_old(*_: object, **_options: object) -> Iterator[OldFile]:
        for one in swept:
            if isinstance(one, BaseException):
                raise one
            yield one

    monkeypatch.setattr(cleanup, "remove_old", remove_old)
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", tmp_path.as_uri())
    return swept


GONE = OldFile("orders/r/t/0/1/data.parquet", 1234, AT)
KEPT = OldFile("orders/r/t/0/2/data.parquet", 5, AT, "orders/r/t/0/2/data.parquet cannot be removed: Permission denied")


def test_what_was_removed_before_ctrl_c_is_shown(run: Run, old_files: list[Any]) -> None:
    old_files += [GONE, KeyboardInterrupt()]
    code, out, err = run("staging", "gc", "--older-than", "7d")
    assert (code, out.split()[-3:]) == (130, ["orders", "1", "1,234"])
    assert err.startswith("1 files, 1,234 bytes removed from ")


def test_what_cannot_be_removed_is_said_and_is_an_exit_code(run: Run, old_files: list[Any], tmp_path: Path) -> None:
    old_files += [KEPT]
    code, out, err = run("staging", "gc", "--older-than", "7d")
    assert (code, out) == (1, "")
    assert err == f"error: {KEPT.problem}\n0 files, 0 bytes removed from {tmp_path.as_uri()}\n"
    old_files += [GONE]
    code, out, err = run("staging", "gc", "--older-than", "7d", "--json", "--dry-run")
    assert (code, err) == (1, "")
    assert json.loads(out) == {
        "url": tmp_path.as_uri(),
        "dry_run": True,
        "files": 1,
        "bytes": 1234,
        "removed": [{"path": GONE.path, "bytes": 1234, "modified": "2026-01-02T00:00:00+00:00"}],
        "failed": [{"path": KEPT.path, "message": KEPT.problem}],
    }


@pytest.mark.parametrize("force", [True, False])
def test_doctor_waits_for_no_server_that_has_refused_a_login_if_it_is_forced(
    run: Run, tmp_path: Path, force: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"AIRFLOW__OSIRIS__{OPTION.upper()}"
    monkeypatch.setenv(variable, "7")
    seen: list[str] = []

    def doctor_all(*_: object, **_options: object) -> list[Verdict]:
        seen.append(os.environ[variable])
        return []

    monkeypatch.setattr(doctor, "doctor_all", doctor_all)
    run("connections", "doctor", *(["--force"] if force else []), "--file", write(tmp_path, IN_MEMORY))
    assert seen == (["0"] if force else ["7"])


@pytest.mark.parametrize("content", ["version: 2", "connections: [", None])
def test_nothing_is_completed_from_a_file_that_is_broken(tmp_path: Path, content: str | None) -> None:
    context = click.Context(osiris)
    context.params["file"] = tmp_path / "none.yaml" if content is None else write(tmp_path, content)
    for complete in (completion.references, completion.families, completion.aliases):
        assert complete(context, click.Option(["--file"]), "") == []
