"""Any tabular data becomes a stream of record batches."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers import data
from osiris_provider.drivers.data import BATCH_ROWS, GROUP_BYTES, ColumnNeedsTextError, row_groups, to_reader
from osiris_provider.errors import DataError

ROWS = st.lists(
    st.fixed_dictionaries({"i": st.none() | st.integers(-(2**63), 2**63 - 1), "s": st.none() | st.text()}), min_size=1
)
SCHEMA = pa.schema([("i", pa.int64()), ("s", pa.string())])

FORMS: dict[str, Callable[[pa.Table], Any]] = {
    "reader": lambda table: table.to_reader(max_chunksize=2),
    "table": lambda table: table,
    "batch": lambda table: table.combine_chunks().to_batches()[0],
    "dataset": ds.dataset,
    "scanner": lambda table: ds.dataset(table).scanner(),
    "polars": pl.from_arrow,
    "generator of tables": lambda table: (table.slice(row, 1) for row in range(table.num_rows)),
    "generator of data": lambda table: ({"data": table.slice(row, 1)} for row in range(table.num_rows)),
    "generator of df": lambda table: ({"df": table.slice(row, 1)} for row in range(table.num_rows)),
    "list of tables": lambda table: [table],
    "generator of readers": lambda table: (table.to_reader() for _ in range(1)),
}


class MyError(Exception):
    """What a driver's own code raises."""


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@given(rows=ROWS)
def test_every_form_keeps_every_row(form: Callable[[pa.Table], Any], rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    reader = to_reader(form(table))
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().to_pylist() == rows


@given(ROWS)
def test_list_of_dicts(rows: list[dict[str, Any]]) -> None:
    assert to_reader(rows).read_all().to_pylist() == rows


def test_pandas_frame_loses_its_index() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[7, 8])
    assert to_reader(frame).read_all().to_pydict() == {"a": [1, 2], "b": ["x", None]}


def test_generator_of_pandas_frames() -> None:
    frames = (pd.DataFrame({"a": [number]}) for number in range(3))
    assert to_reader(frames).read_all().to_pydict() == {"a": [0, 1, 2]}


@pytest.mark.parametrize("value", [None, 3, "text", b"bytes", object(), {"a": 1}, iter([1]), [1, 2]])
def test_other_things_are_refused(value: Any) -> None:
    with pytest.raises(DataError):
        to_reader(value).read_all()


@pytest.mark.parametrize("empty", [[], iter([]), pa.table({}), pa.schema([("a", pa.int64())]).empty_table()])
def test_nothing(empty: Any) -> None:
    assert to_reader(empty).read_all().num_rows == 0


def test_generator_is_read_as_it_is_asked_for() -> None:
    produced: list[int] = []

    def chunks() -> Iterator[pa.Table]:
        for number in range(5):
            produced.append(number)
            yield pa.table({"a": [number]})

    reader = to_reader(chunks())
    assert produced == [0], "the schema needs the first chunk, nothing needs the others"
    reader.read_next_batch()
    reader.read_next_batch()
    assert len(produced) <= 3


def test_later_chunk_is_cast_to_the_first() -> None:
    chunks = iter([pa.table({"a": [1], "b": ["x"]}), pa.table({"b": ["y"], "a": pa.array([2], pa.int8())})])
    table = to_reader(chunks).read_all()
    assert table.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}
    assert table.schema.field("a").type == pa.int64()


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ({"a": [2.5], "b": ["y"]}, "2.5"),
        ({"a": ["x"], "b": ["y"]}, "x"),
        ({"a": [1]}, "b"),
        ({"a": [1], "b": ["x"], "more": [1]}, "more"),
        ({"a": [2**40], "b": ["x"]}, "1099511627776"),
    ],
)
def test_later_chunk_that_does_not_fit_is_an_error(later: dict[str, Any], said: str) -> None:
    first = pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]})
    with pytest.raises(DataError, match=said):
        to_reader(iter([first, pa.table(later)])).read_all()


def test_error_of_a_generator_stays_its_own() -> None:
    def chunks() -> Iterator[pa.Table]:
        yield pa.table({"a": [1]})
        raise MyError

    with pytest.raises(MyError):
        to_reader(chunks()).read_all()


def test_row_groups_put_small_batches_together() -> None:
    batches = (pa.table({"a": range(1000)}) for _ in range(200))
    groups = list(row_groups(to_reader(batches)))
    assert sum(group.num_rows for group in groups) == 200_000
    assert all(BATCH_ROWS <= group.num_rows < BATCH_ROWS + 1000 for group in groups[:-1])


def test_row_groups_of_wide_rows_have_few_rows() -> None:
    batches = (pa.table({"a": ["x" * 100_000] * 40}) for _ in range(20))
    groups = list(row_groups(to_reader(batches)))
    assert sum(group.num_rows for group in groups) == 800
    assert all(GROUP_BYTES <= group.nbytes < GROUP_BYTES + 5_000_000 for group in groups[:-1])
    assert len(groups) == 4


