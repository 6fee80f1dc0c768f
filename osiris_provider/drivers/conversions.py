"""Turning what a step returns into Arrow without changing a value: rows as dicts, frames, and chunks of other types."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.mixtures import mixture
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_PERIOD = "pandas.period"


def table_of_rows(rows: Sequence[Mapping[str, Any]], step: str | None) -> pa.Table:
    """Return rows as a table with the columns of all of them; what a row lacks is null.

    :param rows: as dicts.
    :param step: whose rows they are, for the message.
    :raises DataError: names the column whose values have no type in common, and the row where that shows.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names and rows:
        message = f"{_where(step)}: {len(rows):,} rows without any column."
        raise DataError(message, step=step)
    return pa.table({name: _column(name, [row.get(name) for row in rows], step) for name in names})


def frame_table(frame: Any, step: str | None = None) -> pa.Table:
    """Return a pandas frame as a table; an index that has a name is a column, such as that of a ``groupby``.

    :param frame: whose index counts rows otherwise, and is left out.
    :param step: whose frame it is, for messages.
    :raises DataError: Arrow would change a value.
    """
    import pyarrow as pa

    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    if any(_is_lost(frame, level) for level in range(frame.index.nlevels)):
        log.warning(
            "%s: the index of the frame is left out, because it has no name, or that of a column. If its values are "
            "data, make it a column: frame.reset_index(names=…).",
            _where(step, "frame"),
        )
    indexed = frame.reset_index(level=named) if named else frame
    table = pa.Table.from_pandas(indexed, preserve_index=False)
    for number, field in enumerate(table.schema):
        if getattr(field.type, "extension_name", "") == _PERIOD:
            problem = "periods would be numbers. Make them texts or times: .astype(str), .dt.to_timestamp()"
        elif getattr(indexed.dtypes.iloc[number], "hasobject", False):
            problem = mixture(indexed.iloc[:, number].tolist(), field.type)
        else:
            continue
        if problem:
            message = f"{_where(step, 'frame')}: column {field.name}: {problem}."
            raise DataError(message, step=step, column=field.name)
    return table


def is_pandas(value: Any) -> bool:
    """Return whether a value is a frame of pandas."""
    # An optional package: a caller that has a frame of it has imported it.
    return isinstance(value, getattr(sys.modules.get("pandas"), "DataFrame", ()))


def check_polars(value: Any, step: str | None) -> None:
    """Refuse what Arrow has not, and Python's objects, of which polars gives away their addresses in memory.

    :param value: any.
    :param step: whose frame it may be, for the message.
    :raises DataError: names the column.
    """
    polars: Any = sys.modules.get("polars")
    is_frame = isinstance(value, getattr(polars, "DataFrame", ()))
    columns: Mapping[str, Any] = getattr(value, "schema", {}) if is_frame else {}
    for name, column in columns.items():
        for dtype in _polars_leaves(column):
            if dtype == polars.Object:
                problem = "holds objects of Python; make it a column of a type of polars"
            elif str(dtype) in ("Int128", "UInt128"):
                problem = f"is of type {column}, and Arrow has no {dtype}; cast that to Decimal(38, 0)"
            else:
                continue
            message = f"{_where(step, 'frame')}: column {name} {problem}."
            raise DataError(message, step=step, column=name)


def _polars_leaves(dtype: Any) -> Iterator[Any]:
    """Yield the types of the values within lists, arrays and structs of polars; another type is its own leaf."""
    parts = [field.dtype for field in getattr(dtype, "fields", ())] or [getattr(dtype, "inner", None)]
    for part in parts:
        if part is None:
            yield dtype
        else:
            yield from _polars_leaves(part)


def _is_lost(frame: Any, level: int) -> bool:
    """Return whether a level of an index holds what no column does; numbers count rows."""
    import pandas as pd

    values = frame.index.get_level_values(level)
    if values.name is None:
        return values.dtype.kind not in "iu"
    same = frame.loc[:, frame.columns == values.name]
    return not all(values.equals(pd.Index(same.iloc[:, number])) for number in range(same.shape[1]))


def converted(column: pa.Array, dtype: pa.DataType) -> pa.Array | str:
    """Return values in another type, all of which are the same there; why there is none if one would change."""
    import pyarrow as pa

    if column.type == dtype:
        return column
    problem = f"{column.type} does not go into {dtype} without changing a value"
    if _has_zone(column.type) != _has_zone(dtype):
        return problem
    try:
        values = column.cast(dtype)
        is_same = pa.types.is_null(column.type) or _equal(values.cast(column.type), column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        return str(error).splitlines()[0]
    return values if is_same else problem


def _column(name: str, values: Sequence[Any], step: str | None) -> pa.Array:
    import pyarrow as pa

    problem = ""
    try:
        column = pa.array(values)
    except (pa.ArrowException, OverflowError) as error:
        problem = str(error).splitlines()[0]
    else:
        problem = mixture(values, column.type)
        if not problem:
            return column
    message = f"{_where(step)}: column {name}: {problem}. Give all rows one type."
    raise DataError(message, step=step, column=name)


def _where(step: str | None, what: str = "rows") -> str:
    return f"Step {step}: its {what}" if step else what.capitalize()


def _has_zone(dtype: pa.DataType) -> bool | None:
    import pyarrow as pa

    return dtype.tz is not None if pa.types.is_timestamp(dtype) else None


def _equal(one: pa.Array, other: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(one.type):
        # NaN is itself here.
        same = pc.or_(pc.and_(pc.is_nan(one), pc.is_nan(other)), pc.equal(one, other))
        return one.null_count == other.null_count and bool(pc.all(same, min_count=0).as_py())
    return bool(one.equals(other))
