"""How rows get into MySQL: LOAD DATA LOCAL where both sides allow it, else INSERTs of many rows."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from osiris_provider.connectors.mysql.faults import FAULTS
from osiris_provider.connectors.sql_faults import BAD_DATA
from osiris_provider.drivers.mysql.read import quote
from osiris_provider.drivers.mysql.text import is_hex, lines_of
from osiris_provider.drivers.mysql.values import values_of
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.fit import misfit, same_key
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.write import encoded_ahead
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    import pymysql
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

log = logging.getLogger(__name__)

Engine = Literal["auto", "load_data", "insert"]
DUPLICATE_KEY = 1062
_PACKET = 1 << 18


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
            problem = self._obstacle()
            if problem and engine == "load_data":
                message = f"Step {step_id}: engine load_data cannot be used: {problem}. Set engine: auto or insert."
                raise DriverConfigError(message, step=step_id)
            engine, reason = ("insert", problem) if problem else ("load_data", "both sides allow LOAD DATA LOCAL")
        log.info("Step %s: engine %s: %s", step_id, engine, reason)
        return engine

    def _obstacle(self) -> str:
        from pymysql.constants import CLIENT

        if not self._client.client_flag & CLIENT.LOCAL_FILES:
            return "the connection was opened without LOCAL INFILE"
        self._cursor.execute("SELECT @@GLOBAL.local_infile")
        return "" if self._cursor.fetchone() == (1,) else "the server has local_infile off"

    def fill(
        self, table: str, name: str, columns: Sequence[Column], keys: Sequence[Sequence[str]], rows: Batches
    ) -> int:
        """Write all batches and return the number of rows.

        :param table: the table that is filled, quoted.
        :param name: the target's name, for messages.
        :param columns: of the target, as far as they are known.
        :param keys: columns of the target's unique keys, for messages.
        :raises DataError: the server did not take a row; the transaction must be rolled back.
        """
        encode = lines_of if self.engine == "load_data" else _values
        bits = {column.name for column in columns if column.kind == "bit"}
        done = 0
        for batch, encoded in encoded_ahead(rows, encode):
            problem = self._send(table, batch, encoded, bits)
            if problem is not None:
                raise _refused(name, batch, keys, done, problem)
            done += batch.num_rows
        return done

    def _send(self, table: str, batch: pa.RecordBatch, encoded: Any, bits: set[str]) -> tuple[int, str] | None:
        """Send a batch; return code and words of the server if it did not take a row."""
        try:
            if self.engine == "insert":
                self._cursor.executemany(_insert(table, batch.schema), encoded)
                return None
            taken, warnings = load_local(self._client, _load_data(table, batch.schema, bits), encoded)
        except mysql_error() as error:
            if _code_of(error) is None:
                raise
            return error.args[0], str(error.args[1])
        # With LOCAL the server turns errors into warnings, leaves rows out and cuts values.
        if taken == batch.num_rows and not warnings:
            return None
        self._cursor.execute("SHOW WARNINGS LIMIT 1")
        _, code, said = self._cursor.fetchone() or ("", 0, "")
        return int(code), str(said)


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
            # The server waits for the rest of the rows, nobody can talk to it any more.
            line._force_close()  # noqa: SLF001 - the same
            raise
    answer = OKPacketWrapper(packet)
    return int(answer.affected_rows), int(answer.warning_count)


def _load_data(table: str, schema: pa.Schema, bits: set[str]) -> str:
    targets, settings = [], []
    for number, field in enumerate(schema):
        function = "UNHEX({})" if is_hex(field.type) else "CAST({} AS UNSIGNED)" if field.name in bits else ""
        targets.append(f"@osiris{number}" if function else quote(field.name))
        if function:
            settings.append(f"{quote(field.name)} = {function.format(f'@osiris{number}')}")
    ending = f" SET {', '.join(settings)}" if settings else ""
    # The marks are written as numbers, because sql_mode may change what a backslash means in a statement.
    return (
        f"LOAD DATA LOCAL INFILE 'osiris' INTO TABLE {table} CHARACTER SET utf8mb4 "
        f"FIELDS TERMINATED BY X'09' ENCLOSED BY '' ESCAPED BY X'5C' LINES TERMINATED BY X'0A' "
        f"({', '.join(targets)}){ending}"
    )


def _insert(table: str, schema: pa.Schema) -> str:
    """Return the statement of which PyMySQL makes ones of about a megabyte."""
    names = ", ".join(quote(name) for name in schema.names).replace("%", "%%")
    marks = ", ".join(["%s"] * len(schema.names))
    return f"INSERT INTO {table.replace('%', '%%')} ({names}) VALUES ({marks})"  # noqa: S608 - names are quoted


def _values(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    columns = [values_of(column, name) for column, name in zip(batch.columns, batch.schema.names, strict=True)]
    return list(zip(*columns, strict=True))


def _refused(
    name: str, batch: pa.RecordBatch, keys: Sequence[Sequence[str]], before: int, problem: tuple[int, str]
) -> DataError:
    """Return the error that says which row the server did not take, and nothing of what is in it."""
    code, said = problem
    if code == DUPLICATE_KEY:
        for key in keys:
            rows = same_key(batch, key)
            if rows is not None:
                other = f"row {before + rows[0] + 1:,} has the same key"
                return misfit(name, ", ".join(key), before + rows[1] + 1, other)
        reason = "a key is there already, in the table or in an earlier row"
    else:
        reason = "the server does not take the value, it does not fit the type or a rule of the table"
    # MariaDB names the column with its table and database before it.
    found = re.search(r"[`']([^`']+)[`'] \S+ \S+ (\d+)", said)
    if found and code != DUPLICATE_KEY and 0 < int(found[2]) <= batch.num_rows:
        return misfit(name, found[1], before + int(found[2]), f"{reason} (error {code})")
    span = f"rows {before + 1:,} to {before + batch.num_rows:,} of the input"
    message = f"Table {name}: among {span}: {reason} (error {code}). Nothing was written."
    return DataError(message, table=name)


def _code_of(error: pymysql.MySQLError) -> int | None:
    code = error.args[0] if error.args else None
    return code if FAULTS.get(code) is BAD_DATA else None  # type: ignore[arg-type]  # any code may be asked for


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn the server's error about a value into one that does not show it.

    :param name: of the table, for messages.
    """
    try:
        yield
    except mysql_error() as error:
        code = _code_of(error)
        if code is None:
            raise
    else:
        return
    reason = (
        "a key is there already" if code == DUPLICATE_KEY else "a value does not fit the type or a rule of the table"
    )
    message = f"Table {name}: a row of the input was not taken: {reason} (error {code}). Nothing was written."
    raise DataError(message, table=name)


def mysql_error() -> type[pymysql.MySQLError]:
    """Return the class of PyMySQL's errors."""
    import pymysql

    return pymysql.MySQLError
