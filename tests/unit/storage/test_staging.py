"""Staging: references, inputs and names; ``tests/contract/staging.py`` has what each kind of storage promises."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.faults import chain
from osiris_provider.drivers.data import BATCH_ROWS, GROUP_BYTES, ColumnNeedsTextError
from osiris_provider.errors import DataError, DriverConfigError, UnknownConnectorError
from osiris_provider.runtime.results import MAX_RESULT, keep_result, naming_damage
from osiris_provider.runtime.seal import SealedFile, verify
from osiris_provider.runtime.staging import LONGEST_SEGMENT, StagedData, Staging, safe_segment
from upath import UPath

PATH_PARTS = ("flights", "manual__2026-01-01T00:00:00+00:00", "extract", "0", "1")


@pytest.fixture(params=["file", "memory"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Staging:
    return Staging({"file": tmp_path.as_uri(), "memory": f"memory://{tmp_path}"}[request.param], UPath)


def files_under(staging: Staging) -> list[str]:
    root = UPath(staging.url)
    return [path.name for path in root.rglob("*") if path.is_file()]


def stream(*batches: dict[str, list[Any]]) -> pa.RecordBatchReader:
    record_batches = [pa.RecordBatch.from_pydict(batch) for batch in batches]
    return pa.RecordBatchReader.from_batches(record_batches[0].schema, iter(record_batches))


def test_the_reference_travels_as_json(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    staged = staging.write(PATH_PARTS, stream({"a": [1]}))
    assert StagedData.parse(json.loads(json.dumps(staged.as_dict()))) == staged
    assert StagedData.parse({"rows_written": 3}) is None
    assert StagedData.parse("text") is None


def test_a_local_result_has_a_path_and_a_remote_one_has_none(tmp_path: Path) -> None:
    local = Staging(tmp_path.as_uri(), UPath)
    actual = local.read(local.write(PATH_PARTS, stream({"a": [1]})))
    assert Path(actual["path"]).is_file()
    remote = Staging(f"memory://{tmp_path}", UPath)
    assert "path" not in remote.read(remote.write(PATH_PARTS, stream({"a": [1]})))


def test_an_input_has_each_of_its_keys(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    one = staging.write(PATH_PARTS, stream({"a": [1, 2], "b": [3, 4]}))
    single, double = staging.read(one), staging.read(one, one)
    assert list(single) == ["data", "df", "table", "dataset", "rows", "columns", "uri", "path"]
    assert list(double) == ["data", "df", "table", "dataset", "rows", "columns"]
    assert (len(single), "path" in double, repr(double)) == (8, False, f"StepInput({one.uri}, {one.uri})")
    assert (single["rows"], double["rows"], single["columns"], double["columns"]) == (2, 4, ["a", "b"], ["a", "b"])
    assert (single["uri"], single["path"]) == (one.uri, one.uri.removeprefix("file://"))
    assert single["table"].to_pydict() == single["data"].read_all().to_pydict() == {"a": [1, 2], "b": [3, 4]}
    assert double["dataset"].count_rows() == len(double["df"]) == 4


def test_results_of_the_same_columns_are_one_dataset_of_files_and_others_lose_nothing(staging: Staging) -> None:
    first, second = ((*PATH_PARTS[:3], number, "1") for number in ("0", "1"))
    one = staging.write(first, stream({"a": [1]}))
    alike = staging.read(one, staging.write(second, stream({"a": [2]})))["dataset"]
    assert [name.rpartition("/extract/")[2] for name in alike.files] == ["0/1/data.parquet", "1/1/data.parquet"]
    assert alike.to_table().to_pydict() == {"a": [1, 2]}
    for batch, problem in (({"a": [2], "b": [3]}, "it has more columns: b"), ({"a": [2.5]}, "column a")):
        other = staging.read(one, staging.write(second, stream(batch)))
        with pytest.raises(DataError, match=f"does not fit the schema of the first: {problem}"):
            other["dataset"]
    wider = staging.read(one, staging.write(second, stream({"a": [2.0]})))["dataset"]
    assert wider.to_table().to_pydict() == {"a": [1, 2]}


def test_what_a_step_returns_beside_its_data_is_kept_and_has_a_limit(
    staging: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    watched = []

    def watch(reader: Any) -> Any:
        watched.append(reader)
        return reader

    kept = keep_result("s", {"data": stream({"a": [1]}), "n": 7}, staging, PATH_PARTS, watch)
    assert (kept["n"], kept["rows"], len(watched)) == (7, 1, 1)
    assert "Staged 1 rows" in caplog.text
    assert keep_result("s", None, staging, PATH_PARTS) == {}
    assert keep_result("s", iter([pa.table({"a": [1, 2]})]), staging, PATH_PARTS)["rows"] == 2
    fits = {"figure": "x" * (MAX_RESULT - len(json.dumps({"figure": ""})))}
    assert keep_result("s", fits, staging, PATH_PARTS) == fits
    with pytest.raises(
        DriverConfigError, match=r"^Step s: the driver returned 65,537 bytes of figures; return data as"
    ):
        keep_result("s", {"figure": fits["figure"] + "x"}, staging, PATH_PARTS)
    with pytest.raises(DriverConfigError, match="something that is not JSON under a, b") as raised:
        keep_result("s", {"a": object(), "b": 1, "df": None}, staging, PATH_PARTS)
    assert raised.value.step == "s"


def test_what_would_be_removed_stays_where_it_is(staging: Staging) -> None:
    staging.write(PATH_PARTS, stream({"a": [1]}))
    for dry_run, left in ((True, ["data.parquet"]), (False, [])):
        assert len(list(staging.remove_old(timedelta(hours=-1), dry_run=dry_run))) == 1
        assert files_under(staging) == left


def test_a_path_is_given_of_a_file_whose_every_byte_is_as_it_was_written(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    staged = staging.write(PATH_PARTS, stream({"a": [1]}))
    given = staging.read(staged)
    path = Path(given["path"])
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1 << position % 8]) + content[position + 1 :])
        with pytest.raises(DataError, match=f"^{staged.uri} is damaged"):
            given["path"]
    for damaged in (b"", b"PAR1", content[:-1], content + content[-1:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"^{staged.uri} is damaged"):
            given["path"]
    path.unlink()
    with pytest.raises(UnknownConnectorError, match=r"data\.parquet is not there"):
        given["path"]


def test_a_large_footer_and_large_pages_are_verified(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    noise = [os.urandom(30_000) for _ in range(100)]
    columns = {f"column {number}": [number] * 100 for number in range(400)}
    staged = staging.write(PATH_PARTS, stream({"noise": noise, **columns}))
    given = staging.read(staged)
    path = Path(given["path"])
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    assert length > 65_536
    assert len(content) > 3_000_000
    assert given["data"].read_all().num_rows == 100
    for position in (1_500_000, len(content) - length, len(content) - 65_536):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(DataError, match="is damaged"):
            given["path"]


def test_a_text_that_looks_like_a_checksum_stays_what_it_is(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    text = "\x0cosiris.crc32\x18\x10" + "0123456789abcdef"
    given = staging.read(staging.write(PATH_PARTS, stream({"a": [text]})))
    assert given["table"].to_pydict() == {"a": [text]}
    assert given["dataset"].count_rows(filter=pc.field("a") == text) == 1
    # The footer has it as the least and the greatest value, and one that is a checksum.
    content = Path(given["path"]).read_bytes()
    assert content.count(text[:-16].encode()) == content.count(text.encode()) + 1 > 2


def test_a_footer_may_have_more_than_16_mebibytes(tmp_path: Path) -> None:
    class Footer:
        def add_key_value_metadata(self, given: dict[str, str]) -> None:
            [(key, value)] = given.items()
            self.bytes = b"\x0c" + key.encode() + b"\x18\x10" + value.encode()

    with (tmp_path / "file").open("wb") as opened:
        file, footer = SealedFile(opened), Footer()
        file.write(b"PAR1 pages")
        file.close_with(footer)
        size = file.write(b"x" * 2**24 + footer.bytes)
        file.write(size.to_bytes(4, "little") + b"PAR1")
    verify(str(tmp_path / "file"))


def test_a_task_of_a_long_name_has_a_place_on_a_disk(tmp_path: Path) -> None:
    # Names of files have 255 bytes at most.
    staging = Staging(tmp_path.as_uri(), UPath)
    assert staging.write(["x" * 1000, "é" * 1000, "y" * 255], stream({"a": [1]})).rows == 1


def test_an_error_that_no_damage_explains_stays_what_it_is(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    staged = staging.write(PATH_PARTS, stream({"a": [1]}))
    scanned, other = staging.read(staged), staging.read(staged)
    scanned["dataset"]
    error = OSError("of something else")
    given = [other, {"data": None}, scanned]
    assert naming_damage(given, lambda: 7) == 7
    with pytest.raises(OSError, match="something else"):
        naming_damage(given, partial(fail_with, error))
    UPath(staged.uri).write_bytes(b"")
    with pytest.raises(OSError, match="something else"):
        # What was not scanned is not read.
        naming_damage([other], partial(fail_with, error))
    unlike = UnknownConnectorError("of a driver", cause=None)
    with pytest.raises(UnknownConnectorError, match="of a driver"):
        naming_damage(given, partial(fail_with, unlike))
    scan = UnknownConnectorError("of DuckDB", cause="InvalidInputException")
    with pytest.raises(DataError, match="is damaged") as raised:
        naming_damage(given, partial(fail_with, scan))
    assert scan not in chain(raised.value)


def fail_with(error: Exception) -> None:
    raise error


def test_small_batches_are_put_together(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    staging = Staging(tmp_path.as_uri(), UPath)
    staged = staging.write(PATH_PARTS, stream(*({"a": [n]} for n in range(500))))
    assert pq.ParquetFile(staging.read(staged)["path"]).num_row_groups == 1


def test_wide_rows_are_written_and_read_a_few_at_a_time(tmp_path: Path) -> None:
    batches = [{"a": [f"{number:08}" * 50_000] * 10} for number in range(20)]
    staging = Staging(tmp_path.as_uri(), UPath)
    actual = staging.read(staging.write(PATH_PARTS, stream(*batches)))
    sizes = []
    texts: list[Any] = []
    for batch in actual["data"]:
        sizes.append(batch.nbytes)
        texts += [text[:8] for text in batch.column("a").to_pylist()]
    assert max(sizes) <= GROUP_BYTES
    assert texts == [f"{number:08}" for number in range(20) for _ in range(10)]


def test_a_group_of_rows_is_let_go_of_when_it_is_written(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.int64())])
    before = pa.total_allocated_bytes()
    held: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(5):
            held.append(pa.total_allocated_bytes() - before)
            yield pa.RecordBatch.from_arrays([pa.array(range(BATCH_ROWS), pa.int64())], schema=schema)

    Staging(tmp_path.as_uri(), UPath).write(PATH_PARTS, pa.RecordBatchReader.from_batches(schema, batches()))
    assert len(held) == 5
    assert max(held) < BATCH_ROWS * 8


def test_asking_whether_a_key_is_there_reads_nothing(tmp_path: Path) -> None:
    missing = StagedData((tmp_path / "dag/run/gone/0/1/data.parquet").as_uri(), 1, 1, ["a"])
    actual = Staging(tmp_path.as_uri(), UPath).read(missing)
    assert "data" in actual
    assert "df" in actual
    assert actual["rows"] == 1
    with pytest.raises(UnknownConnectorError, match=r"gone/0/1/data\.parquet is not there") as raised:
        actual["data"].read_all()
    assert not raised.value.is_transient


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
    complete = stream({"a": ["1", "∞"], "b": ["2", "∞"]})
    staged = staging.write(PATH_PARTS, needing_text("a", again=lambda: needing_text("b", again=lambda: complete)))
    assert staging.read(staged)["data"].read_all().to_pydict() == {"a": ["1", "∞"], "b": ["2", "∞"]}
    assert staged.rows == 2
    assert files_under(staging) == ["data.parquet"]


def test_a_stream_that_cannot_start_over_leaves_nothing(staging: Staging) -> None:
    with pytest.raises(ColumnNeedsTextError, match="holds infinity"):
        staging.write(PATH_PARTS, needing_text("a"))
    assert files_under(staging) == []


def test_a_stream_that_starts_over_for_ever_ends(staging: Staging) -> None:
    def again() -> pa.RecordBatchReader:
        return needing_text("a", again=again)

    with pytest.raises(ColumnNeedsTextError):
        staging.write(PATH_PARTS, again())
    assert files_under(staging) == []
