"""A PostgreSQL query in partitions, read by several connections from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.postgres.arrow_types import DATE, INT2, INT4, INT8, OID, TIMESTAMP, TIMESTAMPTZ
from osiris_provider.drivers.postgres.session import Session, rolled_back_on_error
from osiris_provider.drivers.sql.partition import Bound, split, split_points
from osiris_provider.drivers.sql.tables import quoted_table
from osiris_provider.errors import DriverConfigError

if TYPE_CHECKING:
    from psycopg2 import extensions

    from osiris_provider.drivers.postgres.config import PostgresQueryConfig
    from osiris_provider.drivers.sql.incremental import Dialect

DAYS: Final = frozenset({DATE, TIMESTAMP, TIMESTAMPTZ})
TYPES: Final = frozenset({INT2, INT4, INT8, OID}) | DAYS
# Python's dates end there, and the ends of the range are open anyway.
_PYTHON_DAYS: Final = "BETWEEN '0002-01-01' AND '9998-12-31'"
_OTHER_ROWS: Final = {
    "Foreign Scan": "a foreign table takes no part in a snapshot",
    "Limit": "which rows a LIMIT leaves may differ between partitions",
    "Sample Scan": "a sample may differ between partitions",
    # Scans begin where another one is, and rows that are equal in the order come as they like.
    "WindowAgg": "a window function, such as row_number(), may give a row another number in each partition",
}
# Feature not supported, no such function, no right to call it, no such snapshot (before version 17, and since), wrong
# state.
_NO_SNAPSHOTS: Final = frozenset({"0A000", "42883", "42501", "22023", "42704", "55000"})


class NotPartitionableError(Exception):
    """The partitions together might not be what one connection would read; says why."""


def plan_partitions(
    client: extensions.connection, config: PostgresQueryConfig, dialect: Dialect
) -> tuple[list[PostgresQueryConfig], Session]:
    """Return the configs of the partitions, and the session that knows their tables.

    The tables stay what they are until that session is finished.

    :param client: a psycopg2 connection that no one else uses meanwhile.
    :param config: what is to be read; has ``partition_on``.
    :param dialect: of PostgreSQL.
    :raises DriverConfigError: the column is not of integers, dates or timestamps.
    :raises NotPartitionableError: the query may give other rows each time it runs.
    """
    with rolled_back_on_error(Session(client)) as session:
        column = config.partition_on or ""
        text = session.text(config.statement(dialect.quote), config.params)
        rows = quoted_table(config.table, dialect.quote) if config.table else f"(\n{text}\n) AS osiris_query"
        points = _points(session, rows, column, config.partitions, dialect)
        partitions = split(config, column, points, dialect)
        if len(partitions) > 1:
            _check_plan(session, text)
        return partitions, session


def export_snapshot(session: Session) -> str:
    """Return the name of a snapshot, for :func:`take_snapshot`: what the session sees now.

    :param session: its transaction must be open until all have begun to read.
    :raises NotPartitionableError: the server, or what stands before it, cannot do so.
    """
    with _snapshots(), session.connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        ((snapshot,),) = cursor.fetchall()
    return str(snapshot)


def take_snapshot(client: extensions.connection, snapshot: str) -> None:
    """Begin a transaction that sees a snapshot.

    :param client: a psycopg2 connection to the same database.
    :param snapshot: its name.
    :raises NotPartitionableError: as :func:`export_snapshot`.
    """
    begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT %s"
    with _snapshots(), client.cursor() as cursor:
        cursor.execute(begin, [snapshot])


@contextmanager
def _snapshots() -> Iterator[None]:
    from psycopg2 import Error

    try:
        yield
    except Error as error:
        if error.pgcode not in _NO_SNAPSHOTS:
            raise
        problem = f"the server cannot share a snapshot (SQLSTATE {error.pgcode})"
    else:
        return
    raise NotPartitionableError(problem)


def _points(session: Session, rows: str, column: str, count: int, dialect: Dialect) -> Sequence[Bound]:
    name = dialect.quote(column)
    description = session.execute(f"SELECT {name} FROM {rows} LIMIT 0")  # noqa: S608 - the user's query, names are quoted
    oid = int(description[0][1]) if description else 0
    if oid not in TYPES:
        message = f"config field partition_on: column {column} has to be of integers, dates or timestamps"
        raise DriverConfigError(message, field="partition_on")
    condition = f" WHERE {name} {_PYTHON_DAYS}" if oid in DAYS else ""
    with session.connection.cursor() as cursor:
        cursor.execute(f"SELECT min({name}), max({name}) FROM {rows}{condition}")  # noqa: S608 - as above
        ((low, high),) = cursor.fetchall()
    return [] if low is None else split_points(low, high, count)


def _check_plan(session: Session, query: str) -> None:
    with session.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}")
        ((plan,),) = cursor.fetchall()
    for node in _nodes(plan):
        if node in _OTHER_ROWS:
            raise NotPartitionableError(_OTHER_ROWS[node])


def _nodes(plan: Any) -> Iterator[str]:
    """Yield the kinds of all nodes of a plan."""
    if isinstance(plan, list):
        for one in plan:
            yield from _nodes(one)
    elif isinstance(plan, dict):
        yield str(plan.get("Node Type"))
        for one in plan.values():
            if isinstance(one, list | dict):
                yield from _nodes(one)
