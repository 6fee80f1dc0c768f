"""A quick look at a column says that it fits only where the closer one would."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.sql.values import lossless, validate
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments, integer_constraints
from osiris_provider.drivers.sql.values.ranges import is_within, longest
from osiris_provider.errors import DataError

from tests.examples import examples

EDGES = [0, 1, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**63 - 1]
YEARS = [-62_135_596_800, -62_135_596_801, 971_890_963_199, 971_890_963_200]
INTS = [pa.int16(), pa.int32(), pa.int64(), pa.uint16(), pa.uint32(), pa.uint64()]
MOMENTS = [pa.date32(), pa.date64(), *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")), pa.duration("s")]


def numbers(dtype: pa.DataType) -> st.SearchStrategy[int]:
    bits, signed = dtype.bit_width, not pa.types.is_unsigned_integer(dtype)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    steps = [1, 1000, 10**6, 10**9] if bits > 32 else [1]
    known = [sign * edge for edge in EDGES for sign in (1, -1)] + [year * step for year in YEARS for step in steps]
    known += [year // 86_400 for year in YEARS]
    return st.sampled_from([one for one in known if low <= one <= high]) | st.integers(low, high)


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.Array, ColumnConstraints]:
    dtype = draw(st.sampled_from(INTS) | st.sampled_from(MOMENTS) | st.sampled_from([pa.string(), pa.large_string()]))
    if dtype in (pa.string(), pa.large_string()):
        limits = ColumnConstraints(chars=draw(st.none() | st.just(3)), octets=draw(st.none() | st.just(5)))
        column = pa.array(draw(st.lists(st.none() | st.text("aé𝄞", max_size=5))), dtype)
    else:
        storage = dtype if dtype in INTS else pa.int32() if dtype == pa.date32() else pa.int64()
        column = pa.array(draw(st.lists(st.none() | numbers(storage))), storage).view(dtype)
        bits, signed = draw(st.sampled_from([(16, True), (32, True), (32, False), (64, True)]))
        moments = ColumnConstraints(moments=Moments("time" if dtype == pa.duration("s") else "timestamp", as_text=True))
        limits = integer_constraints(bits, signed=signed) if dtype in INTS else moments
    first = draw(st.integers(0, len(column)))
    return column.slice(first, draw(st.integers(0, len(column) - first))), limits


def problem(column: pa.Array, limits: ColumnConstraints) -> str:
    batch = pa.record_batch([column], names=["c"])
    try:
        assert list(validate.fitting(iter([batch]), "t", {"c": limits})) == [batch]
    except DataError as error:
        return str(error)
    return ""


@examples(100)
@given(columns())
def test_the_quick_look_changes_no_verdict(example: tuple[pa.Array, ColumnConstraints]) -> None:
    quick = problem(*example)
    with pytest.MonkeyPatch.context() as patch:
        for module in (validate, lossless):
            patch.setattr(module, "is_within", lambda *_: False)
        patch.setattr(validate, "longest", lambda _: sys.maxsize)
        assert problem(*example) == quick


def test_what_a_null_hides_is_looked_at_closer() -> None:
    column = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\1"), pa.array([1, 2**40]).buffers()[1]])
    assert not is_within(column, 0, 9)
    assert not problem(column, integer_constraints(32))


def test_bytes_of_a_text_are_counted() -> None:
    assert longest(pa.array(["a", "éé", None], pa.large_string())) == 4
    assert longest(pa.array([], pa.string())) == 0


def test_an_ordinary_table_is_checked_and_encoded_for_postgresql_without_the_import_of_compute() -> None:
    code = """
import sys
from osiris_provider.drivers.lazy_pandas import leave_pandas_out
leave_pandas_out()
import pyarrow as pa
from osiris_provider.drivers.postgres.copy_in.formats import copy_format
from osiris_provider.drivers.postgres.nul import without_nul
from osiris_provider.drivers.postgres.config import PostgresWriteConfig
from osiris_provider.drivers.postgres.tables import constraints_of
from osiris_provider.drivers.sql.values.validate import fitting
known = {
    "int4": ("int4", -1, pa.int32()), "int8": ("int8", -1, pa.int64()), "bool": ("bool", -1, pa.bool_()),
    "text": ("text", -1, pa.string()), "varchar": ("varchar", 14, pa.string()), "bytes": ("bytea", -1, pa.binary()),
    "amount": ("numeric", ((12 << 16) | 2) + 4, pa.decimal128(12, 2)), "score": ("float8", -1, pa.float64()),
    "day": ("date", -1, pa.date32()), "at": ("timestamp", -1, pa.timestamp("us")),
    "moment": ("timestamptz", -1, pa.timestamp("us", "UTC")),
}
batch = pa.record_batch([pa.nulls(2, dtype) for _, _, dtype in known.values()], names=list(known))
limits = {name: constraints_of(kind, size, nullable=True) for name, (kind, size, _) in known.items()}
kinds = {name: kind for name, (kind, _, _) in known.items()}
config = PostgresWriteConfig(table="t", write_mode="append")
rows = fitting(without_nul(iter([batch]), config, kinds), "t", limits)
print(sum(len(piece) for one in rows for piece in copy_format(one.schema, kinds).encode(one)))
print("pyarrow.compute" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["113", "False"]
