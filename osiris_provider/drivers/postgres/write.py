"""One load into a table of PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from osiris_provider.connectors.postgres.client import undo
from osiris_provider.drivers.postgres.copy_in.formats import CopyFormat, copy_format
from osiris_provider.drivers.postgres.copy_in.pieces import encoded_ahead
from osiris_provider.drivers.postgres.names import quote
from osiris_provider.drivers.postgres.nul import without_nul
from osiris_provider.drivers.postgres.refusals import copied_row, database_error, is_bad_data, refusal, refusing
from osiris_provider.drivers.postgres.tables import (
    columns_of,
    delete_rows,
    folding_columns,
    inserted_and_deleted,
    is_view,
    unique_keys,
)
from osiris_provider.drivers.postgres.values import column_type
from osiris_provider.drivers.sql import tables, write
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.sql.ledger import TABLE, Ledger, run_with
from osiris_provider.drivers.sql.merge import attempt, merged
from osiris_provider.drivers.sql.values.validate import duplicate_key_error, other_spelling_error
from osiris_provider.drivers.sql.write import ROW, STAGE
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions

log = logging.getLogger(__name__)

DIGITS = 6
"""Of a second, in PostgreSQL."""
_BLOCK = 1 << 18


def load(client: extensions.connection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
    """Write all batches; see :meth:`~osiris_provider.drivers.sql.writer.SQLWriter.load`."""
    tables.check_types(step.id, schema, "PostgreSQL")
    try:
        with client.cursor() as cursor:
            ledger = _ledger(cursor, step)
            client.commit()
            # A timestamp without a zone is UTC also where the column has one.
            cursor.execute("SET LOCAL TimeZone = 'UTC'")
            if ledger is not None and (recorded := ledger.claim()) is not None:
                rows = write.say_loaded(step, ledger, recorded)
            else:
                rows = _load(cursor, step, schema, batches)
                if ledger is not None:
                    ledger.finish(rows)
        with refusing(step.config.table):
            client.commit()
    except BaseException:
        undo(client)
        raise
    return rows


def _ledger(cursor: extensions.cursor, step: Step[WriteConfig]) -> Ledger | None:
    """Return the ledger beside the target, created if there is none; None if the load has no id."""
    run = run_with(cursor)
    ledger = write.ledger_of(step, run, quote)
    if ledger is None:
        return None
    table = tables.quoted_table(tables.split_table(step.config.table)[0] + TABLE, quote)
    if not run("SELECT to_regclass(%s) IS NOT NULL", (table,))[0][0]:
        # Two tasks may be the first at the same time.
        run("SELECT pg_advisory_xact_lock(hashtext(%s))", (TABLE,))
        ledger.create()
    ledger.prune()
    return ledger


def _load(cursor: extensions.cursor, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
    config = step.config
    table = tables.quoted_table(config.table, quote)
    columns = columns_of(cursor, table)
    target = columns
    if columns:
        tables.check_columns(step.id, config.table, schema, columns)
    elif config.create_if_missing:
        cursor.execute(tables.create_statement(table, schema, quote, column_type, config.primary_key))
        target = columns_of(cursor, table)
    else:
        raise tables.missing_table(step.id, config.table)
    kinds = {column.name: column.kind for column in target}
    batches = without_nul(batches, config, kinds)
    rows = write.fitted(step, columns or write.created_columns(schema, DIGITS, as_text=True), batches)
    if config.write_mode == "upsert":
        tables.check_unique(step.id, config.table, config.primary_key, unique_keys(cursor, table))
        return _upsert(cursor, step, table, schema, rows, kinds)
    if columns and config.write_mode == "replace":
        # Readers are not held up; a second writer is, so that two runs do not both leave their rows.
        cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        delete_rows(cursor, table, config.table)
    before = inserted_and_deleted(cursor, table)
    if is_view(cursor, table):
        sent, kept = _insert(cursor, config, table, schema, rows, kinds)
    else:
        sent, kept = _copy(cursor, config, table, rows, copy_format(schema, kinds))
    _run_deferred(cursor)
    _say_left_out(step, sent - kept)
    inserted, deleted = (after - then for after, then in zip(inserted_and_deleted(cursor, table), before, strict=True))
    _say_deleted(step, deleted - max(inserted - kept, 0))
    return sent


def _insert(
    cursor: extensions.cursor,
    config: WriteConfig,
    table: str,
    schema: pa.Schema,
    batches: Batches,
    kinds: Mapping[str, str],
) -> tuple[int, int]:
    """Insert all batches by way of a stage; return how many rows were sent, and how many the table kept.

    COPY takes views with triggers only, and counts the rows that these leave out.
    """
    names = ", ".join(map(quote, schema.names))
    rows = _stage(cursor, config, table, schema, batches, kinds)
    insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM {STAGE} s WHERE "  # noqa: S608 - quoted
    failed = merged(cursor.execute, insert.__add__, rows, (database_error(), is_bad_data))
    if failed is not None:
        raise refusal(config.table, failed[1], (failed[0], ""))
    return rows, cursor.rowcount


def _stage(
    cursor: extensions.cursor,
    config: WriteConfig,
    table: str,
    schema: pa.Schema,
    batches: Batches,
    kinds: Mapping[str, str],
) -> int:
    """Copy all batches into a stage with the table's types; return the number of rows."""
    names = ", ".join(map(quote, schema.names))
    cursor.execute(
        f"CREATE TEMP TABLE {STAGE} ON COMMIT DROP AS "  # noqa: S608 - every name is quoted
        f"SELECT {names}, NULL::bigint AS {ROW} FROM {table} WITH NO DATA"
    )
    staged = copy_format(write.numbered_schema(schema), {**kinds, ROW: "int8"})
    rows, _ = _copy(cursor, config, STAGE, write.numbered(batches), staged)
    return rows


