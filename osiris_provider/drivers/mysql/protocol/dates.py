"""Dates and times of MySQL's binary protocol to Arrow.

A date is a length byte and then, as far as they are not zero, year, month, day, hour, minute, second, microsecond.
A time is a length byte, sign, days, hour, minute, second, microsecond.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.mysql.protocol.packets import MalformedError
from osiris_provider.drivers.mysql.protocol.rows import RowReader, array
from osiris_provider.drivers.sql.values.special_values import needs_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from osiris_provider.drivers.mysql.protocol.columns import Column

YEARS: Final = 10_000
DAY_US: Final = 86_400_000_000
MAX_HOURS: Final = 1_000_000
"""Of a TIME. Servers have 838; more than some billions would be another number of microseconds."""
DATE_CHARS: Final = len("2024-02-29")
TIME_CHARS: Final = len("2024-02-29 23:59:59")
_DATE_MASKS: Final = {0: 0, 4: 0xFFFFFFFF, 7: 0xFFFFFFFFFFFFFF, 11: 0xFFFFFFFFFFFFFF}
_TIME_MASKS: Final = {0: 0, 8: 0xFFFFFFFFFFFFFFFF, 12: 0xFFFFFFFFFFFFFFFF}


def dates(reader: RowReader, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    """Read a DATE, DATETIME or TIMESTAMP column.

    :param reader: stands before the column.
    :param valid: which rows have a value.
    :param column: its type is date32 or timestamp.
    :raises ColumnNeedsTextError: a date is none.
    """
    import numpy as np
    import pyarrow as pa

    parts, length, at = _parts(reader, valid, _DATE_MASKS)
    year, month, day = parts & 0xFFFF, parts >> 16 & 0xFF, parts >> 24 & 0xFF
    micros = np.where(length == 11, reader.look("<u4", at + 7), 0)
    seconds = ((parts >> 32 & 0xFF) * 60 + (parts >> 40 & 0xFF)) * 60 + (parts >> 48 & 0xFF)
    if column.as_text:
        return _texts(parts, micros, valid, column)
    days, real = _days(year, month, day)
    if not real.all():
        valid = _without_zero_dates(real, parts, micros, valid, reader, column)
    if pa.types.is_date32(column.type):
        return array(column.type, [days], valid, len(reader))
    moments = days.astype("i8") * DAY_US + seconds.astype("i8") * 1_000_000 + micros
    return array(column.type, [moments], valid, len(reader))


def times(reader: RowReader, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    """Read a TIME column as microseconds.

    :param reader: stands before the column.
    :param valid: which rows have a value.
    :param column: its type is duration.
    :raises MalformedError: a time is longer than any can be.
    """
    import numpy as np

    parts, length, at = _parts(reader, valid, _TIME_MASKS)
    hours = (parts >> 8 & 0xFFFFFFFF) * 24 + (parts >> 40 & 0xFF)
    if hours.max() > MAX_HOURS:
        message = "A time is longer than any can be."
        raise MalformedError(message)
    seconds = (hours * 60 + (parts >> 48 & 0xFF)) * 60 + (parts >> 56)
    micros = np.where(length == 12, reader.look("<u4", at + 8), 0)
    total = seconds.astype("i8") * 1_000_000 + micros
    return array(column.type, [np.where(parts & 0xFF, -total, total)], valid, len(reader))


def _parts(reader: RowReader, valid: NDArray[np.bool_] | None, masks: dict[int, int]) -> tuple[Any, Any, Any]:
    """Return the eight bytes behind the length byte as a number, those beyond the length being zero."""
    import numpy as np

    pieces = reader.pieces(valid)
    length = pieces.ends - pieces.starts
    table = np.zeros(256, dtype="u8")
    known = np.zeros(256, dtype=bool)
    for size, mask in masks.items():
        table[size], known[size] = mask, True
    if length.max() > max(masks) or not known[length].all():
        message = "A date or time has a length that there is not."
        raise MalformedError(message)
    return reader.look("<u8", pieces.starts) & table[length], length, pieces.starts


@cache
def _month_starts() -> NDArray[np.int32]:
    """Days from 1970-01-01 to the first of each month from 0000-01 to 10000-01."""
    import numpy as np

    months = np.arange("0000-01", "10000-02", dtype="M8[M]")
    starts: NDArray[np.int32] = months.astype("M8[D]").astype("i8").astype("i4")
    return starts


def _days(year: Any, month: Any, day: Any) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return days since 1970-01-01, and which dates there really are."""
    starts = _month_starts()
    # The numbers have no sign: one less than month 0 is a great number.
    real = (month - 1 < 12) & (year < YEARS)
    index = ((year * 12 + month - 1) * real).astype("i8")
    first = starts[index]
    day = day.astype("i4")
    real &= (day > 0) & (day <= starts[index + 1] - first)
    return first + (day - 1), real


def _without_zero_dates(
    real: Any, parts: Any, micros: Any, valid: NDArray[np.bool_] | None, reader: RowReader, column: Column
) -> NDArray[np.bool_] | None:
    """Return which rows are left valid."""
    wrong: NDArray[np.bool_] = ~real if valid is None else valid & ~real
    if not wrong.any():
        return valid
    if column.lenient:
        left: NDArray[np.bool_] = real if valid is None else valid & real
        return left
    index = int(wrong.argmax())
    shown = _texts(parts[index : index + 1], micros[index : index + 1], None, column)[0].as_py()
    raise needs_text(column.name, shown, reader.first_row + index)


def _texts(parts: Any, micros: Any, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    """Write dates as the server does."""
    import numpy as np
    import pyarrow as pa

    width = TIME_CHARS + (column.fraction + 1 if column.fraction else 0) if column.has_time else DATE_CHARS
    letters = np.empty((len(parts), TIME_CHARS + 7), dtype="u1")
    letters[:] = np.frombuffer(b"0000-00-00 00:00:00.000000", dtype="u1")
    fields = [(0, 4, parts & 0xFFFF), (5, 2, parts >> 16 & 0xFF), (8, 2, parts >> 24 & 0xFF)]
    fields += [(11, 2, parts >> 32 & 0xFF), (14, 2, parts >> 40 & 0xFF), (17, 2, parts >> 48 & 0xFF), (20, 6, micros)]
    for start, digits, number in fields:
        for digit in range(digits):
            letters[:, start + digit] += (number // 10 ** (digits - 1 - digit) % 10).astype("u1")
    offsets = np.arange(len(parts) + 1, dtype="i4") * width
    return array(pa.string(), [offsets, np.ascontiguousarray(letters[:, :width])], valid, len(parts))
