"""Staging: whole files or none, the stream back as it was, safe names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.errors import DataError, UnknownConnectorError
from osiris_provider.hooks.errors import can_pass
from osiris_provider.staging import LONGEST_SEGMENT, StagedData, Staging, safe_segment
from upath import UPath

PLACE = ("flights", "manual__2026-01-01T00:00:00+00:00", "extract", "0", "1")


@pytest.fixture(params=["file", "memory"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Staging:
    return Staging({"file": tmp_path.as_uri(), "memory": f"memory://{tmp_path}"}[request.param], UPath)


def stream(*batches: dict[str, list[Any]]) -> pa.RecordBatchReader:
    made = [pa.RecordBatch.from_pydict(batch) for batch in batches]
    return pa.RecordBatchReader.from_batches(made[0].schema, iter(made))


def files_under(staging: Staging) -> list[str]:
    root = UPath(staging.url)
    return [path.name for path in root.rglob("*") if path.is_file()]


def test_what_was_written_is_read_back_again_and_again(staging: Staging) -> None:
    staged = staging.write(PLACE, stream({"a": [1, 2], "b": ["x", None]}, {"a": [3], "b": ["ž"]}))
    assert staged.rows == 3
    assert staged.columns == ["a", "b"]
    assert staged.bytes == UPath(staged.uri).stat().st_size > 0
    found = staging.read(staged)
    for _ in range(2):
        assert found["data"].read_all().to_pydict() == {"a": [1, 2, 3], "b": ["x", None, "ž"]}
    assert found["table"].num_rows == 3
    assert found["dataset"].to_table(columns=["a"]).to_pydict() == {"a": [1, 2, 3]}
    assert list(found["df"]["a"]) == [1, 2, 3]


def test_the_reference_travels_as_json(staging: Staging) -> None:
    staged = staging.write(PLACE, stream({"a": [1]}))
    assert StagedData.parse(json.loads(json.dumps(staged.as_dict()))) == staged
    assert StagedData.parse({"rows_written": 3}) is None
    assert StagedData.parse("text") is None


def test_several_results_are_read_as_one(staging: Staging) -> None:
    parts = [staging.write((*PLACE, str(n)), stream({"a": [n]})) for n in range(3)]
    found = staging.read(*parts)
    assert found["data"].read_all().to_pydict() == {"a": [0, 1, 2]}
    assert found["rows"] == 3
    assert "uri" not in found


def test_a_local_result_has_a_path_and_a_remote_one_has_none(tmp_path: Path) -> None:
    local = Staging(tmp_path.as_uri(), UPath)
    found = local.read(local.write(PLACE, stream({"a": [1]})))
    assert Path(found["path"]).is_file()
    remote = Staging(f"memory://{tmp_path}", UPath)
    assert "path" not in remote.read(remote.write(PLACE, stream({"a": [1]})))


def test_a_stream_that_breaks_leaves_no_file(staging: Staging) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"a": list(range(100_000))})
        message = "the server went away"
        raise ConnectionError(message)

    schema = pa.schema([("a", pa.int64())])
    with pytest.raises(ConnectionError, match="went away"):
        staging.write(PLACE, pa.RecordBatchReader.from_batches(schema, batches()))
    assert files_under(staging) == []


def test_a_second_try_replaces_the_first(staging: Staging) -> None:
    staging.write(PLACE, stream({"a": [1]}))
    staged = staging.write(PLACE, stream({"a": [2]}))
    assert staging.read(staged)["data"].read_all().to_pydict() == {"a": [2]}
    assert files_under(staging) == ["data.parquet"]


def test_an_empty_stream_keeps_its_columns(staging: Staging) -> None:
    schema = pa.schema([("a", pa.int64())])
    staged = staging.write(PLACE, pa.RecordBatchReader.from_batches(schema, iter([])))
    assert (staged.rows, staged.columns) == (0, ["a"])
    assert staging.read(staged)["data"].schema.equals(schema)


def test_small_batches_are_put_together(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    staging = Staging(tmp_path.as_uri(), UPath)
    staged = staging.write(PLACE, stream(*({"a": [n]} for n in range(500))))
    assert pq.ParquetFile(staging.read(staged)["path"]).num_row_groups == 1


def test_columns_of_the_same_name_are_refused_by_name(staging: Staging) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    with pytest.raises(DataError, match="more than one column named id"):
        staging.write(PLACE, pa.RecordBatchReader.from_batches(batch.schema, [batch]))
    assert files_under(staging) == []


def test_asking_whether_a_key_is_there_reads_nothing(tmp_path: Path) -> None:
    missing = StagedData((tmp_path / "gone.parquet").as_uri(), 1, 1, ["a"])
    found = Staging(tmp_path.as_uri(), UPath).read(missing)
    assert "data" in found
    assert "df" in found
    assert found["rows"] == 1
    with pytest.raises(UnknownConnectorError, match=r"gone\.parquet is not there") as raised:
        found["data"].read_all()
    assert not can_pass(raised.value)


@given(st.text(), st.text())
def test_segments_are_safe_and_stay_different(one: str, other: str) -> None:
    for segment in (safe_segment(one), safe_segment(other)):
        assert segment
        assert not segment.startswith(".")
        assert not set(segment) & set("/\\:?#%*\0")
        assert len(segment) <= LONGEST_SEGMENT + 11
    assert (safe_segment(one) == safe_segment(other)) == (one == other)


def needing_text(*columns: str, again: Any = None) -> pa.RecordBatchReader:
    """Return a stream of columns a and b that breaks off because these need text."""
    error = ColumnNeedsTextError("Column holds infinity.", columns=list(columns))
    error.again = again

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"a": [1], "b": [2]})
        raise error

    return pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64()), ("b", pa.int64())]), batches())


def test_columns_that_need_text_are_staged_as_text(staging: Staging) -> None:
    whole = stream({"a": ["1", "∞"], "b": ["2", "∞"]})
    staged = staging.write(PLACE, needing_text("a", again=lambda: needing_text("b", again=lambda: whole)))
    assert staging.read(staged)["data"].read_all().to_pydict() == {"a": ["1", "∞"], "b": ["2", "∞"]}
    assert staged.rows == 2
    assert files_under(staging) == ["data.parquet"]


def test_a_stream_that_cannot_start_over_leaves_nothing(staging: Staging) -> None:
    with pytest.raises(ColumnNeedsTextError, match="holds infinity"):
        staging.write(PLACE, needing_text("a"))
    assert files_under(staging) == []


def test_a_stream_that_starts_over_for_ever_ends(staging: Staging) -> None:
    def again() -> pa.RecordBatchReader:
        return needing_text("a", again=again)

    with pytest.raises(ColumnNeedsTextError):
        staging.write(PLACE, again())
    assert files_under(staging) == []