def _run_deferred(cursor: extensions.cursor) -> None:
    """Have constraints and triggers that wait for the commit do now what they would do there, so that it is counted.

    What is refused now may be right at the commit: a trigger may insert a row before the one that it refers to.
    """
    attempt(cursor.execute, "SET CONSTRAINTS ALL IMMEDIATE", (database_error(), is_bad_data))


def _say_left_out(step: Step[WriteConfig], rows: int) -> None:
    if rows:
        log.warning(
            "Step %s: table %s did not keep %s of the rows: a trigger or rule of the table has left them out, or put "
            "them elsewhere.",
            step.id,
            step.config.table,
            rows,
        )


def _say_deleted(step: Step[WriteConfig], rows: int) -> None:
    if rows > 0:
        log.warning(
            "Step %s: %s rows of table %s were deleted by a trigger of the table while the load wrote. Those that it "
            "has just written may be among them.",
            step.id,
            rows,
            step.config.table,
        )


def _upsert(
    cursor: extensions.cursor,
    step: Step[WriteConfig],
    table: str,
    schema: pa.Schema,
    batches: Batches,
    kinds: Mapping[str, str],
) -> int:
    config = step.config
    names = ", ".join(map(quote, schema.names))
    keys = ", ".join(map(quote, config.primary_key))
    rows = _stage(cursor, config, table, schema, batches, kinds)
    cursor.execute(
        f"SELECT min({ROW}), max({ROW}) FROM {STAGE} GROUP BY {keys} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"  # noqa: S608 - quoted
    )
    duplicate = cursor.fetchone()
    if duplicate is not None:
        raise duplicate_key_error(config.table, config.primary_key, duplicate)
    same = " AND ".join(f"t.{quote(name)} = s.{quote(name)}" for name in config.primary_key)
    if config.lossy == "error":
        _refuse_other_spelling(cursor, config, table)
    others = [f"{quote(name)} = EXCLUDED.{quote(name)}" for name in schema.names if name not in config.primary_key]
    action = f"UPDATE SET {', '.join(others)}" if others else "NOTHING"
    insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM {STAGE} s WHERE"  # noqa: S608 - quoted

    def statement(chosen: str) -> str:
        return f"{insert} {chosen} ON CONFLICT ({keys}) DO {action}"

    _, deleted = inserted_and_deleted(cursor, table)
    failed = merged(cursor.execute, statement, rows, (database_error(), is_bad_data))
    if failed is not None:
        raise refusal(config.table, failed[1], (failed[0], ""))
    written = cursor.rowcount
    _run_deferred(cursor)
    if written < rows or inserted_and_deleted(cursor, table)[1] > deleted:
        # A row that is there as it should be need not have been written.
        cursor.execute(f"SELECT count(*) FROM {STAGE} s WHERE NOT EXISTS (SELECT FROM {table} t WHERE {same})")  # noqa: S608 - quoted
        ((missing,),) = cursor.fetchall()
        _say_left_out(step, missing)
        _say_unchanged(cursor, step, f"FROM {STAGE} s JOIN {table} t ON {same}", schema.names)
    return rows


def _say_unchanged(cursor: extensions.cursor, step: Step[WriteConfig], pairs: str, names: Sequence[str]) -> None:
    """Warn of rows that are not as the input has them although their keys are there."""
    differs = " OR ".join(f"t.{quote(name)}::text IS DISTINCT FROM s.{quote(name)}::text" for name in names)
    cursor.execute(f"SELECT count(*) {pairs} WHERE {differs}")
    ((rows,),) = cursor.fetchall()
    if rows:
        log.warning(
            "Step %s: %s rows of table %s are not as they were sent: a trigger or rule of the table has left them as "
            "they were, or changed them.",
            step.id,
            rows,
            step.config.table,
        )


def _refuse_other_spelling(cursor: extensions.cursor, config: WriteConfig, table: str) -> None:
    """Refuse a key that the table has in other case or accents: its row would get another one's values."""
    folding = folding_columns(cursor, table, config.primary_key)
    if not folding:
        return
    same = " AND ".join(f"t.{quote(name)} = s.{quote(name)}{folding.get(name, '')}" for name in config.primary_key)
    bytes_of = '{0}.{1}::text COLLATE "C"'.format
    differs = " OR ".join(f"{bytes_of('t', quote(name))} <> {bytes_of('s', quote(name))}" for name in folding)
    cursor.execute(f"SELECT min(s.{ROW}) FROM {STAGE} s JOIN {table} t ON {same} WHERE {differs}")  # noqa: S608 - quoted
    ((row,),) = cursor.fetchall()
    if row is not None:
        raise other_spelling_error(config.table, list(folding), row)


def _copy(
    cursor: extensions.cursor, config: WriteConfig, table: str, batches: Batches, copy_format: CopyFormat
) -> tuple[int, int]:
    """Copy all batches, each in a COPY of its own; return how many rows were sent, and how many the table kept."""
    name = STAGE if table == STAGE else tables.split_table(config.table)[1]
    rows = kept = 0
    for batch, pieces in encoded_ahead(batches, copy_format.encode):
        names = ", ".join(map(quote, batch.schema.names))
        statement = f"COPY {table} ({names}) FROM STDIN (FORMAT {copy_format.name})"
        try:
            cursor.copy_expert(statement, pieces, size=_BLOCK)
        except database_error() as error:
            failed = copied_row(error, name, copy_format.first_lines(batch), batch.schema.names)
            problem = pieces.error or (failed and refusal(config.table, error, failed, rows))
            if not problem:
                raise
        else:
            rows += batch.num_rows
            kept += cursor.rowcount
            continue
        raise problem
    return rows, kept
