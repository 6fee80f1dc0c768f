"""Arrow values in the binary format of PostgreSQL's COPY, which costs both sides much less than text.

The server takes such bytes for what its column is and converts nothing. A pair of types that is not in the table here
goes as text (:mod:`osiris_provider.drivers.postgres.values`), which the server reads by the rules of the column.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.dtypes import is_binary, is_text
from osiris_provider.drivers.sql.base import json_text

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_BYTES = 512 * 1024
"""Of Arrow data, about, that are encoded at a time: memory for more than that is asked of the system each time."""
_AS_IS = object()


def binary_types(schema: pa.Schema, kinds: Mapping[str, str]) -> dict[str, pa.DataType] | None:
    """Return the Arrow type in which each column is sent; None if one of them has to go as text.

    :param schema: of the input.
    :param kinds: PostgreSQL's name of the type of each column of the table.
    """
    types = {field.name: _sent_as(field.type, kinds.get(field.name, "")) for field in schema}
    sent = {name: dtype for name, dtype in types.items() if dtype is not None}
    return sent if sent and len(sent) == len(types) else None


def binary_of(batch: pa.RecordBatch, types: Mapping[str, pa.DataType], kinds: Mapping[str, str]) -> Iterator[bytes]:
    """Yield a batch as the whole of a binary COPY, in pieces.

    :param batch: of columns that :func:`binary_types` has a type for, with values that fit.
    :param types: what that function returned.
    :param kinds: see there.
    """
    import pyarrow as pa
    from pgpq import ArrowToPostgresBinaryEncoder
    from pgpq.encoders import LargeStringEncoderBuilder, StringEncoderBuilder
    from pgpq.schema import Jsonb

    columns = [_cast(column, types[name]) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
    sent = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    builders: dict[str, Any] = {}
    for field in sent.schema:
        if kinds.get(field.name) == "jsonb":
            builder = LargeStringEncoderBuilder if pa.types.is_large_string(field.type) else StringEncoderBuilder
            builders[field.name] = builder.new_with_output(field, Jsonb())
        else:
            builders[field.name] = ArrowToPostgresBinaryEncoder.infer_encoder(field)
    encoder = ArrowToPostgresBinaryEncoder.new_with_encoders(sent.schema, builders)
    rows = max(1, sent.num_rows * PIECE_BYTES // max(sent.nbytes, 1))
    yield encoder.write_header()
    for start in range(0, sent.num_rows, rows):
        yield encoder.write_batch(sent.slice(start, rows))
    yield encoder.finish()


def _sent_as(dtype: pa.DataType, kind: str) -> pa.DataType | None:
    """Return the Arrow type whose bytes are those of a column's type; None if this input has to go as text."""
    import pyarrow as pa

    if pa.types.is_null(dtype):
        # A null is a length only, whatever the column is.
        return pa.string()
    sent = next((sent for kinds, fits, sent in _rules() if kind in kinds and fits(dtype)), None)
    return dtype if sent is _AS_IS else sent


def _rules() -> Sequence[tuple[Collection[str], Callable[[pa.DataType], bool], Any]]:
    """Return types of columns, a test of the inputs that go there in binary, and the Arrow type to send."""
    import pyarrow as pa

    types = pa.types
    return (
        (("bool",), types.is_boolean, _AS_IS),
        (("int2",), types.is_integer, pa.int16()),
        (("int4",), types.is_integer, pa.int32()),
        (("int8",), types.is_integer, pa.int64()),
        (("numeric",), types.is_integer, pa.decimal128(20, 0)),
        (("numeric",), types.is_decimal128, _AS_IS),
        (("float4",), types.is_float32, _AS_IS),
        (("float8",), types.is_float64, _AS_IS),
        (("text", "varchar", "bpchar", "json", "jsonb"), is_text, _AS_IS),
        (("json", "jsonb"), types.is_nested, pa.string()),
        (("bytea",), is_binary, _AS_IS),
        (("date",), types.is_date, pa.date32()),
        (("time",), types.is_time, pa.time64("us")),
        # A timestamp without a zone is UTC also where the column has one; a column without one takes no offset.
        (("timestamp", "timestamptz"), types.is_timestamp, pa.timestamp("us")),
        (("interval",), types.is_duration, pa.duration("us")),
    )


def _cast(column: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Return a column as what is sent."""
    import pyarrow as pa

    if column.type == dtype:
        return column
    if pa.types.is_nested(column.type):
        return pa.array([json_text(value) for value in column.to_pylist()], dtype)
    if pa.types.is_timestamp(dtype) and column.type.unit == dtype.unit:
        # Moments with a zone are kept as UTC tells them.
        return column.view(dtype)
    # What PostgreSQL does not keep of a second has been refused or rounded before; nothing else may be lost here.
    return column.cast(dtype, safe=not pa.types.is_temporal(dtype))