def test_row_groups_are_let_go_of_before_the_next_is_collected() -> None:
    schema = pa.schema([("a", pa.int64())])
    before = pa.total_allocated_bytes()
    held = []

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(4):
            held.append(pa.total_allocated_bytes() - before)
            yield pa.RecordBatch.from_arrays([pa.array(range(BATCH_ROWS), pa.int64())], schema=schema)

    rows = 0
    for group in row_groups(pa.RecordBatchReader.from_batches(schema, batches())):
        rows += group.num_rows
        del group
    assert rows == 4 * BATCH_ROWS
    assert max(held) < BATCH_ROWS * 8


def test_what_needs_text_survives_streams_of_streams() -> None:
    error = ColumnNeedsTextError("Column a holds infinity.", columns=["a"], row=7)
    error.again = lambda: pa.table({"a": ["infinity"]}).to_reader()

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"a": [1]})
        raise error

    inner = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())
    with pytest.raises(ColumnNeedsTextError) as raised:
        to_reader(batch for batch in inner).read_all()
    assert raised.value is error
    assert error.again().read_all().num_rows == 1


def test_a_part_of_a_stream_does_not_start_over_for_the_whole() -> None:
    error = ColumnNeedsTextError("Column a holds infinity.", columns=["a"])
    error.again = lambda: pa.table({"a": ["infinity"]}).to_reader()

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"a": [1]})
        raise error

    part = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())
    with pytest.raises(ColumnNeedsTextError):
        to_reader(iter([pa.table({"a": [0]}), part])).read_all()
    assert error.again is None


def test_what_needs_text_survives_pickling() -> None:
    error = ColumnNeedsTextError("Column a holds infinity.", columns=["a"], row=7)
    error.again = lambda: pa.table({"a": ["infinity"]}).to_reader()
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), copy.message, copy.columns, copy.again) == (type(error), error.message, ["a"], None)


@pytest.mark.parametrize(
    ("batches", "max_bytes", "groups"),
    [
        ([1] * 25, 1 << 30, [10, 10, 5]),
        ([1] * 20, 1 << 30, [10, 10]),
        ([0, 3, 0, 8, 0, 1, 0], 1 << 30, [11, 1]),
        ([25], 1 << 30, [25]),
        ([0], 1 << 30, []),
        # Of eight bytes a row.
        ([1] * 7, 24, [3, 3, 1]),
    ],
)
def test_small_batches_become_groups_of_some_rows_or_bytes(
    batches: list[int], max_bytes: int, groups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "BATCH_ROWS", 10)
    monkeypatch.setattr(data, "GROUP_BYTES", max_bytes)
    schema = pa.schema([("a", pa.int64())])
    created = (pa.record_batch([pa.array(range(rows), pa.int64())], schema) for rows in batches)
    reader = pa.RecordBatchReader.from_batches(schema, created)
    assert [group.num_rows for group in data.row_groups(reader)] == groups


def test_the_names_within_a_type_are_those_of_its_structs() -> None:
    inner = pa.struct([("x", pa.int8()), ("y", pa.map_(pa.string(), pa.struct([("z", pa.int8())])))])
    assert list(data.struct_names(pa.list_(inner))) == [["x", "y"], ["key", "value"], ["z"]]
    assert list(data.struct_names(pa.int8())) == []


def test_streams_take_the_memory_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    kept = "jemalloc" if "jemalloc" in pa.supported_memory_backends() else pa.default_memory_pool().backend_name
    assert data.memory_pool().backend_name == kept
    # Arrow itself read it when it was imported.
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    assert data.memory_pool().backend_name == pa.default_memory_pool().backend_name != "jemalloc"


@pytest.mark.parametrize("kind", ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"])
def test_whole_numbers_stay_what_they_are_in_a_frame_where_values_are_missing(kind: str) -> None:
    dtype = getattr(pa, kind.lower())()
    greatest = int(np.iinfo(kind.lower()).max)
    columns = {
        "text": pa.array(["x", None]),
        "some": pa.array([greatest, None], dtype),
        "all": pa.array([greatest, 0], dtype),
        "none": pa.array([None, None], dtype),
        "lists": pa.array([[greatest, None], None], pa.list_(dtype)),
    }
    frame = data.to_frame(pa.table(columns))
    assert list(frame.columns) == list(columns)
    assert [str(frame[name].dtype) for name in ("some", "all", "none")] == [kind, kind.lower(), kind]
    assert frame["some"].isna().tolist() == [False, True]
    assert frame["none"].isna().all()
    assert (frame["some"][0], frame["all"].tolist(), list(frame["lists"][0])) == (
        greatest,
        [greatest, 0],
        [greatest, None],
    )
