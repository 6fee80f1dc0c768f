"""The Arrow type of every MySQL and MariaDB column type, from the column's definition and never from its values.

============================================  ===================================================================
MySQL, MariaDB                                Arrow
============================================  ===================================================================
TINYINT, SMALLINT, MEDIUMINT, INT, BIGINT     int8, int16, int32, int32, int64; UNSIGNED: uint8 … uint64.
                                              TINYINT(1) and BOOL are int8: they can hold more than 0 and 1
FLOAT, DOUBLE                                 float, double
DECIMAL(p, s)                                 decimal128(p, s); decimal256(p, s) if p > 38
BIT(n)                                        uint64
YEAR                                          int16
DATE, DATETIME                                date32, timestamp[us] without zone
TIMESTAMP                                     timestamp[us] without zone, as the session's time zone shows it; or with
                                              a zone, see ``timestamp_zone``
TIME                                          duration[us], it reaches from -838:59:59 to 838:59:59
CHAR, VARCHAR, TEXT, ENUM, SET, JSON          string
BINARY, VARBINARY, BLOB, GEOMETRY             binary
VECTOR of MySQL                               list of float; MariaDB tells a client no more than that it is binary
UUID, INET4, INET6                            string
NULL without a type                           null
============================================  ===================================================================

MySQL stores dates that are none: 0000-00-00, 2024-00-00, 2024-02-31. A column that holds one needs text.

A name that occurs more than once gets a number: ``id``, ``id_2``, ``id_3``. A column without a name is ``column_4``,
after its position.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from osiris_provider.drivers.sql.values.special_values import unique_names

if TYPE_CHECKING:
    import pyarrow as pa

DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24, DATE, TIME, DATETIME, YEAR, NEWDATE = (
    range(15)
)
BIT: Final = 16
JSON: Final = 245
NEWDECIMAL: Final = 246
VECTOR: Final = 242

DATES: Final = frozenset({DATE, NEWDATE, DATETIME, TIMESTAMP})
DECIMALS: Final = frozenset({DECIMAL, NEWDECIMAL})
UNSIGNED_FLAG: Final = 32
ZEROFILL_FLAG: Final = 64
ENUM_FLAG: Final = 256
SET_FLAG: Final = 2048
BINARY_CHARSET: Final = 63
MAX_DECIMAL128: Final = 38
MAX_DECIMAL256: Final = 76
MICROSECOND_DIGITS: Final = 6

_BITS: Final = {TINY: 8, SHORT: 16, INT24: 32, LONG: 32, LONGLONG: 64}
INTEGERS: Final = frozenset(_BITS)


class ColumnDefinition(Protocol):
    """What a server tells of a column; PyMySQL's ``FieldDescriptorPacket`` is one."""

    name: str
    type_code: int
    charsetnr: int
    length: int
    flags: int
    scale: int


def arrow_schema(columns: Iterable[ColumnDefinition], *, timestamp_zone: str | None = None) -> pa.Schema:
    """Return the schema of a result; every name occurs once.

    :param columns: in the order of the result.
    :param timestamp_zone: see :func:`arrow_field`.
    """
    import pyarrow as pa

    columns = list(columns)
    fields = [arrow_field(column, timestamp_zone=timestamp_zone) for column in columns]
    names = unique_names([column.name for column in columns])
    return pa.schema([field.with_name(name) for field, name in zip(fields, names, strict=True)])


def arrow_field(column: ColumnDefinition, *, timestamp_zone: str | None = None) -> pa.Field:
    """Return name and Arrow type of a column; see the table at the top of this module.

    :param column: as the server defines it.
    :param timestamp_zone: the session's ``time_zone``, such as ``UTC``; makes TIMESTAMP columns points in time.
    """
    import pyarrow as pa

    if column.type_code == TIMESTAMP:
        return pa.field(column.name, pa.timestamp("us", tz=timestamp_zone))
    return pa.field(column.name, _number_type(column) or _other_type(column))


def fraction_digits(column: ColumnDefinition) -> int:
    """Return how many digits of a second a DATETIME, TIMESTAMP or TIME column shows.

    :param column: as the server defines it; an expression may have 31 or 39 for "as many as there are".
    """
    return min(column.scale, MICROSECOND_DIGITS)


def _number_type(column: ColumnDefinition) -> pa.DataType | None:
    import pyarrow as pa

    if column.type_code in _BITS:
        sign = "u" if column.flags & UNSIGNED_FLAG else ""
        return getattr(pa, f"{sign}int{_BITS[column.type_code]}")()
    if column.type_code in DECIMALS:
        return _decimal_type(column)
    plain = {FLOAT: pa.float32(), DOUBLE: pa.float64(), BIT: pa.uint64(), YEAR: pa.int16()}
    return plain.get(column.type_code)


def _decimal_type(column: ColumnDefinition) -> pa.DataType:
    """The length counts the sign, unless it is unsigned, and the point, if there is one."""
    import pyarrow as pa

    precision = column.length - (column.scale > 0) - (not column.flags & UNSIGNED_FLAG)
    precision = min(max(precision, column.scale, 1), MAX_DECIMAL256)
    make = pa.decimal128 if precision <= MAX_DECIMAL128 else pa.decimal256
    return make(precision, column.scale)


def _other_type(column: ColumnDefinition) -> pa.DataType:
    import pyarrow as pa

    plain = {
        DATE: pa.date32(),
        NEWDATE: pa.date32(),
        DATETIME: pa.timestamp("us"),
        TIME: pa.duration("us"),
        JSON: pa.string(),  # of MySQL, which says that it is binary
        NULL: pa.null(),
        VECTOR: pa.list_(pa.float32()),
    }
    return plain.get(column.type_code) or (pa.binary() if column.charsetnr == BINARY_CHARSET else pa.string())
