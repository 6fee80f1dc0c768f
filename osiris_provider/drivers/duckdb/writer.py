"""Writing to DuckDB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.duckdb.extractor import DuckDBDriver, own_cursor, quote
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.fit import Limits, same_key, twice_in, whole
from osiris_provider.drivers.sql.ledger import TABLE, Ledger
from osiris_provider.drivers.sql.tables import (
    Column,
    check_columns,
    check_unique,
    missing_table,
    quoted_table,
    split_table,
)
from osiris_provider.drivers.sql.write import (
    ROW,
    STAGE,
    SQLWriter,
    WriteConfig,
    fitted,
    load_id_of,
    numbered,
    say_loaded,
)
from osiris_provider.errors import ConnectionConfigError, DataError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

INPUT = "osiris_input"
"""Under which a writer's statements know the rows to write."""
_WHOLE = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}


class DuckDBWriteConfig(WriteConfig):
    """Config of ``duckdb.writer``."""

    create_if_missing: bool = True


class DuckDBWriter(DuckDBDriver, SQLWriter[WriteConfig]):
    """Writes into a table in one transaction (``duckdb.writer``).

    ``replace`` replaces the rows and keeps the table: its types, keys and defaults. ``upsert`` fills a temporary table
    first.
    """

    name = "duckdb.writer"
    family = "duckdb"
    config_model = DuckDBWriteConfig

    def check(self, step: Step[WriteConfig]) -> None:
        """Refuse connections whose rows nobody would ever see."""
        problem = {
            "read_only": step.connection.get("read_only") and "a writer needs a connection without it",
            "path": str(step.connection["path"]) == ":memory:" and "what a step writes there is gone when it ends",
        }
        for field, said in problem.items():
            if said:
                message = f"connection field {field}: {said}."
                raise ConnectionConfigError(message, field=field)

    def load(self, client: DuckDBPyConnection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches; see :meth:`SQLWriter.load`."""
        with own_cursor(client) as cursor:
            ledger = _ledger(cursor, step)
            with _transaction(cursor):
                recorded = None if ledger is None else ledger.claim()
                if recorded is not None:
                    return say_loaded(step, recorded)
                rows = _load(cursor, step, schema, batches)
                if ledger is not None:
                    ledger.finish(rows)
        return rows


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
    load_id = load_id_of(step)
    if load_id is None:
        return None

    def run(statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return cursor.execute(statement.replace("%s", "?"), list(values)).fetchall()

    place, name = split_table(step.config.table)
    ledger = Ledger(run, quoted_table(place + TABLE, quote), load_id, name)
    ledger.create()
    ledger.prune()
    return ledger


def _load(cursor: DuckDBPyConnection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
    config = step.config
    table = quoted_table(config.table, quote)
    columns = _columns(cursor, config.table, schema)
    if columns:
        check_columns(step.id, config.table, schema, columns)
    elif config.create_if_missing:
        _create(cursor, table, schema, config.primary_key)
    else:
        raise missing_table(step.id, config.table)
    keys = _unique_keys(cursor, config.table)
    rows = fitted(step, columns, batches)
    if config.write_mode == "upsert":
        check_unique(step.id, config.table, config.primary_key, keys)
        return _upsert(cursor, config, table, schema, rows)
    if config.write_mode == "replace":
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the name is quoted
    return _insert(cursor, config, table, keys, rows)


def _upsert(cursor: DuckDBPyConnection, config: WriteConfig, table: str, schema: pa.Schema, batches: Batches) -> int:
    names = ", ".join(map(quote, schema.names))
    keys = ", ".join(map(quote, config.primary_key))
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE {STAGE} AS SELECT {names}, 0::BIGINT AS {ROW} FROM {table} LIMIT 0"  # noqa: S608 - quoted
    )
    rows = _insert(cursor, config, STAGE, [], numbered(batches))
    twice = cursor.execute(
        f"SELECT min({ROW}), max({ROW}) FROM {STAGE} GROUP BY {keys} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"  # noqa: S608 - quoted
    ).fetchone()
    if twice is not None:
        raise twice_in(config.table, config.primary_key, twice)
    others = [f"{quote(name)} = EXCLUDED.{quote(name)}" for name in schema.names if name not in config.primary_key]
    action = f"UPDATE SET {', '.join(others)}" if others else "NOTHING"
    with _refusals(config.table):
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {STAGE} ON CONFLICT ({keys}) DO {action}"  # noqa: S608 - quoted
        )
    cursor.execute(f"DROP TABLE {STAGE}")
    return rows


def _insert(
    cursor: DuckDBPyConnection, config: WriteConfig, table: str, keys: Sequence[Sequence[str]], batches: Batches
) -> int:
    import pyarrow as pa

    rows = 0
    for batch in batches:
        for key in keys:
            same = same_key(batch, key)
            if same is not None:
                raise twice_in(config.table, key, [rows + row + 1 for row in same])
        cursor.register(INPUT, pa.Table.from_batches([batch]))
        with _refusals(config.table):
            cursor.execute(f"INSERT INTO {table} BY NAME FROM {INPUT}")
        cursor.unregister(INPUT)
        rows += batch.num_rows
    return rows


@contextlib.contextmanager
def _refusals(table: str) -> Iterator[None]:
    """Turn DuckDB's error about a rule of the table into one that does not show the value."""
    import duckdb

    try:
        yield
    except duckdb.ConstraintException:
        pass
    else:
        return
    message = (
        f"Table {table}: a row of the input breaks a rule of the table, or has a key that is there already. "
        "Nothing was written."
    )
    raise DataError(message, table=table)


def _columns(cursor: DuckDBPyConnection, table: str, schema: pa.Schema) -> list[Column]:
    """Return the columns of a table, spelt as the input spells them: DuckDB takes no notice of case."""
    found = cursor.execute(
        "SELECT column_name, is_nullable, column_default IS NULL, data_type, numeric_precision, numeric_scale"  # noqa: S608 - constants
        f" FROM duckdb_columns() WHERE {_HERE} ORDER BY column_index",
        _place(table),
    ).fetchall()
    spelt = {column.lower(): column for column in schema.names}
    return [
        Column(
            spelt.get(name.lower(), name),
            required=not nullable and bare,
            limits=_limits(kind, precision, scale, nullable=nullable),
            kind=kind,
        )
        for name, nullable, bare, kind, precision, scale in found
    ]


_HERE = (
    "lower(table_name) = lower($1) AND lower(schema_name) = lower(coalesce($2, current_schema()))"
    " AND lower(database_name) = lower(coalesce($3, current_database()))"
)


def _place(table: str) -> list[str | None]:
    *place, name = table.split(".")
    catalog, owner = [None, None, *place][-2:]
    return [name, owner, catalog]


def _limits(kind: str, precision: int | None, scale: int | None, *, nullable: bool) -> Limits:
    if kind in _WHOLE:
        return whole(_WHOLE[kind], nullable=nullable)
    if kind.removeprefix("U") in _WHOLE:
        return whole(_WHOLE[kind.removeprefix("U")], signed=False, nullable=nullable)
    if kind.startswith("DECIMAL"):
        return Limits(nullable=nullable, digits=(precision or 0) - (scale or 0), number=True)
    return Limits(nullable=nullable, number=kind in ("FLOAT", "DOUBLE"))


def _unique_keys(cursor: DuckDBPyConnection, table: str) -> list[list[str]]:
    """Return the columns of each key that no two rows of a table share."""
    found = cursor.execute(
        f"SELECT constraint_column_names FROM duckdb_constraints() WHERE {_HERE}"  # noqa: S608 - constants
        " AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')",
        _place(table),
    ).fetchall()
    return [list(names) for (names,) in found]


def _create(cursor: DuckDBPyConnection, table: str, schema: pa.Schema, primary_key: Sequence[str]) -> None:
    import pyarrow as pa

    # A column of nulls only would become one of numbers.
    typed = pa.schema([field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema])
    cursor.register(INPUT, typed.empty_table())
    described = cursor.execute(f"DESCRIBE FROM {INPUT}").fetchall()
    cursor.unregister(INPUT)
    columns = [f"{quote(name)} {kind}" for name, kind, *_ in described]
    if primary_key:
        columns.append(f"PRIMARY KEY ({', '.join(map(quote, primary_key))})")
    cursor.execute(f"CREATE TABLE {table} ({', '.join(columns)})")


def _error() -> type[duckdb.Error]:
    import duckdb

    return duckdb.Error
