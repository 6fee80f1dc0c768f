"""Running pipelines from Python: paths of any kind, and what is left of a run that is interrupted."""

from __future__ import annotations

import tempfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from osiris_provider.errors import ConnectorError
from osiris_provider.pipelines import load_pipeline, run_pipeline
from osiris_provider.pipelines.run import Outcome, Run, RunOptions, RunResult, runner

from tests.unit.pipeline_files import write_pipeline

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
NUMBERS = """\
steps:
  - id: numbers
    driver: duckdb.extractor
    config: {connection: "@duckdb.numbers", query: SELECT 1 AS n, incremental: {column: n}}
  - {id: more, driver: duckdb.processor, inputs: [numbers], config: {query: SELECT n + 1 AS n FROM numbers}}
"""


@pytest.fixture
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "osiris_connections.yaml"
    file.write_text("version: 1\nconnections: {duckdb: {numbers: {path: ':memory:'}}}\n")
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    return write_pipeline(tmp_path, NUMBERS, "numbers.yaml")


def test_paths_may_be_texts_or_paths(numbers: Path, tmp_path: Path) -> None:
    assert load_pipeline(str(numbers)) == load_pipeline(numbers)
    states: list[str | Path] = [tmp_path / "a", str(tmp_path / "b"), (tmp_path / "c").as_uri()]
    for state in states:
        assert run_pipeline(str(numbers), state=state, at=AT)["more"].to_pylist() == [{"n": 2}]
    assert [(tmp_path / name).is_dir() for name in "abc"] == [True] * 3


def interrupted(pipeline: Path, step: str) -> Run:
    """Return a run that is interrupted, as by Ctrl-C, when a step has ended."""

    def watch(of: str, outcome: Outcome | None, _rows: int) -> None:
        if of == step and outcome is not None:
            raise KeyboardInterrupt

    return Run(load_pipeline(pipeline), RunOptions(at=AT), watch)


def test_results_are_there_until_they_are_closed_and_an_interrupted_run_leaves_none(
    numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a URL of RFC 8089 all of these are written otherwise.
    scratch = tmp_path / "scratch é%20#?"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with run_pipeline(numbers, at=AT, state=scratch / "state") as result:
        assert isinstance(result, RunResult)
        assert sorted(path.name[:7] for path in scratch.iterdir()) == ["osiris-", "state"]
    assert [path.name for path in scratch.iterdir()] == ["state"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("scratch")] == [scratch.name]
    # While somebody still looks at the error, which holds all that the run has had.
    stopped: list[list[Path]] = []
    monkeypatch.setattr(runner, "stop_all", lambda: stopped.append(sorted(scratch.iterdir())))
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupted(numbers, "more").execute()
    assert list(scratch.iterdir()) == [scratch / "state"]
    assert raised.tb is not None
    # What a server is still asked for may need what is there.
    assert [len(there) > 1 for there in stopped] == [True]
    with pytest.raises(ConnectorError) as failed:
        run_pipeline(write_pipeline(tmp_path, NUMBERS.replace("n + 1", "error('x')")), at=AT, state=scratch / "state")
    assert list(scratch.iterdir()) == [scratch / "state"]
    assert failed.tb is not None
