"""PostgreSQL's column types as Arrow types, and PostgreSQL's text of a value as an exact Arrow value.

The Arrow type follows from the declared type alone, never from the rows:

===================================  ===========================================================================
PostgreSQL                           Arrow
===================================  ===========================================================================
smallint, integer, bigint, oid       int16, int32, int64, int64
real, double precision               float32, float64, with NaN, infinities and -0
numeric(p, s)                        decimal128(p, s), decimal256 from 39 digits on; a negative scale adds digits
numeric without precision, > 76      string: there is no precision that is surely enough
boolean, bytea                       bool, binary
date                                 date32, BC and years beyond 9999 too
timestamp, timestamptz               timestamp in microseconds, the latter in UTC; BC and years to 294246 too
time                                 time64 in microseconds
interval                             string in ISO 8601, such as ``P1DT2H``: months, days and seconds do not mix
everything else                      string, as the server writes it: text, json, uuid, arrays, ranges, enums,
                                     timetz, money, bit, inet, xml, composites, types of extensions …
===================================  ===========================================================================

A domain counts as its base type. Some of these types have values that Arrow's have not: infinite dates and timestamps,
timestamps after 294247-01-10, the time 24:00:00, and NaN in a numeric(p, s). A column that holds one needs text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.incremental.ordering import ordered_as
from osiris_provider.drivers.sql.values.special_values import check_text_columns, unique_names
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

BOOL, BYTEA, INT8, INT2, INT4, OID, FLOAT4, FLOAT8 = 16, 17, 20, 21, 23, 26, 700, 701
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC = 1082, 1083, 1114, 1184, 1700
CHAR, NAME, TEXT, UNKNOWN, BPCHAR, VARCHAR, UUID = 18, 19, 25, 705, 1042, 1043, 2950

_NUMBERS = (INT2, INT4, INT8, OID, FLOAT4, FLOAT8, NUMERIC)
_TIMES = (DATE, TIMESTAMP, TIMESTAMPTZ)
_TEXTS = (TEXT, VARCHAR, BPCHAR, CHAR, NAME, UUID, TIME, UNKNOWN)
"""Types whose values stand in the order of their texts, but for collations."""

MAX_DIGITS = 76
_MAX_DECIMAL128 = 38
_MAX_PRECISION = 1000

_ARROW_MAKERS = {
    BOOL: "bool_",
    BYTEA: "binary",
    INT8: "int64",
    INT2: "int16",
    INT4: "int32",
    OID: "int64",
    FLOAT4: "float32",
    FLOAT8: "float64",
    DATE: "date32",
}


@dataclass(frozen=True)
class Column:
    """A column of a result.

    :param name: unique among the result's columns.
    :param oid: of its type; a domain's is that of its base type.
    :param precision: of a numeric; None if it has none.
    :param scale: of a numeric.
    :param as_text: it is delivered as the server's text whatever its type.
    """

    name: str
    oid: int
    precision: int | None = None
    scale: int = 0
    as_text: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type, by the table above."""
        import pyarrow as pa

        if self.as_text:
            return pa.string()
        if self.oid == NUMERIC:
            return _decimal(self.precision, self.scale)
        if self.oid in (TIMESTAMP, TIMESTAMPTZ):
            return pa.timestamp("us", tz="UTC" if self.oid == TIMESTAMPTZ else None)
        if self.oid == TIME:
            return pa.time64("us")
        dtype: pa.DataType = getattr(pa, _ARROW_MAKERS.get(self.oid, "string"))()
        return dtype

    @property
    def field(self) -> pa.Field:
        """The Arrow field; one of texts says in which order PostgreSQL puts them."""
        import pyarrow as pa

        field = pa.field(self.name, self.arrow_type)
        if not is_text(field.type) or self.oid in _TEXTS:
            return field
        return ordered_as(field, "number" if self.oid in _NUMBERS else "time" if self.oid in _TIMES else "none")


def columns_of(description: Sequence[Any] | None) -> list[Column]:
    """Return the columns of a psycopg2 ``cursor.description``.

    :param description: None if the statement gives no rows.
    :raises DataError: it gives no rows.
    """
    if description is None:
        message = "The query gives no rows; an extractor needs one that does, such as SELECT."
        raise DataError(message)
    names = unique_names([str(item[0]) for item in description])
    return [_column(name, item) for name, item in zip(names, description, strict=True)]


def with_text(columns: Sequence[Column], names: Collection[str]) -> list[Column]:
    """Return the columns, those with these names as the server's text.

    :raises DriverConfigError: there is no column of a name.
    """
    check_text_columns(names, [column.name for column in columns])
    return [replace(column, as_text=column.name in names) for column in columns]


def _column(name: str, item: Sequence[Any]) -> Column:
    oid, precision, scale = int(item[1]), item[4], item[5]
    # psycopg2 says 65535 where there is none; the scale is a signed number of 11 bits.
    if oid != NUMERIC or precision is None or precision > _MAX_PRECISION:
        return Column(name, oid)
    return Column(name, oid, precision, (scale ^ 1024) - 1024)


def _decimal(precision: int | None, scale: int) -> pa.DataType:
    import pyarrow as pa

    if precision is None:
        return pa.string()
    digits = max(precision - min(scale, 0), scale)
    if digits > MAX_DIGITS:
        return pa.string()
    make = pa.decimal128 if digits <= _MAX_DECIMAL128 else pa.decimal256
    return make(digits, max(scale, 0))
