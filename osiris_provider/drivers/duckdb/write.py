"""One load into a table of DuckDB."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.duckdb.config import ROW_GROUP
from osiris_provider.drivers.duckdb.extractor import own_cursor
from osiris_provider.drivers.duckdb.refusals import broken_rule, conversion_error, rule_error
from osiris_provider.drivers.duckdb.round_trip import first_bent
from osiris_provider.drivers.duckdb.tables import (
    INPUT,
    columns_of,
    create_table,
    has_collations,
    own_names,
    readable,
    unique_keys,
)
from osiris_provider.drivers.duckdb.types import check_case, quote, version
from osiris_provider.drivers.sql import tables, write
from osiris_provider.drivers.sql.base import BATCH_BYTES, Batches
from osiris_provider.drivers.sql.cascades import deleting
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.sql.ledger import Ledger
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.validate import (
    constraint_error,
    duplicate_key_error,
    other_spelling_error,
    same_key,
)
from osiris_provider.drivers.sql.write import ROW, STAGE
from osiris_provider.drivers.step import Step
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

INSERT_BYTES = 2 * BATCH_BYTES
"""How large the rows of one INSERT may be."""
MAX_STAGED = 30_000
"""Rows of one INSERT into the stage: of many more, DuckDB works with several processors. What these put into a table of
CREATE TABLE … AS, version 2.0.0 does not find again in the same transaction."""
_PLACEHOLDERS = re.compile("%[%s]")


def load(client: DuckDBPyConnection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
    """Write all batches; see :meth:`~osiris_provider.drivers.sql.writer.SQLWriter.load`."""
    check_case(step.id, "the input", schema)
    with own_cursor(client) as cursor:
        # A timestamp without a zone is UTC also where the column has one, and the other way round.
        cursor.execute("SET TimeZone = 'UTC'")
        ledger = _ledger(cursor, step)
        with _transaction(cursor):
            if ledger is not None and (recorded := ledger.claim()) is not None:
                return write.say_loaded(step, ledger, recorded)
            _check_types(cursor, step, schema)
            rows = _load(cursor, step, schema, batches)
            if ledger is not None:
                ledger.finish(rows)
    return rows


def _check_types(cursor: DuckDBPyConnection, step: Step[WriteConfig], schema: pa.Schema) -> None:
    """Check that DuckDB reads the types of nested columns."""
    import duckdb
    import pyarrow as pa

    for field in schema:
        if pa.types.is_nested(field.type):
            try:
                cursor.register(INPUT, pa.Table.from_batches([], schema=pa.schema([field])))
            except duckdb.NotImplementedException:
                problem = tables.type_error(step.id, field, "DuckDB")
            else:
                continue
            raise problem


@contextlib.contextmanager
def _transaction(cursor: DuckDBPyConnection) -> Iterator[None]:
    cursor.begin()
    try:
        yield
    except BaseException:
        with contextlib.suppress(_error()):
            # Some errors have ended the transaction already.
            cursor.rollback()
        raise
    cursor.commit()


def _ledger(cursor: DuckDBPyConnection, step: Step[WriteConfig]) -> Ledger | None:
    """Return the ledger beside the target, created if there is none; None if the load has no id."""

    def run(statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        own = _PLACEHOLDERS.sub(lambda match: "?" if match[0] == "%s" else "%", statement)
        return cursor.execute(own, list(values)).fetchall()

    ledger = write.ledger_of(step, run, quote)
    if ledger is not None:
        ledger.create()
        ledger.prune()
    return ledger


def _load(cursor: DuckDBPyConnection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
    config = step.config
    table = tables.quoted_table(config.table, quote)
    columns = columns_of(cursor, config.table, schema)
    if columns:
        tables.check_columns(step.id, config.table, schema, columns)
    elif config.create_if_missing:
        create_table(cursor, table, schema, config.primary_key)
        columns = columns_of(cursor, config.table, schema)
    else:
        raise tables.missing_table(step.id, config.table)
    keys = unique_keys(cursor, config.table, schema)
    fitted = write.fitted(step, columns, batches, "arrow")
    if config.write_mode == "upsert":
        tables.check_unique(step.id, config.table, config.primary_key, keys)
        rows = write.filled(fitted, min(config.batch_rows, MAX_STAGED), size=INSERT_BYTES)
        return _upsert(cursor, config, table, columns, rows, schema.names)
    if config.write_mode == "replace":
        with deleting(config.table, _rule_broken(), lambda _: "a foreign key"):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the name is quoted
    rows = write.filled(fitted, config.batch_rows, size=INSERT_BYTES, unit=ROW_GROUP)
    return _insert(cursor, config, table, columns, rows, keys)


def _upsert(
    cursor: DuckDBPyConnection,
    config: WriteConfig,
    table: str,
    columns: Sequence[Column],
    batches: Batches,
    given: Sequence[str],
) -> int:
    import duckdb

    # DuckDB 1.4 fills a column with nulls that is spelt in another case here.
    own = own_names(cursor, table, given)
    names = ", ".join(map(quote, own))
    keys = ", ".join(map(quote, config.primary_key))
    cursor.execute(
        f"CREATE TEMP TABLE {STAGE} AS SELECT {names}, 0::BIGINT AS {ROW} FROM {table} LIMIT 0"  # noqa: S608 - quoted
    )
    rows = _insert(cursor, config, STAGE, columns, write.numbered(batches))
    _check_staged(cursor, config, rows)
    duplicate = cursor.execute(
        f"SELECT min({ROW}), max({ROW}) FROM {STAGE} GROUP BY {keys} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"  # noqa: S608 - quoted
    ).fetchone()
    if duplicate is not None:
        raise duplicate_key_error(config.table, config.primary_key, duplicate)
    if config.lossy == "error":
        _refuse_other_spelling(cursor, config, table)
    updated = [name for name, spelt in zip(own, given, strict=True) if spelt not in config.primary_key]
    others = [f"{quote(name)} = EXCLUDED.{quote(name)}" for name in updated]
    action = f"UPDATE SET {', '.join(others)}" if others else "NOTHING"
    try:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {STAGE} ON CONFLICT ({keys}) DO {action}"  # noqa: S608 - quoted
        )
    except duckdb.ConstraintException:
        problem = rule_error(config.table, "a row of the input")
    else:
        return rows
    raise problem


def _check_staged(cursor: DuckDBPyConnection, config: WriteConfig, rows: int) -> None:
    """Check that the stage gives all rows back, by their numbers: a count may come from what DuckDB noted of them."""
    import duckdb

    total = cursor.execute(f"SELECT coalesce(sum({ROW}), 0) FROM {STAGE}").fetchone()  # noqa: S608 - no name of others
    if total != (rows * (rows + 1) // 2,):
        message = (
            f"Table {config.table}: DuckDB {duckdb.__version__} does not give back the {rows:,} rows of the upsert. "
            "Nothing was written. Install another version of duckdb."
        )
        raise DataError(message)


def _refuse_other_spelling(cursor: DuckDBPyConnection, config: WriteConfig, table: str) -> None:
    """Refuse a key that the table has in other case or accents: its row would get another one's values."""
    if not has_collations(cursor, config.table):
        return
    same = " AND ".join(f"t.{quote(name)} = s.{quote(name)}" for name in config.primary_key)
    bytes_of = "encode({0}.{1}::VARCHAR)".format
    differs = {name: f"{bytes_of('t', quote(name))} <> {bytes_of('s', quote(name))}" for name in config.primary_key}
    other = cursor.execute(
        f"SELECT s.{ROW}, {', '.join(differs.values())} FROM {STAGE} s JOIN {table} t ON {same} "  # noqa: S608 - quoted
        f"WHERE {' OR '.join(differs.values())} ORDER BY 1 LIMIT 1"
    ).fetchone()
    if other is not None:
        row, *are_others = other
        names = [name for name, is_other in zip(config.primary_key, are_others, strict=True) if is_other]
        raise other_spelling_error(config.table, names, row)


