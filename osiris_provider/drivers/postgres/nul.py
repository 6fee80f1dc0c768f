"""The character U+0000, which no text of PostgreSQL can have: refused by name, or left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from osiris_provider.drivers.data import leaves, struct_names
from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.sql.base import Batches, json_text
from osiris_provider.drivers.sql.config import TableConfig
from osiris_provider.drivers.sql.values.normalize import normalized
from osiris_provider.drivers.sql.values.validate import constraint_error

if TYPE_CHECKING:
    import pyarrow as pa

_REASON = "it has the character U+0000, which PostgreSQL has not; set strip_nul: true to leave it out"
# As JSON writes it, but not after a backslash that is a character itself.
_ESCAPED = r"((?:^|[^\\])(?:\\\\)*)(?:\\u0000)+"


def without_nul(batches: Batches, config: TableConfig, kinds: Mapping[str, str]) -> Batches:
    """Yield batches without U+0000.

    :param config: of the step.
    :param kinds: PostgreSQL's names of the columns' types; a nested column that has none becomes ``jsonb``.
    :raises DataError: names column and row, unless ``strip_nul`` is set.
    """
    first = 1
    for batch in batches:
        for index, name in enumerate(batch.schema.names):
            column = batch.column(index)
            find = _finder(column.type, kinds.get(name, ""))
            if find is None or not find(column):
                continue
            if not getattr(config, "strip_nul", False):
                row = next(row for row in range(len(column)) if find(column.slice(row, 1)))
                raise constraint_error(config.table, name, first + row, _REASON)
            batch = batch.set_column(index, name, _stripped(column, kinds.get(name, "")))  # noqa: PLW2901 - the same rows
        yield batch
        first += batch.num_rows


def _finder(dtype: pa.DataType, kind: str) -> Callable[[pa.Array], bool] | None:
    """Return what finds the character in a column, None if it cannot be there."""
    import pyarrow as pa

    if is_text(dtype):
        return _has_escaped if kind == "jsonb" else _has_nul
    return partial(_has_nested_nul, kind) if pa.types.is_nested(dtype) else None


def _has_nul(column: pa.Array) -> bool:
    import numpy as np
    import pyarrow as pa

    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return False
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    ends = np.frombuffer(offsets, width)
    begin, end = int(ends[column.offset]), int(ends[column.offset + len(column)])
    return not np.frombuffer(data, np.uint8)[begin:end].all()


def _has_escaped(column: pa.Array) -> bool:
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring(column, "\\u0000")).as_py():
        return _has_nul(column)
    return bool(pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py())


def _has_nested_nul(kind: str, column: pa.Array) -> bool:
    """Return whether a text within is one that jsonb does not take; json and text take it as JSON writes it."""
    if kind not in ("", "jsonb"):
        return False
    if any("\0" in name for names in struct_names(column.type) for name in names):
        return bool(column.null_count < len(column))
    return any(_has_nul(leaf) for leaf in map(normalized, leaves(column)) if is_text(leaf.type))


def _stripped(column: pa.Array, kind: str) -> pa.Array:
    """Return a column without the character; a nested one as the JSON that it would be sent as."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nested = pa.types.is_nested(column.type)
    if nested:
        column = pa.array([json_text(value) for value in column.to_pylist()], pa.string())
    plain = pc.replace_substring(column, "\0", "")
    return pc.replace_substring_regex(plain, _ESCAPED, r"\1") if nested or kind == "jsonb" else plain
