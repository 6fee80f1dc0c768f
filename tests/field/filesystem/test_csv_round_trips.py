"""Whatever goes into a CSV file comes out of it: generated tables, written by us and by Python's own writer."""

from __future__ import annotations

import csv
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from osiris_provider.drivers.filesystem import csv_source
from osiris_provider.drivers.filesystem.config import arrow_type
from osiris_provider.drivers.filesystem.drivers import CsvExtractor, CsvWriter
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.examples import examples

DAY = 86_400
FIRST, LAST = -719_528, 2_932_896
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def moments(unit: str) -> st.SearchStrategy[int]:
    scale = DAY * UNITS[unit]
    return st.integers(max(FIRST * scale, -(2**63) + 1), min((LAST + 1) * scale - 1, 2**63 - 1))


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**precision) + 1, 10**precision - 1).map(lambda number: Decimal(f"{number}E-{scale}"))


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\r\n\",;'=+-\\ a0")
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.null(), st.none()),
    (pa.bool_(), st.booleans()),
    *((getattr(pa, f"int{bits}")(), signed(bits)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"uint{bits}")(), st.integers(0, 2**bits - 1)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"float{bits}")(), st.floats(width=bits)) for bits in (16, 32, 64)),
    (pa.decimal32(7, 2), decimals(7, 2)),
    (pa.decimal64(18, 0), decimals(18, 0)),
    (pa.decimal128(38, 10), decimals(38, 10)),
    (pa.decimal128(5, 5), decimals(5, 5)),
    (pa.decimal256(60, 30), decimals(60, 30)),
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.string_view(), texts),
    (pa.binary(), st.binary()),
    (pa.large_binary(), st.binary()),
    (pa.binary_view(), st.binary()),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.date32(), st.integers(FIRST, LAST)),
    (pa.date64(), st.integers(FIRST, LAST).map(lambda day: day * DAY * 1000)),
    (pa.time32("s"), st.integers(0, DAY - 1)),
    (pa.time32("ms"), st.integers(0, DAY * 10**3 - 1)),
    (pa.time64("us"), st.integers(0, DAY * 10**6 - 1)),
    (pa.time64("ns"), st.integers(0, DAY * 10**9 - 1)),
    *((pa.timestamp(unit), moments(unit)) for unit in UNITS),
    *((pa.timestamp(unit, zone), moments(unit)) for unit in UNITS for zone in ("UTC", "Europe/Prague", "+05:30")),
    *((pa.duration(unit), signed(64)) for unit in UNITS),
]


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pa.Array:
    dtype, values = draw(st.sampled_from(KINDS))
    given = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
    # Numbers of days and seconds go in as such: Python has no such moments.
    raw = pa.int32() if dtype == pa.date32() or pa.types.is_time32(dtype) else pa.int64()
    column = pa.array(given, raw).view(dtype) if pa.types.is_temporal(dtype) else pa.array(given, dtype)
    if draw(st.booleans()) and dtype in (pa.string(), pa.int64()):
        return column.dictionary_encode()
    return column


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 5))
    names = draw(
        st.lists(st.text(min_size=1).filter(lambda name: name.strip() == name), min_size=1, max_size=4, unique=True)
    )
    return pa.table([draw(columns(rows)) for _ in names], names=names)


def plain(table: pa.Table) -> pa.Table:
    """Return a table with dictionaries as what they hold."""
    return pa.table(
        {
            field.name: column.cast(field.type.value_type) if pa.types.is_dictionary(field.type) else column
            for field, column in zip(table.schema, table.columns, strict=True)
        }
    )


def comparable(table: pa.Table) -> list[str]:
    """Return the values as text: NaN is NaN here, and -0.0 is not 0.0."""
    return [repr(_numbers(column.combine_chunks()).to_pylist()) for column in table.columns]


def _numbers(column: pa.Array) -> pa.Array:
    if not pa.types.is_temporal(column.type):
        return column
    return column.view(pa.int32() if column.type.bit_width == 32 else pa.int64())


def extract(path: Path, block: int, **config: Any) -> pa.Table:
    config["path"] = str(path)
    with mock.patch.object(csv_source, "BLOCK_BYTES", block):
        reader = CsvExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"]
        return reader.read_all()


