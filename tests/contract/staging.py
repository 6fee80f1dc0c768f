"""What every kind of staging area promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.errors import DataError, UnknownConnectorError
from osiris_provider.runtime.results import naming_damage
from osiris_provider.runtime.staging import StagedData, Staging, safe_segment
from upath import UPath

PATH_PARTS = ("flights", "manual__2026-01-01T00:00:00+00:00", "extract", "0", "1")
RESULT = "/".join([*map(safe_segment, PATH_PARTS), "data.parquet"])
EVERYTHING = timedelta(hours=-1)
"""Older than this is also what was written just now."""
HEADER = 100
"""More bytes than the header of a page has."""
FOREIGN = (
    "data.parquet",
    "notes.txt",
    "warehouse/data.parquet",
    "warehouse/2026/11/24/1/orders.parquet",
    "warehouse/2026/11/24/data.parquet",
    "_state/flights/extract/0/1/state.json",
    "a/b/c/0/1/2/data.parquet",
    "a/b/c/0/one/data.parquet",
    "a/b/c/0/1/data.parquet.bak",
    "a/b/c/0/1/.data.parquet.1234.partial",
)
"""What others may have put into the same directory."""


def stream(*batches: dict[str, list[Any]]) -> pa.RecordBatchReader:
    record_batches = [pa.RecordBatch.from_pydict(batch) for batch in batches]
    return pa.RecordBatchReader.from_batches(record_batches[0].schema, iter(record_batches))


def pages(content: bytes) -> list[range]:
    """Return where in a Parquet file the values of its columns lie, without the headers before them."""
    group = pq.ParquetFile(pa.BufferReader(content)).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    ends = [column.data_page_offset + column.total_compressed_size for column in columns]
    return [range(column.data_page_offset + HEADER, end) for column, end in zip(columns, ends, strict=True)]


class StagingContract:
    """The contract of a staging area; a kind of storage overrides the fixture ``url``."""

    @pytest.fixture
    def url(self) -> str:
        """The URL of an empty staging area."""
        raise NotImplementedError

    @pytest.fixture
    def staging(self, url: str) -> Staging:
        return Staging(url, UPath)

    def files(self, staging: Staging) -> list[str]:
        """All files below the URL, hidden ones too."""
        root = UPath(staging.url)
        root.fs.invalidate_cache()
        prefix = f"{root.path.rstrip('/')}/"
        return sorted(name.removeprefix(prefix) for name in root.fs.find(root.path))

    def test_what_was_written_is_read_back_again_and_again(self, staging: Staging) -> None:
        staged = staging.write(PATH_PARTS, stream({"a": [1, 2], "b": ["x", None]}, {"a": [3], "b": ["ž"]}))
        assert staged.rows == 3
        assert staged.columns == ["a", "b"]
        assert staged.bytes == UPath(staged.uri).stat().st_size > 0
        actual = staging.read(staged)
        for _ in range(2):
            assert actual["data"].read_all().to_pydict() == {"a": [1, 2, 3], "b": ["x", None, "ž"]}
        assert actual["table"].num_rows == 3
        assert actual["dataset"].to_table(columns=["a"]).to_pydict() == {"a": [1, 2, 3]}
        assert list(actual["df"]["a"]) == [1, 2, 3]

    def test_several_results_are_read_as_one(self, staging: Staging) -> None:
        parts = [staging.write((*PATH_PARTS[:-1], str(n)), stream({"a": [n]})) for n in range(3)]
        actual = staging.read(*parts)
        assert actual["data"].read_all().to_pydict() == {"a": [0, 1, 2]}
        assert actual["dataset"].to_table().num_rows == actual["rows"] == 3
        assert "uri" not in actual

    def test_a_file_has_its_name_when_it_is_whole_and_not_before(self, staging: Staging) -> None:
        seen: list[str] = []

        def batches() -> Iterator[pa.RecordBatch]:
            for n in range(3):
                yield pa.RecordBatch.from_pydict({"a": list(range(70_000 * n, 70_000 * (n + 1)))})
                seen.extend(self.files(staging))

        staging.write(PATH_PARTS, pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches()))
        assert RESULT not in seen
        assert self.files(staging) == [RESULT]

    def test_a_stream_that_breaks_leaves_no_file(self, staging: Staging) -> None:
        def batches() -> Iterator[pa.RecordBatch]:
            yield pa.RecordBatch.from_pydict({"a": list(range(100_000))})
            message = "the server went away"
            raise ConnectionError(message)

        schema = pa.schema([("a", pa.int64())])
        with pytest.raises(ConnectionError, match="went away"):
            staging.write(PATH_PARTS, pa.RecordBatchReader.from_batches(schema, batches()))
        assert self.files(staging) == []

    def test_a_second_try_replaces_the_first(self, staging: Staging) -> None:
        staging.write(PATH_PARTS, stream({"a": [1]}))
        staged = staging.write(PATH_PARTS, stream({"a": [2]}))
        assert staging.read(staged)["data"].read_all().to_pydict() == {"a": [2]}
        assert self.files(staging) == [RESULT]

    def test_an_empty_stream_keeps_its_columns(self, staging: Staging) -> None:
        schema = pa.schema([("a", pa.int64())])
        staged = staging.write(PATH_PARTS, pa.RecordBatchReader.from_batches(schema, iter([])))
        assert (staged.rows, staged.columns) == (0, ["a"])
        assert staging.read(staged)["data"].schema.equals(schema)

    def test_columns_of_the_same_name_are_refused_by_name(self, staging: Staging) -> None:
        batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
        with pytest.raises(DataError, match="more than one column named id"):
            staging.write(PATH_PARTS, pa.RecordBatchReader.from_batches(batch.schema, [batch]))
        assert self.files(staging) == []

    @pytest.mark.parametrize("key", ["data", "dataset"])
    def test_a_result_that_is_gone_is_an_error_that_says_so(self, staging: Staging, key: str) -> None:
        missing = StagedData(f"{staging.url}/dag/run/gone/0/1/data.parquet", 1, 1, ["a"])
        with pytest.raises(UnknownConnectorError, match=r"gone/0/1/data\.parquet is not there") as raised:
            staging.read(missing)[key]
        assert not raised.value.is_transient

    def test_a_damaged_result_is_an_error_that_says_so(self, staging: Staging) -> None:
        staged = staging.write(PATH_PARTS, stream({"a": list(range(1000))}))
        path = UPath(staged.uri)
        content = path.read_bytes()
        for damaged in (b"<html></html>", b"", content[:-1], content[: len(content) // 2]):
            path.write_bytes(damaged)
            for key in ("data", "dataset"):
                with pytest.raises(DataError, match=f"{staged.uri} is damaged, or no Parquet file"):
                    staging.read(staged)[key]
        # Its end is whole, and a page is none.
        path.write_bytes(content[:4] + b"\xff" * 20 + content[24:])
        with pytest.raises(DataError, match="is damaged"):
            staging.read(staged)["data"].read_all()

    def test_a_bit_that_changes_within_a_page_is_noticed(self, staging: Staging) -> None:
        staged = staging.write(PATH_PARTS, stream({"a": [number / 7 for number in range(1000)]}))
        path = UPath(staged.uri)
        content = path.read_bytes()
        [page] = pages(content)
        for position in page[:: len(page) // 5]:
            path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            with pytest.raises(DataError, match=f"{staged.uri} is damaged"):
                staging.read(staged)["data"].read_all()
            given = staging.read(staged)
            with pytest.raises(DataError, match=f"{staged.uri} is damaged"):
                naming_damage([given], given["dataset"].to_table)

    def test_a_page_of_a_kind_that_is_not_known_is_noticed(self, staging: Staging) -> None:
        staged = staging.write(PATH_PARTS, stream({"a": [1, 2, 3]}))
        path = UPath(staged.uri)
        content = path.read_bytes()
        # Behind the mark of Parquet a field of the page's header, and its value.
        path.write_bytes(content[:5] + b"\x10" + content[6:])
        with pytest.raises(DataError, match=f"{staged.uri} is damaged"):
            staging.read(staged)["data"].read_all()

    def test_a_bit_that_changes_behind_the_pages_is_noticed(self, staging: Staging) -> None:
        staged = staging.write(PATH_PARTS, stream({"a": [1], "b": [timedelta(seconds=1)]}))
        path = UPath(staged.uri)
        content = path.read_bytes()
        length = int.from_bytes(content[-8:-4], "little") + 8
        for position in range(len(content) - length, len(content), 31):
            bit = 1 << position % 8
            path.write_bytes(content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :])
            for key in ("data", "dataset"):
                with pytest.raises(DataError, match=f"{staged.uri} is damaged"):
                    staging.read(staged)[key]

    def test_old_results_are_removed_and_nothing_else(self, staging: Staging) -> None:
        for name in FOREIGN:
            path = UPath(staging.url) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not ours")
        sizes = {"1": 0, "2": 0}
        for number in sizes:
            sizes[number] = staging.write((*PATH_PARTS[:-1], number), stream({"a": [1]})).bytes
        removed = list(staging.remove_old(EVERYTHING))
        assert {old.path.split("/")[-2]: old.bytes for old in removed} == sizes
        assert not any(old.problem for old in removed)
        assert self.files(staging) == sorted(FOREIGN)

    def test_young_results_stay(self, staging: Staging) -> None:
        staging.write(PATH_PARTS, stream({"a": [1]}))
        assert list(staging.remove_old(timedelta(hours=1))) == []
        assert self.files(staging) == [RESULT]

    def test_a_dry_run_only_tells(self, staging: Staging) -> None:
        staging.write(PATH_PARTS, stream({"a": [1]}))
        assert [old.path for old in staging.remove_old(EVERYTHING, dry_run=True)] == [RESULT]
        assert self.files(staging) == [RESULT]

    def test_there_is_nothing_to_remove_before_the_first_result(self, staging: Staging) -> None:
        assert list(staging.remove_old(EVERYTHING)) == []
