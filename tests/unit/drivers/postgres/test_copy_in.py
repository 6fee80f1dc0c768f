"""Which columns go to PostgreSQL in binary, and what the text of the others is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres.copy_in.binary import binary_types
from osiris_provider.drivers.postgres.copy_in.formats import copy_format
from osiris_provider.drivers.postgres.values import column_type, csv_of

CREATED = {
    "bool": [pa.bool_()],
    "int2": [pa.int8(), pa.int16(), pa.uint8()],
    "int4": [pa.int32(), pa.uint16()],
    "int8": [pa.int64(), pa.uint32()],
    "numeric": [pa.uint64(), pa.decimal128(5, 2)],
    "float4": [pa.float32()],
    "float8": [pa.float64()],
    "text": [pa.string(), pa.large_string(), pa.null()],
    "bytea": [pa.binary(), pa.large_binary()],
    "date": [pa.date32(), pa.date64()],
    "time": [pa.time32("s"), pa.time64("ns")],
    "timestamp": [pa.timestamp("s"), pa.timestamp("ns")],
    "timestamptz": [pa.timestamp("s", "Europe/Prague"), pa.timestamp("ns", "UTC")],
    "interval": [pa.duration("s"), pa.duration("ns")],
    "jsonb": [pa.list_(pa.int8()), pa.struct([("a", pa.string())]), pa.map_(pa.string(), pa.int8())],
}
"""What each Arrow type becomes in a table that a load creates, by PostgreSQL's own name."""
OTHERS = {
    "varchar": [pa.string()],
    "bpchar": [pa.string()],
    "json": [pa.string(), pa.list_(pa.int8())],
    "jsonb": [pa.string()],
    "int2": [pa.int64()],
    "numeric": [pa.int8()],
    "timestamptz": [pa.timestamp("us")],
    "timestamp": [pa.timestamp("us", "UTC")],
}
SPELT = {"boolean": "bool", "smallint": "int2", "integer": "int4", "bigint": "int8", "real": "float4"}
SPELT |= {"double precision": "float8"}


def pairs(types: dict[str, list[pa.DataType]]) -> list[tuple[str, pa.DataType]]:
    return [(kind, dtype) for kind, dtypes in types.items() for dtype in dtypes]


@pytest.mark.parametrize(("kind", "dtype"), pairs(CREATED))
def test_a_new_table_has_types_that_go_in_binary(kind: str, dtype: pa.DataType) -> None:
    name = column_type(dtype).partition("(")[0]
    assert SPELT.get(name, name) == kind
    assert binary_types(pa.schema([("c", dtype)]), {"c": kind})


@pytest.mark.parametrize(("kind", "dtype"), pairs(OTHERS))
def test_what_else_goes_in_binary(kind: str, dtype: pa.DataType) -> None:
    assert copy_format(pa.schema([("c", dtype)]), {"c": kind}).name == "binary"
    mixed = pa.schema([("c", dtype), ("d", pa.string())])
    assert copy_format(mixed, {"c": kind, "d": "xml"}).name == "csv"


NOON = dt.datetime.fromisoformat("2024-02-29 12:00:00")


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        (pa.timestamp("s"), NOON, "2024-02-29 12:00:00"),
        (pa.timestamp("ms"), NOON, "2024-02-29 12:00:00.000"),
        (pa.timestamp("us"), NOON, "2024-02-29 12:00:00.000000"),
        (pa.timestamp("ns"), NOON, "2024-02-29 12:00:00.000000"),
        (pa.timestamp("s", "Europe/Prague"), NOON.replace(tzinfo=dt.timezone.utc), "2024-02-29 12:00:00Z"),
        (pa.timestamp("ns", "+02:00"), NOON.replace(tzinfo=dt.timezone.utc), "2024-02-29 12:00:00.000000Z"),
        (pa.time32("s"), NOON.time(), "12:00:00"),
        (pa.time64("ns"), NOON.time(), "12:00:00.000000"),
        (pa.duration("s"), dt.timedelta(seconds=-90), '"-90000000 microseconds"'),
        (pa.duration("ns"), dt.timedelta(microseconds=1), '"1 microseconds"'),
        (pa.binary(), b"\x00\xff", '"\\x00ff"'),
        (pa.string(), 'q"u', '"q""u"'),
        (pa.string(), "", '""'),
        (pa.list_(pa.string()), ["a", None], '"[""a"", null]"'),
        (pa.bool_(), True, "true"),
    ],
)
def test_texts_of_values(dtype: pa.DataType, value: Any, text: str) -> None:
    batch = pa.record_batch({"c": pa.array([value, None], dtype), "d": pa.nulls(2)})
    assert bytes(csv_of(batch)).decode() == f"{text},\n,\n"
