"""Frames: what pandas changes of the values that a server gave is said, and what polars would lose is an error."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.errors import DataError, MissingPackageError

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

_EXACT: Final = 2**53
"""Whole numbers up to this one are floats, too."""


def imported(module: str) -> Any:
    """Return a module of a library of frames.

    :param module: such as ``polars``.
    :raises MissingPackageError: it is not installed.
    """
    name = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError:
        message = f"{name} is not installed; run: pip install 'airflow-provider-osiris[{name}]'"
    raise MissingPackageError(message)


def watched(connection: Any, options: Mapping[str, Any]) -> Any:
    """Return a connection that warns of what a frame of pandas changes.

    :param connection: of a driver.
    :param options: of ``pandas.read_sql``.
    """
    return _WatchedConnection(connection, options)


class _WatchedConnection:
    """A connection whose rows are looked at on their way into a frame."""

    def __init__(self, connection: Any, options: Mapping[str, Any]) -> None:
        self._connection = connection
        self.has_decimals = not options.get("coerce_float", True)
        self.has_integers = options.get("dtype_backend") == "numpy_nullable"
        self._said: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        """Return a cursor whose rows are looked at."""
        return _WatchedCursor(self._connection.cursor(), self)

    def look(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Warn, once for each, of the columns that have other values in a frame.

        :param names: of the columns.
        :param rows: of a result, or a part of it.
        """
        # A join may give a name twice. Without rows there are no values.
        columns = zip(names, zip(*rows, strict=True), strict=False)
        fresh = [name for name, values in columns if name not in self._said and self._changes(values)]
        self._said.update(fresh)
        if fresh:
            log.warning(
                "The frame of pandas has other values than the server gave, in columns: %s. pandas makes floats of "
                "decimals, and of whole numbers where some are missing, and a float has 15 to 17 digits. Say "
                "df_type='polars', or cast these columns to text in the query.",
                ", ".join(fresh),
            )

    def _changes(self, values: Sequence[Any]) -> bool:
        present = [value for value in values if value is not None]
        if not present or self._keeps(present[0], has_gaps=len(present) < len(values)):
            return False
        return any(_is_another_float(value) for value in present)

    def _keeps(self, value: Any, *, has_gaps: bool) -> bool:
        """Return whether the frame keeps values of this kind."""
        if isinstance(value, Decimal):
            return self.has_decimals
        return not isinstance(value, int) or not has_gaps or self.has_integers


class _WatchedCursor:
    def __init__(self, cursor: Any, watch: _WatchedConnection) -> None:
        self._cursor = cursor
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def fetchall(self) -> Any:
        return self._looked_at(self._cursor.fetchall())

    def fetchmany(self, size: int) -> Any:
        return self._looked_at(self._cursor.fetchmany(size))

    def _looked_at(self, rows: Any) -> Any:
        self._watch.look([column[0] for column in self._cursor.description], rows)
        return rows


def _is_another_float(value: Any) -> bool:
    if isinstance(value, Decimal):
        # 1.1 is what a float of it shows.
        return value.is_finite() and Decimal(repr(float(value))) != value
    return isinstance(value, int) and abs(value) > _EXACT and int(float(value)) != value


def polars_frame(cursor: Any, rows: Iterable[Sequence[Any]], options: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows as a frame of polars, with the values that the server gave.

    :param cursor: that has fetched them.
    :param rows: of its result, or a part of it.
    :param options: of ``polars.DataFrame``.
    :raises DataError: polars has no form for a value.
    :raises MissingPackageError: polars is not installed.
    """
    names = [column[0] for column in cursor.description]
    # psycopg2 hands over bytes as views of memory.
    cells = [[bytes(cell) if isinstance(cell, memoryview) else cell for cell in row] for row in rows]
    for row in cells:
        for name, cell in zip(names, row, strict=True):
            if _has_no_form(cell):
                raise _no_form(name)
    frame: pl.DataFrame = imported("polars").DataFrame(
        cells, names, orient="row", **{"infer_schema_length": None, **options}
    )
    for number, column in enumerate(frame.iter_columns()):
        # Of a decimal that is too long for the scale of the others it makes a null.
        if column.dtype.is_decimal() and column.null_count() > sum(row[number] is None for row in cells):
            raise _no_form(column.name)
    return frame


def _has_no_form(cell: Any) -> bool:
    if isinstance(cell, Decimal):
        return not cell.is_finite()
    return isinstance(cell, time) and cell.tzinfo is not None


def _no_form(name: str) -> DataError:
    message = (
        f"Column {name} has a value that polars has no form for: NaN, a time zone of a time of day, or numbers with "
        "more than 38 digits before and behind the point. Cast the column to text in the query."
    )
    return DataError(message, column=name)
