"""What is said when DuckDB does not take a row: which one it is, and nothing of what is in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from osiris_provider.drivers.duckdb.tables import INPUT, readable
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.validate import constraint_error
from osiris_provider.errors import DataError
from osiris_provider.messages import without_brackets

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


def rule_error(table: str, where: str) -> DataError:
    """Return the error for a row that breaks a rule of the table.

    :param where: the rows in question.
    """
    message = f"Table {table}: {where} breaks a rule of the table, or has a duplicate key. Nothing was written."
    return DataError(message)


def broken_rule(
    cursor: DuckDBPyConnection,
    config: WriteConfig,
    table: str,
    keys: Sequence[Sequence[str]],
    rows: tuple[pa.RecordBatch, int],
) -> DataError:
    """Return the error for the first row of a batch that breaks a rule of the table; undo the transaction.

    :param table: that was written to, quoted.
    :param keys: of the table.
    :param rows: the batch, and how many rows went before.
    """
    batch, before = rows
    with contextlib.suppress(_error()):
        # It has failed, it answers nothing any more.
        cursor.rollback()
    said = ""

    def fails(first: int, count: int) -> bool:
        nonlocal said
        cursor.register(INPUT, readable(_table(batch.slice(first, count))))
        cursor.begin()
        try:
            if config.write_mode == "replace":
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - quoted
            cursor.execute(f"INSERT INTO {table} BY NAME FROM {INPUT}")
        except _error() as error:
            said = str(error)
            return True
        finally:
            cursor.rollback()
        return False

    row = None
    with contextlib.suppress(_error()):
        row = first_failing(fails, batch.num_rows)
    if row is None:
        return rule_error(config.table, f"among rows {before + 1:,} to {before + batch.num_rows:,} of the input: one")
    for key in keys:
        if f'Duplicate key "{key[0]}: '.lower() in said.lower():
            return constraint_error(config.table, ", ".join(key), before + row + 1, "duplicate key, in the table")
    reason = "it breaks a rule of the table, such as a CHECK"
    return constraint_error(config.table, "(any)", before + row + 1, reason)


def conversion_error(
    cursor: DuckDBPyConnection, table: str, columns: Sequence[Column], batch: pa.RecordBatch, before: int
) -> DataError:
    """Return the error for the first value of a batch that DuckDB does not turn into its column's type.

    :param before: rows that went before.
    """
    # The transaction has failed, it answers nothing any more.
    with contextlib.closing(cursor.cursor()) as other:
        for column in columns:
            if column.name not in batch.schema.names:
                continue
            row = _not_castable(other, batch.column(column.name), column.kind)
            if row is not None:
                dtype = batch.schema.field(column.name).type
                reason = f"DuckDB does not turn {dtype} into {column.kind}, or not this value"
                return constraint_error(table, column.name, before + row + 1, without_brackets(reason))
    message = f"Table {table}: a value does not fit its column. Nothing was written."
    return DataError(message)


def _not_castable(cursor: DuckDBPyConnection, values: pa.Array, kind: str) -> int | None:
    """Return the first value that cannot be cast to a type, by halves; None if all can."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pc.indices_nonzero(values.is_valid())
    given = values.take(rows)

    def fails(first: int, count: int) -> bool:
        cursor.register(INPUT, readable(pa.table({"value": given.slice(first, count)})))
        try:
            # Column kind is what DuckDB itself calls the type.
            cursor.execute(f"SELECT count(CAST(value AS {kind})) FROM {INPUT}").fetchall()  # noqa: S608 - see above
        except _error():
            return True
        return False

    row = first_failing(fails, len(given))
    return None if row is None else int(rows[row].as_py())


def first_failing(fails: Callable[[int, int], bool], count: int) -> int | None:
    """Return the first of some rows that fails, by halves; None if none does.

    :param fails: tells of rows, by the first and how many, whether one fails.
    """
    if not count or not fails(0, count):
        return None
    first = 0
    while count > 1:
        half = count // 2
        first, count = (first, half) if fails(first, half) else (first + half, count - half)
    # What was tried last may be another row.
    return first if fails(first, 1) else None


def _table(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([batch])


def _error() -> type[duckdb.Error]:
    import duckdb

    return duckdb.Error
