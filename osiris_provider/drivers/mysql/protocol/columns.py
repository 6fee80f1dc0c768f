"""The columns of a result, and their values as text where Arrow's types are not wanted or not enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.incremental.ordering import ordered_as
from osiris_provider.drivers.mysql.protocol import arrow_types as types
from osiris_provider.drivers.mysql.protocol.packets import MalformedError
from osiris_provider.drivers.sql.base import json_text
from osiris_provider.drivers.sql.values.special_values import check_text_columns, needs_text
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

UTF8: Final = "utf8"
YEAR_DIGITS: Final = 4
FLOAT_BYTES: Final = 4


@dataclass(frozen=True)
class Column:
    """How a column is to be read.

    :param name: unique in the result.
    :param code: the type on the wire.
    :param type: the Arrow type of its values.
    :param fraction: digits of a second.
    :param lenient: values that the Arrow type cannot hold become NULL.
    :param as_text: it is delivered as text.
    :param digits: that a number as text has at least, zeros before it.
    :param encoding: Python's name of the character set of text.
    :param listed: its texts are members of an ENUM or a SET, which have an order of their own.
    """

    name: str
    code: int
    type: pa.DataType
    fraction: int = 0
    lenient: bool = False
    as_text: bool = False
    digits: int = 0
    encoding: str = UTF8
    listed: bool = False

    @property
    def field(self) -> pa.Field:
        """Name and type as delivered; one of texts says in which order MySQL puts them."""
        import pyarrow as pa

        field = pa.field(self.name, pa.string() if self.as_text else self.type)
        if self.listed or self.code == types.JSON:
            return ordered_as(field, "none")
        if not self.as_text or is_text(self.type):
            return field
        is_time = pa.types.is_timestamp(self.type) or pa.types.is_date(self.type)
        is_number = pa.types.is_integer(self.type) or pa.types.is_floating(self.type) or pa.types.is_decimal(self.type)
        return ordered_as(field, "time") if is_time else ordered_as(field, "number") if is_number else field

    @property
    def has_time(self) -> bool:
        """Whether it is a date with a time."""
        return self.code in (types.DATETIME, types.TIMESTAMP)


def columns_of(
    definitions: Iterable[types.ColumnDefinition],
    *,
    text_columns: Collection[str] = (),
    lenient: bool = False,
    timestamp_zone: str | None = None,
    encoding: str = UTF8,
) -> list[Column]:
    """Return the columns of a result.

    :param definitions: as the server gives them.
    :param text_columns: names of those that are delivered as text.
    :param lenient: see :class:`Column`.
    :param timestamp_zone: see :func:`~osiris_provider.drivers.mysql.protocol.arrow_types.arrow_field`.
    :param encoding: see :class:`Column`.
    :raises DriverConfigError: there is no column of a name in ``text_columns``.
    """
    definitions = list(definitions)
    schema = types.arrow_schema(definitions, timestamp_zone=timestamp_zone)
    check_text_columns(text_columns, schema.names)
    return [
        Column(
            name=field.name,
            code=definition.type_code,
            type=field.type,
            fraction=types.fraction_digits(definition),
            lenient=lenient,
            as_text=field.name in text_columns,
            digits=_digits(definition),
            encoding=encoding,
            listed=bool(definition.flags & (types.ENUM_FLAG | types.SET_FLAG)),
        )
        for field, definition in zip(schema, definitions, strict=True)
    ]


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Return the schema of a result."""
    import pyarrow as pa

    return pa.schema([column.field for column in columns])


