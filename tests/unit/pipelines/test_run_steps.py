"""Steps of a run, one by one: what goes from one to the next, and what is said where nothing does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.duckdb.extractor import DuckDBProcessor
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.pipelines.lint import check_paths
from osiris_provider.pipelines.run import Outcome, overlap, run_pipeline
from osiris_provider.pipelines.run.overlap import AbandonedError, Overlap
from osiris_provider.pipelines.run.upstream import UpstreamContext
from osiris_provider.testing.context import RecordingContext

from tests.unit.pipeline_files import write_pipeline

BATCHES = pa.table({"n": pa.chunked_array([[1], [], [2], [3]])})


class Silent:
    """A driver of a step that returns no data."""

    def run(self, **_: Any) -> dict[str, Any]:
        return {"n": 1}


def test_a_step_whose_input_returned_no_data_says_so(tmp_path: Path) -> None:
    text = f"""
    steps:
      - {{id: silent, driver: "{__name__}.Silent"}}
      - {{id: last, driver: duckdb.processor, inputs: {{rows: silent}}, config: {{query: FROM rows}}}}
    """
    said = "Step last: input 'rows' is not there: step silent is done, or returned no data."
    with pytest.raises(DriverConfigError) as caught:
        run_pipeline(write_pipeline(tmp_path, text))
    assert (str(caught.value), caught.value.step) == (said, "last")


def test_what_a_driver_has_to_say_of_a_query_is_a_problem_of_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_query(*_: object, **_options: object) -> None:
        message = "no such function"
        raise DataError(message)

    monkeypatch.setattr(DuckDBProcessor, "check_query", check_query)
    text = "steps:\n  - id: a\n    driver: duckdb.processor\n    config: {query: SELECT 1}\n"
    [problem] = check_paths([write_pipeline(tmp_path, text)])[1]
    assert (problem.line, problem.step, problem.message) == (4, "a", "config field query: no such function")


def test_drivers_of_upstream_reach_the_rest_of_the_context() -> None:
    ctx = RecordingContext()
    assert UpstreamContext(ctx).metrics is ctx.metrics


def test_an_outcome_for_programs() -> None:
    metrics = [{"name": "rows_read", "value": 3}]
    assert Outcome("a", "done", 3, 1.23456, metrics=metrics).as_dict() == {
        "step": "a",
        "status": "done",
        "rows": 3,
        "seconds": 1.235,
        "message": None,
        "metrics": metrics,
    }
    assert Outcome("a", "failed", message="no").as_dict()["message"] == "no"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, and wait for nothing."""
    monkeypatch.setattr(overlap, "_LOOK_SECONDS", 0.0)


def test_a_writer_gets_all_batches_that_have_rows_and_then_the_end() -> None:
    taken: list[list[int]] = []

    def write(reader: pa.RecordBatchReader) -> dict[str, Any]:
        taken.extend(batch["n"].to_pylist() for batch in reader)
        return {"rows_written": 3}

    with Overlap(write) as overlapped:
        passed = overlapped.tee(BATCHES.to_reader()).read_all()
    assert (passed.to_pylist(), taken) == (BATCHES.to_pylist(), [[1], [2], [3]])
    assert overlapped.result() == {"rows_written": 3}


def test_a_writer_does_not_begin_without_rows() -> None:
    def write(_: pa.RecordBatchReader) -> dict[str, Any]:
        raise AssertionError

    with Overlap(write) as overlapped:
        assert overlapped.tee(BATCHES.slice(0, 0).to_reader()).read_all().num_rows == 0
    assert (overlapped.result(), overlapped.seconds) == (None, 0.0)


def test_a_writer_undoes_what_it_has_done_where_reading_breaks_off() -> None:
    seen: list[type[BaseException]] = []

    def write(reader: pa.RecordBatchReader) -> dict[str, Any]:
        try:
            reader.read_all()
        except Exception as error:
            seen.append(type(error))
            raise
        return {"rows_written": 1}

    def broken() -> Iterator[pa.RecordBatch]:
        yield from BATCHES.to_batches()[:1]
        message = "broken off"
        raise ZeroDivisionError(message)

    overlapped = Overlap(write)
    with pytest.raises(ZeroDivisionError), overlapped:
        overlapped.tee(pa.RecordBatchReader.from_batches(BATCHES.schema, broken())).read_all()
    assert seen == [AbandonedError]
    assert overlapped.result() is None
    with Overlap(write) as begins_again:
        with pytest.raises(ZeroDivisionError):
            begins_again.tee(pa.RecordBatchReader.from_batches(BATCHES.schema, broken())).read_all()
        begins_again.tee(BATCHES.to_reader()).read_all()
    assert (seen, begins_again.result()) == ([AbandonedError] * 2, None)


def test_a_writer_that_takes_nothing_is_stopped_and_holds_no_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(overlap, "STUCK_SECONDS", 0.0)
    monkeypatch.setattr(overlap, "_LEAVE_SECONDS", 0.0)
    monkeypatch.setattr(overlap, "stop_all", released.set)

    def write(_: pa.RecordBatchReader) -> dict[str, Any]:
        released.wait(30)
        return {"rows_written": 0}

    with Overlap(write) as overlapped:
        passed = overlapped.tee(BATCHES.to_reader()).read_all()
    assert passed.num_rows == 3
    assert released.is_set()
    assert overlapped.result() is None
