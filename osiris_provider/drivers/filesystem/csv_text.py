"""Values of Arrow's types as the text of a CSV file, and back: the same value, or an error."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from osiris_provider.drivers.dtypes import is_binary, is_text, ticks
from osiris_provider.drivers.exponents import decimals
from osiris_provider.errors import DataError
from osiris_provider.messages import without_brackets

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST_DAY, _LAST_DAY = -719_528, 2_932_896
"""Of the years 0000 to 9999, from 1970-01-01: those that have four digits."""
_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_FORMULA = r"^([=+\-@\t\r\n])"


def parsed_as(dtype: pa.DataType, *, deep: bool) -> pa.DataType:
    """Return the type that Arrow's CSV parser makes of a column, from where :func:`from_text` goes on.

    :param deep: whether there may be an exponent that Arrow's parser must not see.
    """
    import pyarrow as pa

    if deep and pa.types.is_decimal(dtype):
        return pa.string()
    if dtype == pa.float16():
        return pa.float32()
    if pa.types.is_decimal32(dtype) or pa.types.is_decimal64(dtype):
        return pa.decimal128(dtype.precision, dtype.scale)
    return pa.string() if _is_binary(dtype) or _is_decimal256(dtype) or dtype == pa.string_view() else dtype


def from_text(column: pa.Array, dtype: pa.DataType, binary: str) -> pa.Array:
    """Return what :func:`parsed_as` gave as its own type.

    :param binary: ``base64`` or ``hex``.
    :raises ValueError: a value is not of that type; Arrow's exceptions are ValueErrors, too.
    """
    import pyarrow as pa

    if pa.types.is_decimal(dtype) and column.type == pa.string():
        known = dtype if _is_decimal256(dtype) else pa.decimal128(dtype.precision, dtype.scale)
        column = decimals(column, known)
    if not _is_binary(dtype):
        return column if column.type == dtype else column.cast(dtype)
    decode: Callable[[str], bytes] = bytes.fromhex if binary == "hex" else _from_base64
    return pa.array([None if text is None else decode(text) for text in column.to_pylist()], dtype)


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def check_types(schema: pa.Schema) -> None:
    """Check that all columns can be written.

    :raises DataError: names those that cannot.
    """
    import pyarrow as pa

    wrong = [
        f"{field.name} ({field.type})"
        for field in schema
        if pa.types.is_nested(field.type) or pa.types.is_interval(field.type)
    ]
    if wrong:
        listed = without_brackets(", ".join(wrong))
        message = (
            f"CSV has no values like those of column {listed}. Make them text first, such as with to_json in a "
            "duckdb.processor step, or write Parquet"
        )
        raise DataError(message)


def to_text(batch: pa.RecordBatch, rows_before: int, binary: str, *, escape_formulas: bool) -> pa.RecordBatch:
    """Return a batch whose columns Arrow's CSV writer writes so that they can be read again.

    :param batch: of usual types.
    :param rows_before: how many rows went before.
    :param binary: ``base64`` or ``hex``.
    :param escape_formulas: put ``'`` before what a spreadsheet takes for a formula.
    :raises DataError: names column and row of a date whose year has not four digits.
    """
    import pyarrow as pa

    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        _check_years(name, column, rows_before)
        columns.append(_writable(column, binary, escape_formulas=escape_formulas))
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def escaped(text: str) -> str:
    """Return a text with ``'`` before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(tuple("=+-@\t\r\n")) else text


def _writable(column: pa.Array, binary: str, *, escape_formulas: bool) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if _is_binary(column.type):
        encode: Callable[[bytes], str] = bytes.hex if binary == "hex" else _to_base64
        return pa.array([None if value is None else encode(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(column.type) and column.type.tz:
        # Offsets of long ago have seconds, which would be lost.
        return column.cast(pa.timestamp(column.type.unit, "UTC"))
    return pc.replace_substring_regex(column, _FORMULA, r"'\1") if is_text(column.type) and escape_formulas else column


def _to_base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _check_years(name: str, column: pa.Array, rows_before: int) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    dtype = column.type
    if pa.types.is_date32(dtype):
        day = 1
    elif pa.types.is_date64(dtype):
        day = _DAY["ms"]
    elif pa.types.is_timestamp(dtype):
        day = _DAY[dtype.unit]
    else:
        return
    numbers = ticks(column)
    lowest, highest = max(_FIRST_DAY * day, -(2**63)), min((_LAST_DAY + 1) * day, 2**63 - 1)
    outside = pc.or_(pc.less(numbers, pa.scalar(lowest)), pc.greater_equal(numbers, pa.scalar(highest)))
    row = pc.index(outside, pa.scalar(True)).as_py()
    if row >= 0 and highest < 2**63 - 1:
        message = (
            f"column {name}, row {rows_before + row + 1:,}: CSV has dates of the years 0000 to 9999 only. Make the "
            "column text first"
        )
        raise DataError(message)


def _is_binary(dtype: pa.DataType) -> bool:
    import pyarrow as pa

    return is_binary(dtype) or bool(pa.types.is_binary_view(dtype))


def _is_decimal256(dtype: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_decimal256(dtype))