def shown(values: pa.Array, column: Column) -> pa.Array:
    """Return numbers and times as they are, or as text if the column is delivered as text.

    Text is what the server shows, but for FLOAT, DOUBLE and VECTOR: they are written so that the very same numbers are
    read back.

    :param values: of the column's type.
    :param column: of the result.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not column.as_text or pa.types.is_null(column.type):
        return values.cast(column.field.type)
    if pa.types.is_list(column.type):
        return pa.array(map(json_text, values.to_pylist()), pa.string())
    if pa.types.is_duration(column.type):
        micros = values.cast(pa.int64()).to_pylist()
        return pa.array(
            [None if value is None else _time_text(value, column.fraction) for value in micros], pa.string()
        )
    text = values.cast(pa.string())
    return pc.utf8_lpad(text, column.digits, "0") if column.digits else text


def vectors(values: pa.Array) -> pa.Array:
    """Return the bytes of MySQL's VECTOR as lists of the numbers in them.

    :param values: the bytes, from the first of their buffer on.
    :raises MalformedError: they are not as many as numbers have.
    """
    import numpy as np
    import pyarrow as pa

    offsets = np.frombuffer(values.buffers()[1], "<i4", len(values) + 1)
    if (offsets % FLOAT_BYTES).any():
        message = "A vector has a part of a number."
        raise MalformedError(message)
    numbers = pa.Array.from_buffers(pa.float32(), offsets[-1] // FLOAT_BYTES, [None, values.buffers()[2]])
    return pa.ListArray.from_arrays(pa.array(offsets // FLOAT_BYTES), numbers, mask=values.is_null())


def parsed(texts: pa.Array, column: Column, first_row: int) -> pa.Array:
    """Return decimals and dates that the server wrote as the column's type, or as they are if text is wanted.

    :param texts: as the server wrote them.
    :param column: of the result.
    :param first_row: number of the first of them in the result, from 1.
    :raises ColumnNeedsTextError: a value has no place in the type.
    """
    import pyarrow as pa

    if column.as_text:
        return texts

    def convert(values: pa.Array) -> pa.Array:
        if pa.types.is_decimal(column.type) and _has_too_many_digits(values, column.type):
            message = "more digits than its type has"
            raise pa.ArrowInvalid(message)
        dtype = pa.timestamp(column.type.unit) if pa.types.is_timestamp(column.type) else column.type
        # What the server shows of a TIMESTAMP is in the session's time zone, which is then UTC.
        return values.cast(dtype).cast(column.type)

    try:
        return convert(texts)
    except pa.ArrowInvalid:
        if column.lenient:
            return _convertible(texts, convert)
        index = first_failing(texts, convert)
    raise needs_text(column.name, texts[index].as_py(), first_row + index)


def as_texts(values: pa.Array, column: Column, first_row: int) -> pa.Array:
    """Return bytes as the texts that they are.

    :param values: of some rows.
    :param column: of the result.
    :param first_row: number of the first of them in the result, from 1.
    :raises DataError: they are none in the column's encoding; names column and row.
    """
    convert = partial(_text, encoding=column.encoding)
    try:
        return convert(values)
    except ValueError:  # which Arrow's and Unicode's errors are
        row = first_row + first_failing(values, convert)
    complaint = f"the text is not valid {column.encoding}. CAST the column to BINARY in the query to read its bytes."
    message = f"Column {column.name}, row {row:,}: {complaint}"
    raise DataError(message, column=column.name, row=row)


def _text(values: pa.Array, encoding: str) -> pa.Array:
    import pyarrow as pa

    if encoding == UTF8:
        return values.cast(pa.string())
    return pa.array([None if value is None else value.decode(encoding) for value in values.to_pylist()], pa.string())


def _has_too_many_digits(texts: pa.Array, dtype: pa.DataType) -> bool:
    """Return whether a number is too long for any decimal of so many bits: Arrow would make another number of it."""
    import numpy as np
    import pyarrow as pa

    digits = types.MAX_DECIMAL128 if pa.types.is_decimal128(dtype) else types.MAX_DECIMAL256
    # Asked of each batch, so by its numbers alone.
    lengths = np.diff(np.frombuffer(texts.buffers()[1], "<i4", len(texts) + 1, 4 * texts.offset))
    if lengths.max() <= digits:
        return False
    import pyarrow.compute as pc

    long = texts.filter(pc.greater(pc.binary_length(texts), digits))
    plain = pc.utf8_ltrim(pc.replace_substring(long, ".", ""), "-+0")
    return bool(pc.max(pc.binary_length(plain)).as_py() > digits)


def _convertible(texts: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Convert what can be converted; the rest becomes NULL."""
    import pyarrow as pa

    try:
        return convert(texts)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return convert(pa.nulls(1, texts.type))
    middle = len(texts) // 2
    return pa.concat_arrays([_convertible(part, convert) for part in (texts[:middle], texts[middle:])])


def first_failing(values: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int:
    """Return the number of the first value that cannot be converted."""
    good, bad = 0, len(values)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            convert(values.slice(good, middle - good))
        except ValueError:
            bad = middle
        else:
            good = middle
    return good


def _digits(definition: types.ColumnDefinition) -> int:
    if definition.type_code == types.YEAR:
        return YEAR_DIGITS
    return definition.length if definition.flags & types.ZEROFILL_FLAG and definition.type_code in types.INTEGERS else 0


def _time_text(micros: int, fraction: int) -> str:
    seconds, rest = divmod(abs(micros), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f".{rest:06}"[: fraction + 1] if fraction else ""
    return f"{'-' if micros < 0 else ''}{hours:02}:{minutes:02}:{seconds:02}{tail}"
