"""Where the column of an incremental step is: at a position, perhaps within objects there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def field_at(schema: pa.Schema, path: Sequence[str | int]) -> pa.Field:
    """Return the field at a path, None if there is none.

    :param path: a position, then names of fields within.
    """
    import pyarrow as pa

    field = schema.field(path[0])
    for name in path[1:]:
        if not pa.types.is_struct(field.type) or field.type.get_field_index(str(name)) < 0:
            return None
        field = field.type.field(name)
    return field


def column_at(batch: pa.RecordBatch, path: Sequence[str | int]) -> pa.Array:
    """Return the column at a path.

    :param path: as :func:`field_at` takes it.
    """
    import pyarrow.compute as pc

    column = batch.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)
    return column
