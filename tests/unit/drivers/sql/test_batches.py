"""Batches on their way between a server and a step: their size, their numbers, and errors on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.sql import write
from osiris_provider.drivers.sql.base import BATCH_BYTES, FIRST_ROWS, InputError, fetch_batches, json_text
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments
from osiris_provider.drivers.sql.values.special_values import check_text_columns, collect, needs_text
from osiris_provider.drivers.sql.write import (
    ROW,
    created_columns,
    encoded_ahead,
    limits_of,
    numbered,
    numbered_schema,
    sliced,
)
from osiris_provider.errors import DataError, DriverConfigError

SCHEMA = pa.schema([("n", pa.int64())])
SMALL = pa.int8()


def fetched(rows: int, width: int, limit: int) -> tuple[list[int], list[int]]:
    """Read rows of a width in bytes; return the sizes of the batches, and how many rows were asked for."""
    left, asked = list(range(rows)), list[int]()

    def fetch(count: int) -> Sequence[Sequence[Any]]:
        asked.append(count)
        taken, left[:] = left[:count], left[count:]
        return [(number,) for number in taken]

    def build(some: Sequence[Sequence[Any]]) -> Any:
        return SimpleNamespace(num_rows=len(some), nbytes=width * len(some))

    return [batch.num_rows for batch in fetch_batches(SCHEMA, fetch, build, limit)], asked


def test_batches_grow_to_what_the_memory_takes() -> None:
    assert fetched(3000, 8, 1000)[1] == [64, 256, 1000, 1000, 1000, 1000]
    assert fetched(3000, 0, 1000)[0] == [64, 256, 1000, 1000, 680]
    assert fetched(10, 8, 3)[0] == [3, 3, 3, 1]
    assert fetched(200, BATCH_BYTES // 10, 1000)[0] == [64, *[10] * 13, 6]
    assert fetched(70, 2 * BATCH_BYTES, 1000)[0] == [64, *[1] * 6]
    assert FIRST_ROWS == 64


def test_no_rows_are_one_batch_that_has_the_columns() -> None:
    (batch,) = fetch_batches(SCHEMA, lambda _: [], lambda _: pytest.fail("there are no rows"), 10)
    assert (batch.schema, batch.num_rows) == (SCHEMA, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ([1, None, "é"], '[1, null, "é"]'),
        ({"a": Decimal("1.50"), "b": b"\xff\0"}, '{"a": "1.50", "b": "/wA="}'),
    ],
)
def test_a_nested_value_is_json_in_which_nothing_is_lost(value: Any, text: str | None) -> None:
    assert json_text(value) == text


def test_an_input_comes_in_parts_of_so_many_rows_and_bytes() -> None:
    def parts(*sizes: int, rows: int, dtype: pa.DataType = SMALL) -> list[int]:
        reader: Any = iter([pa.record_batch({"v": pa.nulls(size, dtype)}) for size in sizes])
        return [part.num_rows for part in sliced(reader, rows)]

    assert parts(5, 2, 0, 4, rows=2) == [2, 2, 1, 2, 2, 2]
    assert parts(5, rows=10) == [5]
    # Rows of 24 MiB each.
    assert parts(3, rows=10, dtype=pa.binary(24 * 1024 * 1024)) == [1, 1, 1]


def test_an_error_of_an_input_keeps_what_it_is() -> None:
    reason = ValueError("the step before")

    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [1]})
        raise reason

    reader: Any = broken()
    parts = sliced(reader, 10)
    next(parts)
    with pytest.raises(InputError) as raised:
        next(parts)
    assert raised.value.args == (reason,)


def test_rows_are_numbered_through_all_batches() -> None:
    batches = [pa.record_batch({"v": pa.nulls(size)}) for size in (2, 0, 3)]
    table = pa.Table.from_batches(numbered(iter(batches)))
    assert table[ROW].to_pylist() == [1, 2, 3, 4, 5]
    assert table.schema == numbered_schema(batches[0].schema)


def test_the_next_batch_is_encoded_while_this_one_is_sent() -> None:
    both, threads = threading.Barrier(2), list[str]()

    def encode(batch: pa.RecordBatch) -> int:
        threads.append(threading.current_thread().name)
        if len(threads) > 1:
            both.wait(10)
        return int(batch["n"][0].as_py())

    batches = (pa.record_batch({"n": [number]}) for number in range(2))
    coming = encoded_ahead(batches, encode)
    assert next(coming)[1] == 0
    both.wait(10)
    assert [encoded for _, encoded in coming] == [1]
    assert threading.current_thread().name not in threads


@pytest.mark.parametrize("seconds", [60, 0])
def test_who_reads_ahead_is_waited_for_at_the_end_for_a_while(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "LEAVE_SECONDS", seconds)
    begun, may_end, read = threading.Event(), threading.Event(), list[int]()

    def encode(batch: pa.RecordBatch) -> None:
        if read:
            begun.set()
            assert may_end.wait(60)
        read.append(batch.num_rows)

    coming: Any = encoded_ahead(iter([pa.record_batch({"n": [number]}) for number in range(2)]), encode)
    next(coming)
    assert begun.wait(60)
    if seconds:
        threading.Timer(0.1, may_end.set).start()
    coming.close()
    assert len(read) == (2 if seconds else 1)
    may_end.set()


def test_an_error_while_a_batch_is_encoded_is_raised_where_it_is_sent() -> None:
    coming = encoded_ahead(iter([pa.record_batch({"n": [1]})]), lambda _: pytest.fail("no text"))
    with pytest.raises(pytest.fail.Exception, match="no text"):
        next(coming)


def test_a_column_of_the_key_takes_no_nulls() -> None:
    step: Any = SimpleNamespace(config=SimpleNamespace(primary_key=["id", "new"]))
    limits = limits_of(step, [Column("id", limits=ColumnConstraints(chars=5)), Column("n")])
    assert limits == {
        "id": ColumnConstraints(chars=5, nullable=False),
        "n": ColumnConstraints(),
        "new": ColumnConstraints(nullable=False),
    }


@pytest.mark.parametrize("as_text", [True, False])
def test_what_a_new_table_does_not_hold_of_an_input(as_text: bool) -> None:
    types = {
        "n": pa.int64(),
        "zoned": pa.timestamp("ns", "UTC"),
        "plain": pa.timestamp("s"),
        "clock": pa.time64("ns"),
        "time": pa.duration("ns"),
        "day": pa.date32(),
    }
    columns = {column.name: column.limits.moments for column in created_columns(pa.schema(types), 6, as_text=as_text)}
    assert columns == {
        "zoned": Moments("timestamp", 6, zoned=True, as_text=as_text),
        "plain": Moments("timestamp", 6, as_text=as_text),
        "clock": Moments("time", 6),
        "time": Moments("time", 6),
        **({"day": Moments("date", as_text=True)} if as_text else {}),
    }
    assert created_columns(pa.schema(types), 6) == created_columns(pa.schema(types), 6, as_text=False)


def test_a_value_that_has_no_type_is_shown_as_far_as_a_line_goes() -> None:
    error = needs_text("d", "0000-00-00\n" + "x" * 99, 1234)
    assert (error.column, error.row, error.columns) == ("d", 1234, ["d"])
    assert "Column d holds 0000-00-00 " in error.message
    assert ("x" * 29 in error.message, "x" * 30 in error.message) == (True, False)


def test_all_columns_that_need_text_are_named_at_once() -> None:
    def fails(name: str) -> Any:
        raise needs_text(name, "infinity", 1)

    assert collect([lambda: 1, lambda: 2]) == [1, 2]
    with pytest.raises(ColumnNeedsTextError) as raised:
        collect([lambda: fails("a"), lambda: 2, lambda: fails("b")])
    assert (raised.value.column, raised.value.columns) == ("a", ["a", "b"])
    with pytest.raises(DataError, match="another"):
        collect([lambda: fails("a"), lambda: (_ for _ in ()).throw(DataError("another"))])


def test_a_column_of_texts_that_a_result_has_not_is_a_mistake() -> None:
    check_text_columns(["a", "b"], ["b", "a"])
    with pytest.raises(DriverConfigError, match=r"has no column oders\..*orders") as raised:
        check_text_columns(["a", "oders"], ["a", "orders"])
    assert raised.value.field == "text_columns"