def _insert(
    cursor: DuckDBPyConnection,
    config: WriteConfig,
    table: str,
    columns: Sequence[Column],
    batches: Batches,
    keys: Sequence[Sequence[str]] = (),
) -> int:
    import duckdb

    rows = 0
    source = _Rows()
    # Before 1.5 DuckDB reads what is no table of Arrow's once only; then each batch stays until the transaction ends.
    reads_again = version() >= (1, 5)
    for batch, sent in write.encoded_ahead(batches, _readable):
        for key in keys:
            same = same_key(batch, key)
            if same is not None:
                raise duplicate_key_error(config.table, key, [rows + row + 1 for row in same])
        try:
            source.table = sent
            if not (rows and reads_again):
                cursor.register(INPUT, source if reads_again else sent)
            _check_bent(cursor, config, columns, batch.schema, rows)
            cursor.execute(f"INSERT INTO {table} BY NAME FROM {INPUT}")
        except duckdb.ConstraintException:
            problem = broken_rule(cursor, config, table, keys, (batch, rows))
        except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException):
            problem = conversion_error(cursor, config.table, columns, batch, rows)
        else:
            rows += batch.num_rows
            continue
        raise problem
    return rows


def _check_bent(
    cursor: DuckDBPyConnection, config: WriteConfig, columns: Sequence[Column], schema: pa.Schema, before: int
) -> None:
    """Refuse a value of the batch that is registered, before which so many rows went, if DuckDB would bend it."""
    bent = first_bent(cursor, INPUT, schema, columns, config.lossy)
    if bent is not None:
        name, row, reason = bent
        raise constraint_error(config.table, name, before + row, reason)


class _Rows:
    """What is registered as :data:`INPUT`: whichever batch it holds when it is read.

    Batches that are registered one by one stay in memory until the transaction ends.
    """

    table: pa.Table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def _readable(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa

    return readable(pa.Table.from_batches([batch]))


def _rule_broken() -> type[duckdb.Error]:
    import duckdb

    return duckdb.ConstraintException


def _error() -> type[duckdb.Error]:
    import duckdb

    return duckdb.Error
