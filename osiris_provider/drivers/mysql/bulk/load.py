"""How rows get into MySQL: LOAD DATA LOCAL where both sides allow it, else INSERTs of many rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.mysql.client import working
from osiris_provider.drivers.dtypes import is_binary
from osiris_provider.drivers.mysql.bulk.encode import Rows, lines_of, rows_of
from osiris_provider.drivers.mysql.bulk.insert import Inserter
from osiris_provider.drivers.mysql.config import Engine
from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.refusals import (
    is_bad_data,
    mysql_error,
    oversized_error,
    refusal,
    row_refusal,
)
from osiris_provider.drivers.mysql.tables import UniqueKey, has_transactions
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.tables import Column, quoted_table
from osiris_provider.drivers.sql.write import encoded_ahead
from osiris_provider.errors import DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    import pymysql
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

log = logging.getLogger(__name__)

_PACKET = 1 << 18
_SAVEPOINT = "_osiris_batch"
_CUT = 1265
"""What a server says of a value that it cuts; some keep no warnings that would say more."""
AS_BITS = "CAST({0} AS UNSIGNED)"
SWITCH = "LOAD DATA is faster: an administrator switches it on with SET GLOBAL local_infile = ON"


@dataclass(frozen=True)
class Target:
    """What is filled.

    :param table: perhaps with its database before it.
    :param name: of the table that the user knows, for messages.
    :param columns: of that, as far as they are known.
    :param keys: of that, for messages.
    """

    table: str
    name: str
    columns: Sequence[Column]
    keys: Sequence[UniqueKey] = ()

    @property
    def quoted(self) -> str:
        """The table, quoted."""
        return quoted_table(self.table, quote)

    @property
    def bits(self) -> set[str]:
        """The columns of type BIT."""
        return {column.name for column in self.columns if column.kind == "bit"}


class Sink:
    """Puts rows into tables of one server.

    :param cursor: of the connection that writes.
    :param engine: ``auto`` takes the fastest way that both sides allow.
    :param step_id: for the log and for messages.
    :raises DriverConfigError: LOAD DATA is asked for and not allowed.
    """

    def __init__(self, cursor: Cursor, engine: Engine, step_id: str) -> None:
        self._cursor = cursor
        self._client: Connection[Any] = cursor.connection
        self.engine = self._chosen(engine, step_id)

    def _chosen(self, engine: Engine, step_id: str) -> Engine:
        reason = "as the config says"
        if engine != "insert":
            problem = obstacle(self._cursor)
            if problem and engine == "load_data":
                message = f"engine load_data cannot be used: {problem}. Set engine: auto or insert."
                raise DriverConfigError.in_step(step_id, message)
            engine, reason = ("insert", problem) if problem else ("load_data", "both sides allow LOAD DATA LOCAL")
        log.info("Step %s: engine %s: %s", step_id, engine, reason)
        return engine

    def fill(self, target: Target, rows: Batches) -> int:
        """Write all batches and return the number of rows.

        :raises DataError: the server did not take a row; the transaction must be rolled back.
        """
        done = 0
        if self.engine == "load_data":
            for batch, lines in encoded_ahead(rows, lines_of):
                self._load(target, batch, lines, done)
                done += batch.num_rows
            return done
        inserter: Inserter | None = None
        for batch, encoded in encoded_ahead(rows, lambda batch: rows_of(batch, target.bits)):
            inserter = inserter or Inserter(self._client, target.quoted, batch.schema.names)
            self._insert(target, inserter, (batch, encoded), done)
            done += batch.num_rows
        return done

    def _insert(self, target: Target, inserter: Inserter, what: tuple[pa.RecordBatch, Rows], done: int) -> None:
        """Insert a batch that so many rows went before."""
        batch, rows = what
        row = inserter.oversized(rows)
        if row is not None:
            raise oversized_error(target.name, done + row + 1, inserter.limit)
        for first, end in inserter.spans(rows):
            try:
                inserter.send(rows, first, end)
            except mysql_error() as error:
                problem = self._refused(target, batch, done, error, (inserter, rows, first, end))
            else:
                continue
            raise problem

    def _load(self, target: Target, batch: pa.RecordBatch, lines: memoryview, done: int) -> None:
        """Load a batch that so many rows went before."""
        self._cursor.execute(f"SAVEPOINT {_SAVEPOINT}")
        statement = load_statement(target.quoted, _columns(batch.schema, target.bits))
        try:
            with working(self._client):
                taken, warnings = load_local(self._client, statement, lines)
            # With LOCAL the server turns errors into warnings, leaves rows out and cuts values.
            if taken == batch.num_rows and not warnings:
                return
            raise self._first_warning()
        except mysql_error() as error:
            if not is_bad_data(error):
                raise
            problem = error
        if has_transactions(self._cursor, target.table):
            self._cursor.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        inserter = Inserter(self._client, target.quoted, batch.schema.names)
        rows = rows_of(batch, target.bits)
        raise self._refused(target, batch, done, problem, (inserter, rows, 0, len(rows)))

    def _first_warning(self) -> pymysql.MySQLError:
        self._cursor.execute("SHOW WARNINGS LIMIT 1")
        _, code, said = self._cursor.fetchone() or ("", _CUT, "")
        return mysql_error()(int(code), str(said))

    def _refused(
        self,
        target: Target,
        batch: pa.RecordBatch,
        done: int,
        error: pymysql.MySQLError,
        sent: tuple[Inserter, Rows, int, int],
    ) -> Exception:
        """Return the error that says which row the server did not take, and nothing of what is in it.

        :param done: rows that went before the batch.
        :param error: what the server said.
        :param sent: what was sent, and how.
        """
        if not is_bad_data(error):
            return error
        inserter, rows, first, end = sent
        # Without transactions rows of the failed statement stay, and would be in their own way.
        culprit = inserter.culprit(rows, first, end) if has_transactions(self._cursor, target.table) else None
        if culprit is None:
            return refusal(target.name, error, (done + first + 1, done + end))
        row, error = culprit
        if not is_bad_data(error):
            return error
        return row_refusal(target.name, error, batch.slice(0, row + 1), (target.keys, target.columns), done)


def obstacle(cursor: Cursor) -> str:
    """Return what keeps LOAD DATA LOCAL from working, empty if nothing does.

    :param cursor: of the connection that would load.
    """
    cursor.execute("SELECT @@GLOBAL.local_infile")
    return "" if cursor.fetchone() == (1,) else f"the server has local_infile off. {SWITCH}"


def load_local(client: Connection[Any], statement: str, rows: memoryview) -> tuple[int, int]:
    """Run a LOAD DATA LOCAL statement with rows from memory; return how many rows were taken, and how many warnings.

    The name of a file that the server asks for is not looked at: nothing but these rows is ever sent.
    """
    from pymysql.constants import COMMAND
    from pymysql.protocol import OKPacketWrapper

    line: Any = client
    line._execute_command(COMMAND.COM_QUERY, statement)  # noqa: SLF001 - PyMySQL itself can only send files
    packet = line._read_packet()  # noqa: SLF001 - the same
    if packet.is_load_local_packet():
        try:
            for start in range(0, len(rows), _PACKET):
                line.write_packet(bytes(rows[start : start + _PACKET]))
            # A last line that is not ended would lack its last value if that is an empty text.
            line.write_packet(b"\n")
            line.write_packet(b"")
            packet = line._read_packet()  # noqa: SLF001 - the same
        except mysql_error():
            raise
        except BaseException:
            # The server waits for the rest of the rows, no one can talk to it any more.
            line._force_close()  # noqa: SLF001 - the same
            raise
    answer = OKPacketWrapper(packet)
    return int(answer.affected_rows), int(answer.warning_count)


def load_statement(table: str, columns: Sequence[tuple[str, str]]) -> str:
    """Return the LOAD DATA LOCAL statement for lines with tabs between their values, and a backslash as escape.

    :param table: quoted.
    :param columns: a line's, each with what makes its value of the text ``{0}``; empty if the text is the value.
    """
    targets, settings = [], []
    for number, (name, value) in enumerate(columns):
        targets.append(f"@osiris{number}" if value else quote(name))
        if value:
            settings.append(f"{quote(name)} = {value.format(f'@osiris{number}')}")
    ending = f" SET {', '.join(settings)}" if settings else ""
    # The marks are written as numbers, because sql_mode may change what a backslash means in a statement.
    return (
        f"LOAD DATA LOCAL INFILE 'osiris' INTO TABLE {table} CHARACTER SET utf8mb4 "
        f"FIELDS TERMINATED BY X'09' ENCLOSED BY '' ESCAPED BY X'5C' LINES TERMINATED BY X'0A' "
        f"({', '.join(targets)}){ending}"
    )


def _columns(schema: pa.Schema, bits: set[str]) -> list[tuple[str, str]]:
    values = ("UNHEX({0})" if is_binary(field.type) else AS_BITS if field.name in bits else "" for field in schema)
    return list(zip(schema.names, values, strict=True))
