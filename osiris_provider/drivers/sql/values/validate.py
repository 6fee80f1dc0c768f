"""Whether the rows of an input fit the columns of a table, found out before they are sent.

A server's own error often names no row, or shows the value, which may be no one else's business. Rows are counted
from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.dtypes import is_binary, is_text
from osiris_provider.drivers.sql.config import Lossy
from osiris_provider.drivers.sql.values import lazy_compute as pc
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Inner, integer_range
from osiris_provider.drivers.sql.values.lossless import beyond_years, misread, round_moments, rounded
from osiris_provider.drivers.sql.values.ranges import is_within, longest
from osiris_provider.drivers.sql.values.sent import SentAs, cut_nanoseconds, without_text
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGER = {
    False: (r"^\s*[+-]?\d+\s*$", "a whole number"),
    True: (r"^\s*(\+?\d+|-0+)\s*$", "a whole number of 0 or more"),
}
"""By whether the least is 0: PostgreSQL takes -1 for the greatest oid."""
_WIDEST = 76
"""Digits of a decimal."""
_NUMBER = r"^\s*[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:nan|inf|infinity))\s*$"


def fitting(
    batches: Iterator[pa.RecordBatch],
    table: str,
    limits: Mapping[str, ColumnConstraints],
    *,
    lossy: Lossy = "error",
    sent_as: SentAs = "text",
) -> Iterator[pa.RecordBatch]:
    """Yield the batches whose values fit.

    :param batches: of the input.
    :param table: for messages.
    :param limits: of the columns.
    :param lossy: whether values may be rounded to what a column keeps.
    :param sent_as: how the server gets them.
    :raises DataError: names column and row.
    """
    first = 1
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name in limits:
                _check(table, name, first, _problems(column, limits[name], lossy))
            _check(table, name, first, _unsent(column, lossy, sent_as))
        first += batch.num_rows
        yield _rounded_batch(batch, limits) if lossy == "round" else batch


def _rounded_batch(batch: pa.RecordBatch, limits: Mapping[str, ColumnConstraints]) -> pa.RecordBatch:
    """Return a batch whose moments are rounded; the rest is left to the server, where all do the same."""
    import pyarrow as pa

    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        moments = limits[name].moments if name in limits else None
        columns.append(round_moments(column, moments.fraction) if moments else column)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def constraint_error(table: str, column: str, row: int, reason: str) -> DataError:
    """Return the error for a value that a column does not take.

    :param row: of the input, from 1.
    :param reason: what is wrong with it.
    """
    message = f"Table {table}: column {column}, row {row:,} of the input: {reason}. Nothing was written."
    return DataError(message, table=table, column=column, row=row)


def duplicate_key_error(table: str, keys: Sequence[str], rows: Sequence[int]) -> DataError:
    """Return the error for two rows of an input that have the same key."""
    named = ", ".join(keys)
    message = (
        f"Table {table}: column {named}: rows {rows[0]:,} and {rows[1]:,} of the input have the same key. "
        "Nothing was written."
    )
    return DataError(message, table=table, column=named, row=rows[1])


def other_spelling_error(table: str, keys: Sequence[str], row: int) -> DataError:
    """Return the error for a key of an upsert that the table has spelt in another way.

    :param keys: the columns whose texts differ.
    :param row: of the input, from 1.
    """
    reason = (
        "the table has this key in another spelling (case, accents, or blanks at the end) and takes the two for equal, "
        "so the row that is there would get the values of this one. Give the column a collation that tells them apart, "
        "or spell the input as the table does; lossy: round updates that row, which keeps its key"
    )
    return constraint_error(table, ", ".join(keys), row, reason)


def same_key(batch: pa.RecordBatch, keys: Sequence[str]) -> tuple[int, int] | None:
    """Return two rows of a batch, counted from 0, that have the same key without nulls; None if there are none.

    :param keys: columns of the key.
    """
    import pyarrow as pa

    if not set(keys) <= set(batch.schema.names):
        return None
    columns = {f"k{number}": batch.column(name) for number, name in enumerate(keys)}
    table = pa.table({**columns, "row": pa.array(range(batch.num_rows), pa.int64())}).drop_null()
    groups = table.group_by(list(columns)).aggregate([("row", "count"), ("row", "min"), ("row", "max")])
    groups = groups.filter(pc.greater(groups["row_count"], 1))
    if not groups.num_rows:
        return None
    first = groups.sort_by("row_min").slice(0, 1)
    return int(first["row_min"][0].as_py()), int(first["row_max"][0].as_py())


def _check(table: str, name: str, first: int, problems: Iterator[tuple[Any, str]]) -> None:
    for bad, reason in problems:
        row = _first_true(bad)
        if row is not None:
            raise constraint_error(table, name, first + row, reason)


def _unsent(column: pa.Array, lossy: Lossy, sent_as: SentAs) -> Iterator[tuple[Any, str]]:
    if lossy == "error":
        yield from cut_nanoseconds(column, sent_as)
    yield from without_text(column, sent_as)


def _problems(column: pa.Array, limits: ColumnConstraints, lossy: Lossy) -> Iterator[tuple[Any, str]]:
    import pyarrow as pa

    dtype = column.type
    if not limits.nullable and column.null_count:
        yield pc.is_null(column), "it is null, and the column takes no nulls"
    if is_text(dtype):
        yield from _text_problems(column, limits, lossy)
    elif is_binary(dtype):
        yield from _byte_problems(column, limits)
    elif limits.number:
        yield from _number_problems(column, limits)
    elif limits.moments is None and (pa.types.is_date(dtype) or pa.types.is_timestamp(dtype)):
        # Arrow writes "<value out of range: …>", which a column of texts would keep.
        yield from beyond_years(column)
    yield from misread(column, limits)
    if lossy == "error":
        yield from rounded(column, limits)


def _text_problems(column: pa.Array, limits: ColumnConstraints, lossy: Lossy) -> Iterator[tuple[Any, str]]:
    import pyarrow as pa

    if not limits.texts:
        yield pa.array([True] * len(column)), "a text does not say which of the column's types its value has"
    if limits.number:
        pattern, what = (_NUMBER, "a number") if limits.high is None else _INTEGER[limits.low == 0]
        yield pc.invert(pc.match_substring_regex(column, pattern)), f"this text is not {what}"
    if limits.like is not None:
        example, pattern = limits.like
        yield pc.invert(pc.match_substring_regex(column, pattern)), f"this text is not of the form {example}"
    if limits.inner is not None:
        yield from _inner_problems(column, limits.inner, lossy)
    if limits.trims:
        yield pc.ends_with(column, " "), "the column does not keep the spaces at the end of the text"
    if limits.chars is not None and longest(column) > limits.chars:
        yield (
            pc.greater(pc.utf8_length(column), _as(pa.int64(), limits.chars)),
            f"the text has more than {limits.chars:,} characters",
        )
    if limits.octets is not None and longest(column) > limits.octets:
        yield (
            pc.greater(pc.binary_length(column), _as(pa.int64(), limits.octets)),
            f"the text has more than {limits.octets:,} bytes",
        )


def _inner_problems(column: pa.Array, inner: Inner, lossy: Lossy) -> Iterator[tuple[Any, str]]:
    """Yield which texts have a value within that the column would not take by itself."""
    import pyarrow as pa

    texts: list[tuple[list[int], list[str]]] = [([], []) for _ in inner.limits]
    for index, row, value in inner.split(column):
        rows, values = texts[index]
        rows.append(row)
        values.append(value)
    numbers = pa.array(range(len(column)), pa.int64())
    for limits, (rows, values) in zip(inner.limits, texts, strict=True):
        for bad, reason in _problems(pa.array(values, pa.string()), limits, lossy):
            yield pc.is_in(numbers, pa.array(rows, pa.int64()).filter(bad)), f"of a value within: {reason}"


def _byte_problems(column: pa.Array, limits: ColumnConstraints) -> Iterator[tuple[Any, str]]:
    import pyarrow as pa

    if limits.octets is None and limits.padded is None:
        return
    length = pc.binary_length(column)
    if limits.octets is not None:
        yield pc.greater(length, _as(pa.int64(), limits.octets)), f"it has more than {limits.octets:,} bytes"
    if limits.padded is not None:
        yield pc.less(length, _as(pa.int64(), limits.padded)), f"the column would fill it up to {limits.padded:,} bytes"


def _number_problems(column: pa.Array, limits: ColumnConstraints) -> Iterator[tuple[Any, str]]:
    import pyarrow as pa

    dtype = column.type
    low, high = limits.low, limits.high
    if limits.digits is not None:
        high = 10**limits.digits - 1
        low = -high
    if low is None or high is None:
        return
    if pa.types.is_integer(dtype):
        yield from _integer_problems(column, low, high)
    elif pa.types.is_floating(dtype) and limits.high is not None:
        numbers = column.cast(pa.float64())
        yield pc.not_equal(pc.floor(numbers), numbers), "the number is not whole"
        # The greatest of 64 bits is no double: the next one beyond is, and so is what follows the greatest.
        beyond = pc.greater_equal(numbers, float(high + 1))
        yield pc.or_(pc.less(numbers, float(low)), beyond), "the number is out of range"
    elif pa.types.is_decimal(dtype):
        yield from _decimal_problems(column, low, high)


def _integer_problems(column: pa.Array, low: int, high: int) -> Iterator[tuple[Any, str]]:
    dtype = column.type
    possible = _value_range(dtype)
    if (low <= possible[0] and possible[1] <= high) or is_within(column, low, high):
        return
    if possible[1] < low:
        yield pc.is_valid(column), "the number is too small"
    elif possible[0] < low:
        yield pc.less(column, _as(dtype, low)), "the number is too small"
    if possible[1] > high:
        yield pc.greater(column, _as(dtype, high)), "the number is too large"


def _decimal_problems(column: pa.Array, low: int, high: int) -> Iterator[tuple[Any, str]]:
    import pyarrow as pa

    scale = column.type.scale
    greatest = 10 ** max(column.type.precision - scale, 0) - 1
    if low <= -greatest and greatest <= high:
        return
    # Compared as it is: Arrow's own truncation of wide decimals is not exact.
    wide = pa.decimal256(_WIDEST, scale)
    for edge, is_beyond in ((low - 1, pc.less_equal), (high + 1, pc.greater_equal)):
        if abs(edge) <= greatest:
            yield is_beyond(column.cast(wide), pa.scalar(Decimal(edge), wide)), "the number is out of range"


def _value_range(dtype: pa.DataType) -> tuple[int, int]:
    import pyarrow as pa

    return integer_range(dtype.bit_width, signed=pa.types.is_signed_integer(dtype))


def _as(dtype: pa.DataType, value: int) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(value, dtype)


def _first_true(bad: Any) -> int | None:
    row = pc.index(pc.fill_null(bad, False), True).as_py()
    return None if row < 0 else int(row)