@examples(40, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.integers(1, 40), st.sampled_from(",;|\t- ."), st.sampled_from(["base64", "hex"]))
def test_what_is_written_is_read_back_equal(table: pa.Table, block: int, delimiter: str, binary: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        config = {"path": str(path), "delimiter": delimiter, "binary": binary}
        CsvWriter().run(step_id="w", config=config, inputs={"e": {"data": table}}, ctx=RecordingContext())
        expected = plain(table)
        types = {field.name: str(field.type) for field in expected.schema}
        actual = extract(path, block, delimiter=delimiter, binary=binary, column_types=types)
    assert actual.schema.equals(expected.schema)
    assert comparable(actual) == comparable(expected)


@examples(40)
@given(tables(), st.integers(1, 40))
def test_without_types_no_text_is_changed(table: pa.Table, block: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        CsvWriter().run(step_id="w", config={"path": str(path)}, inputs={"e": {"data": table}}, ctx=RecordingContext())
        texts = extract(path, block, default_type="string")
        actual = extract(path, 2**22)
    for name in table.schema.names:
        for text, value in zip(texts.column(name).to_pylist(), actual.column(name), strict=True):
            assert (text is None) is (not value.is_valid)
            if pa.types.is_floating(value.type) and value.is_valid:
                assert Decimal(text) == Decimal(repr(value.as_py()))
            elif pa.types.is_timestamp(value.type) and value.is_valid:
                assert value.cast(pa.string()).as_py().rstrip("0").rstrip(".") == text.rstrip("0").rstrip(".")
            elif value.is_valid:
                assert value.cast(pa.string()).as_py() == text


cells = st.text("ab\"\r\n,;' #\\=0é", max_size=6)


@examples(60)
@given(
    st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=5)),
    st.integers(1, 30),
    st.sampled_from([",", ";", "#"]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_pythons_writer_writes_is_read_back(
    rows: list[list[str]], block: int, delimiter: str, newline: str, quoting: Any
) -> None:
    names = [f"column {number}" for number in range(len(rows[0]))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows([names, *rows])
        actual = extract(path, block, delimiter=delimiter, newline=newline, default_type="string", null_values=[])
    assert [list(row.values()) for row in actual.to_pylist()] == rows


@examples(60)
@given(st.binary() | st.text('a,"\r\n\\# 1').map(str.encode), st.integers(1, 30), st.booleans())
def test_any_bytes_are_read_or_refused_the_same_at_all_borders(data: bytes, block: int, header: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(data)
        small, large = (outcome(path, size, default_type="string", header=header) for size in (block, 2**22))
    assert small == large


def outcome(path: Path, block: int, **config: Any) -> object:
    """Return names and rows, or None if they are refused."""
    try:
        table = extract(path, block, **config)
    except DataError:
        return None
    return table.schema.names, table.to_pylist()


@pytest.mark.parametrize("dtype", [dtype for dtype, _ in KINDS], ids=str)
def test_each_type_has_its_own_name(dtype: pa.DataType) -> None:
    assert arrow_type(str(dtype)) == dtype


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("decimal(38, 2)", pa.decimal128(38, 2)),
        ("decimal(39,2)", pa.decimal256(39, 2)),
        ("decimal(76, -2)", pa.decimal256(76, -2)),
        ("decimal(77, 2)", None),
        ("decimal128(39, 2)", None),
        ("decimal32(9, 2)", pa.decimal32(9, 2)),
        ("decimal32(10, 2)", None),
        ("date", pa.date32()),
        ("date64", pa.date64()),
        ("time", pa.time64("us")),
        ("float", pa.float32()),
        ("timestamp", pa.timestamp("us")),
        ("timestamp[ms, UTC]", pa.timestamp("ms", "UTC")),
        ("timestamp[ns,tz=Europe/Prague]", pa.timestamp("ns", "Europe/Prague")),
        ("timestamp[us, +02:00]", pa.timestamp("us", "+02:00")),
        ("timestamp[us, Nowhere]", None),
        ("timestamp[h]", None),
        ("binary(4)", pa.binary(4)),
        ("integer", None),
        ("", None),
    ],
)
def test_types_have_the_names_that_people_write(name: str, dtype: pa.DataType | None) -> None:
    assert arrow_type(name) == dtype
