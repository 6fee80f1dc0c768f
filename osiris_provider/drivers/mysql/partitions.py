"""Connections that see the same state of the database, and where a column's range can be split."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.interrupt import stop
from osiris_provider.drivers.mysql.protocol import arrow_types as types
from osiris_provider.drivers.mysql.tables import HERE, name_parts
from osiris_provider.drivers.sql.parallel import together
from osiris_provider.drivers.sql.partition import Bound, split_points
from osiris_provider.drivers.sql.tables import quoted_table
from osiris_provider.errors import DriverConfigError

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

    from osiris_provider.drivers.mysql.config import MySQLQueryConfig
    from osiris_provider.drivers.sql.incremental import Dialect

LOCK_SECONDS: Final = 5
"""How long a lock is waited for; sessions that want to write wait behind it."""
REFUSED: Final = (1044, 1045, 1142, 1227, 1290)
"""The user may not lock."""
BUSY: Final = (1205, 1213)
"""Somebody held what is to be locked for too long."""
LOCK_ALL: Final = "FLUSH TABLES WITH READ LOCK"
TRANSACTIONAL: Final = ("InnoDB", "ROCKSDB", "ndbcluster")
INTEGERS: Final = types.INTEGERS | {types.YEAR}
UNSTEADY: Final = re.compile(r"\b(limit|fetch|rand|uuid)\b", re.IGNORECASE)
"""Words of queries that may give other rows each time they run; also where they only name something."""
FIRST_DAY: Final = "0001-01-01"
FIRST_YEAR: Final = "1901"
"""Of type YEAR, which has 0000 too."""


def begin_together(
    client: Connection[Any], clients: Sequence[Connection[Any]], config: MySQLQueryConfig, dialect: Dialect
) -> str:
    """Begin transactions that see the same state of the database; return why that cannot be, or nothing.

    Neither MySQL nor MariaDB can give a snapshot to another connection. But snapshots that are taken while no one can
    commit are the same. A table is locked alone; of a query it is not known what to lock, so it is everything, for
    which the user needs the right RELOAD.

    :param client: an open connection without a transaction, which holds the lock.
    :param clients: open connections without transactions.
    :param config: what is to be read.
    :param dialect: of MySQL.
    """
    table = config.table and quoted_table(config.table, dialect.quote)
    together([partial(_see_one_state, one) for one in clients], partial(stop, clients))
    with client.cursor() as cursor:
        problem = _unpartitionable(cursor, config) or _lock(cursor, f"LOCK TABLES {table} READ" if table else LOCK_ALL)
        if problem:
            return problem
        try:
            # No one can write until then.
            together([partial(_take_snapshot, one) for one in clients], partial(stop, clients))
        finally:
            if client.open:
                cursor.execute("UNLOCK TABLES")
                # InnoDB has a lock of its own, until then.
                client.commit()
    return ""


def _unpartitionable(cursor: Cursor, config: MySQLQueryConfig) -> str:
    """Return why partitions may not add up to the whole."""
    if config.table is None:
        match = UNSTEADY.search(config.query or "")
        return f"a query with {match[0].upper()} may give other rows each time it runs" if match else ""
    cursor.execute(
        f"SELECT engine FROM information_schema.tables WHERE table_schema = {HERE} AND table_name = %s",  # noqa: S608 - constants
        name_parts(config.table),
    )
    (engine,) = cursor.fetchone() or (None,)
    # Of a view nothing is known.
    return "" if engine in (None, *TRANSACTIONAL) else f"the table's engine, {engine}, has no snapshots"


def _lock(cursor: Cursor, statement: str) -> str:
    """Lock, or return why that cannot be."""
    import pymysql

    problem = ""
    cursor.execute("SET SESSION lock_wait_timeout = %s", (LOCK_SECONDS,))
    try:
        cursor.execute(statement)
    except pymysql.MySQLError as error:
        code = error.args[0]
        if code not in (*REFUSED, *BUSY):
            raise
        what = "the database" if statement == LOCK_ALL else "the table"
        reason = "it is busy" if code in BUSY else "the user lacks the right to do so"
        problem = f"{what} cannot be locked for a moment, because {reason}"
    cursor.execute("SET SESSION lock_wait_timeout = DEFAULT")
    return problem


def _see_one_state(client: Connection[Any]) -> None:
    with client.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _take_snapshot(client: Connection[Any]) -> None:
    with client.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def points_of(client: Connection[Any], config: MySQLQueryConfig, column: str, dialect: Dialect) -> Sequence[Bound]:
    """Return where the column's range can be split.

    :param client: an open connection.
    :param config: what is to be read.
    :param column: to split by.
    :param dialect: of MySQL.
    :raises DriverConfigError: the column is not of integers, dates or timestamps.
    """
    name = dialect.quote(column)
    if config.params:
        name = dialect.literally(name)
    rows = (
        quoted_table(config.table, dialect.quote) if config.table else f"(\n{config.statement(dialect.quote)}\n) AS q"
    )
    with client.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {rows} LIMIT 0", config.params)  # noqa: S608 - the user's query, names are quoted
        type_code = cursor.description[0][1]
        if type_code not in INTEGERS | types.DATES:
            message = f"config field partition_on: column {column} has to be of integers, dates or timestamps"
            raise DriverConfigError(message, field="partition_on")
        # Days that no calendar has are less than all others or between them. A number below 100 is another YEAR.
        least = f"'{FIRST_DAY}'" if type_code in types.DATES else FIRST_YEAR if type_code == types.YEAR else ""
        real = f" WHERE {name} >= {least}" if least else ""
        cursor.execute(f"SELECT MIN({name}), MAX({name}) FROM {rows}{real}", config.params)  # noqa: S608 - as above
        low, high = cursor.fetchone() or (None, None)
    if not isinstance(low, int | dt.date) or not isinstance(high, int | dt.date):
        return []
    return split_points(low, high, config.partitions)
