"""Rare Arrow types as the common ones, so that each family has to know only these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from osiris_provider.drivers.sql.base import Batches

if TYPE_CHECKING:
    import pyarrow as pa

_SMALL: Final = (32, 64)
"""Bits of decimals that become larger ones."""
_MAX_DECIMAL128: Final = 38
_MAX_DIGITS: Final = 76


def normalized_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that :func:`normalized_batches` give."""
    import pyarrow as pa

    return pa.schema([field.with_type(_normalized_type(field.type)) for field in schema])


def normalized_batches(batches: Batches, schema: pa.Schema) -> Batches:
    """Yield the same batches with columns of the common types.

    Dictionaries and run-end encoded columns become what they hold, views become texts and bytes, small decimals large
    ones, those of hundreds and the like whole numbers, half floats floats; a UUID becomes its text, other extension
    types their storage.

    :param schema: what :func:`normalized_schema` gives.
    """
    import pyarrow as pa

    for batch in batches:
        if batch.schema.types == schema.types:
            yield batch
            continue
        columns = [_normalized(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def normalized(column: pa.Array) -> pa.Array:
    """Return a column as one of the common types; see :func:`normalized_batches`."""
    return _normalized(column, _normalized_type(column.type))


def _normalized_type(dtype: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if isinstance(dtype, pa.UuidType):
        return pa.string()
    if isinstance(dtype, pa.BaseExtensionType):
        return _normalized_type(dtype.storage_type)
    if pa.types.is_dictionary(dtype) or pa.types.is_run_end_encoded(dtype):
        return _normalized_type(dtype.value_type)
    if pa.types.is_decimal(dtype) and (dtype.bit_width in _SMALL or dtype.scale < 0):
        digits = dtype.precision - min(dtype.scale, 0)
        # More than 76 are refused where the value is.
        make = pa.decimal128 if digits <= _MAX_DECIMAL128 else pa.decimal256
        return make(min(digits, _MAX_DIGITS), max(dtype.scale, 0))
    views = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary(), pa.float16(): pa.float32()}
    return views.get(dtype, dtype)


def _normalized(column: pa.Array, dtype: pa.DataType) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == dtype:
        return column
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], dtype)
    if isinstance(column.type, pa.BaseExtensionType):
        return _normalized(column.storage, dtype)
    if pa.types.is_dictionary(column.type):
        # Arrow does not decode a dictionary of views, such as polars' categories.
        return _normalized(column.dictionary, dtype).take(column.indices)
    if pa.types.is_run_end_encoded(column.type):
        return _normalized(pc.run_end_decode(column), dtype)
    return column.cast(dtype)
