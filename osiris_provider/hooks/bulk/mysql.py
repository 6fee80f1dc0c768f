"""Tab-delimited files to and from MySQL and MariaDB."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from osiris_provider.connectors.mysql.client import working
from osiris_provider.connectors.mysql.faults import FAULTS
from osiris_provider.connectors.sql.faults import BAD_DATA
from osiris_provider.drivers.mysql.bulk.load import AS_BITS, load_local, load_statement, obstacle
from osiris_provider.drivers.mysql.dependents import cascades
from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.read import hang_up, read_session
from osiris_provider.drivers.mysql.refusals import is_bad_data, mysql_error
from osiris_provider.drivers.mysql.session import load_session
from osiris_provider.drivers.mysql.tables import name_parts
from osiris_provider.drivers.sql.cascades import cascade_error
from osiris_provider.errors import DataError
from osiris_provider.hooks.bulk.inserts import InsertWatch
from osiris_provider.hooks.bulk.text import count_rows, count_tabs, ends_a_row, hexadecimal, line_of, rows_in

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

log = logging.getLogger(__name__)

STAYED: Final = 1196
"""What a server without transactions answers to ROLLBACK."""
_BYTES: Final = re.compile(r"(tiny|medium|long)?blob|(var)?binary|vector|(multi)?(point|linestring|polygon)|geom")
_BITS: Final = re.compile(r"bit\b")
_FLOAT: Final = re.compile(r"float\b")
_INTEGER: Final = re.compile(r"(tiny|small|medium|big)?int")
_MOMENT: Final = re.compile(r"(?:time(?:stamp)?|datetime)(?:\((\d)\))?")
_MEMBERS: Final = re.compile(r"(?:enum|set)\b(?!.*'[0-9]+')")
_HEX: Final = re.compile(rb"\\x(?:[0-9A-Fa-f]{2})*")
_IS_INTEGER: Final = re.compile(rb"[-+]?[0-9]+(\.0*)?|[-+]?[0-9.]+e[0-9]+", re.IGNORECASE)
# A text that is no number, of which the server warns: it would round, or make NULL, what comes here without a word.
_REFUSED: Final = "CAST(CONCAT('no such value', LEFT({0}, 0)) AS SIGNED)"
_AS_BYTES: Final = (
    "IF(LEFT({0}, 2) = X'5C78' AND LENGTH({0}) MOD 2 = 0 AND UNHEX(SUBSTR({0}, 3)) IS NOT NULL, "
    f"UNHEX(SUBSTR({{0}}, 3)), IF({{0}} IS NULL, NULL, {_REFUSED}))"
)
_AS_INTEGER: Final = (
    "IF({0} IS NULL OR LOCATE('.', {0}) + LOCATE('e', {0}) = 0 OR CAST({0} AS DECIMAL(65, 30)) MOD 1 = 0, "
    f"{{0}}, {_REFUSED})"
)
_AS_MOMENT: Final = (
    "IF({0} IS NULL OR LOCATE('.', {0}) = 0 "
    f"OR LENGTH(TRIM(TRAILING '0' FROM SUBSTRING_INDEX({{0}}, '.', -1))) <= DIGITS, {{0}}, {_REFUSED})"
)
# MySQL takes a number for the place of a member, if it is none itself.
_AS_MEMBER: Final = f"IF({{0}} IS NULL OR {{0}} NOT REGEXP '^[0-9]+$', {{0}}, {_REFUSED})"

# Without STRICT MySQL cuts and guesses; else a row whose key is 0 has a new number. That a value is rounded is a note.
_STRICT_MODE: Final = (
    "SET SESSION sql_notes = 1, sql_mode = CONCAT_WS("
    "',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES', 'NO_AUTO_VALUE_ON_ZERO')"
)


@dataclass(frozen=True)
class _Column:
    name: str
    dtype: str

    @property
    def selected(self) -> str:
        """What is selected of it: as a FLOAT it would be shown with six digits."""
        return f"{quote(self.name)} * 1e0" if _FLOAT.match(self.dtype) else quote(self.name)

    @property
    def loaded(self) -> str:
        """What makes its value of a text."""
        moment = _MOMENT.match(self.dtype)
        if moment:
            return _AS_MOMENT.replace("DIGITS", moment[1] or "0")
        values = ((_BYTES, _AS_BYTES), (_BITS, AS_BITS), (_INTEGER, _AS_INTEGER), (_MEMBERS, _AS_MEMBER))
        return next((value for pattern, value in values if pattern.match(self.dtype)), "")

    def problem(self, value: bytes) -> str:
        """Return why :attr:`loaded` does not take a text; empty if it does, or if the server itself says so."""
        if _BYTES.match(self.dtype):
            return "" if _HEX.fullmatch(value) else "bytes have to be \\x and pairs of hexadecimal digits"
        moment = _MOMENT.match(self.dtype)
        if moment:
            fraction = value.partition(b".")[2].rstrip(b"0")
            return f"it has more digits of a second than {self.dtype}" if len(fraction) > int(moment[1] or 0) else ""
        if _MEMBERS.match(self.dtype) and value.isdigit():
            return "it is a number and no member of the type"
        return "it is no whole number" if _INTEGER.match(self.dtype) and not _IS_INTEGER.fullmatch(value) else ""

    def written(self, value: bytes | None) -> bytes | None:
        """Return a value as the text that :attr:`loaded` takes."""
        if value is not None and _BITS.match(self.dtype):
            return b"%d" % int.from_bytes(value, "big")
        return hexadecimal(value) if _BYTES.match(self.dtype) else value


class MySQLInserts(InsertWatch):
    """Has MySQL and MariaDB refuse what they would cut or guess, and counts the values that they round.

    :param replaces: whether rows that are there are deleted, and inserted again.
    """

    def __init__(self, table: str, *, replaces: bool) -> None:
        super().__init__(table)
        self._replaces = replaces
        self._codes: Counter[int] = Counter()
        self._more = ""

    def begin(self, connection: Any) -> None:
        """Make the session strict; see :meth:`InsertWatch.begin`.

        :raises DataError: replacing rows would delete or change rows of other tables.
        """
        from pymysql.cursors import Cursor

        watch = self

        class Noting(Cursor):
            def execute(self, query: Any, args: Any = None) -> int:
                affected = super().execute(query, args)
                if self.warning_count:
                    watch.note(self.connection, self.warning_count)
                return affected

        with connection.cursor(Cursor) as cursor:
            cursor.execute(_STRICT_MODE)
            if self._replaces:
                self._check(cursor)
        connection.cursorclass = Noting

    def note(self, connection: Any, count: int) -> None:
        """Count the warnings and notes of the last statement that are about values.

        :param count: of all warnings, of which servers keep some: MySQL 1,024 by default, MariaDB 64.
        """
        from pymysql.cursors import Cursor

        with connection.cursor(Cursor) as cursor:
            cursor.execute("SHOW WARNINGS")
            codes = [int(code) for _, code, _ in cursor.fetchall()]
        self._codes.update(code for code in codes if FAULTS.get(code) is BAD_DATA)
        self._more = ", and more" if len(codes) < count else self._more

    def _check(self, cursor: Any) -> None:
        table = self.table.replace("`", "")
        cursor.execute("SELECT DATABASE()")
        (current,) = cursor.fetchone() or ("",)
        effects = cascades(cursor, table, name_parts(table)[0] or str(current))
        if effects:
            raise cascade_error(self.table, effects)

    def say(self) -> None:
        """Warn of values that are not as they were sent; by their codes, as the server's texts may show values."""
        if self._codes:
            log.warning(
                "Table %s: the server has warned of values that were inserted (times by code: %s%s): they are rounded "
                "or cut. Compare them with their columns' types.",
                self.table,
                ", ".join(f"{code}: {times}" for code, times in sorted(self._codes.items())),
                self._more,
            )


def dump(client: Connection[Any], table: str, file: BinaryIO) -> int:
    """Write the rows of a table into a file and return their number; one of them is in memory at a time.

    :param client: for this alone; its caller closes it.
    :param table: as SQL writes it.
    :param file: for writing.
    """
    from pymysql.cursors import SSCursor

    settings: Any = client
    with read_session(client):
        columns = _columns_of(client, table)
        # Values stay as the server has written them.
        settings.decoders, settings.use_unicode = {}, False
        cursor = client.cursor(SSCursor)
        count = 0
        try:
            selected = ", ".join(column.selected for column in columns)
            cursor.execute(f"SELECT {selected} FROM {table}")  # noqa: S608 - names are quoted, the table is SQL
            with working(client, watched=False):
                for row in iter(cursor.fetchone, None):
                    file.write(line_of(column.written(value) for column, value in zip(columns, row, strict=True)))
                    count += 1
        except BaseException:
            hang_up(client)
            raise
    return count


def load(client: Connection[Any], table: str, path: str | os.PathLike[str]) -> int:
    """Load a file into a table, in one transaction, and return the number of rows.

    The server is sent what is in this file and no other, whatever file it asks for.

    :param client: for this alone; its caller closes it.
    :param table: as SQL writes it.
    :param path: of the file.
    :raises DataError: LOAD DATA is not allowed, or the server did not take each row as it is.
    """
    with Path(path).open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return 0
        with mmap(file.fileno(), 0, access=ACCESS_READ) as text, client.cursor() as cursor, load_session(cursor):
            # A note is a value that was cut, too.
            cursor.execute("SET SESSION sql_notes = 1")
            _load(cursor, table, text, str(path))
            return count_rows(text)


def _load(cursor: Cursor, table: str, text: mmap, path: str) -> None:
    client: Any = cursor.connection
    problem = obstacle(cursor)
    if problem:
        message = f"{path} cannot be loaded into table {table}: {problem}. Without it, use insert_rows or mysql.writer."
        raise DataError(message, table=table, file=path)
    columns = _columns_of(client, table)
    statement = load_statement(table, [(column.name, column.loaded) for column in columns])
    rows = count_rows(text)
    # Of a value that is missing the server does not warn where it makes one of a text.
    if count_tabs(text) != rows * (len(columns) - 1):
        raise _constraint_error(table, path, _first_refused(columns, path, ""), "Nothing was written.")
    counts = (0, 0)
    try:
        # The end of the last line is sent always.
        with memoryview(text) as view, view[: len(text) - ends_a_row(text)] as lines, working(client):
            counts = load_local(client, statement, lines)
    except mysql_error() as error:
        if not is_bad_data(error):
            raise
        warning = error.args[:2]
    else:
        if counts == (rows, 0):
            client.commit()
            return
        cursor.execute("SHOW WARNINGS LIMIT 1")
        warning = (cursor.fetchone() or ("", 0, ""))[1:]
    cursor.execute("ROLLBACK")
    cursor.execute("SHOW WARNINGS")
    stayed = any(code == STAYED for _, code, _ in cursor.fetchall())
    kept = "The table has no transactions: what was taken is there." if stayed else "Nothing was written."
    refused = (
        f"the server took {counts[0]:,} of {rows:,} rows"
        if not warning[0]
        else _first_refused(columns, path, warning[1])
    )
    raise _constraint_error(table, path, f"{refused} (error {warning[0]})" if warning[0] else refused, kept)


def _constraint_error(table: str, path: str, problem: str, kept: str) -> DataError:
    return DataError(f"{path} does not fit into table {table}: {problem}. {kept}", table=table, file=path)


def _first_refused(columns: Sequence[_Column], path: str, said: str) -> str:
    """Return where the first value is that was not taken, and not what it is.

    :param said: by the server, which shows values.
    """
    for number, row in enumerate(rows_in(path), 1):
        if len(row) != len(columns):
            return f"row {number:,}: it has {len(row)} values, and the table {len(columns)} columns"
        for column, value in zip(columns, row, strict=True):
            problem = column.problem(value) if value is not None else ""
            if problem:
                return f"column {column.name}, row {number:,}: {problem}"
    names = {column.name for column in columns}
    named = [f"column {name}" for name in re.findall(r"[`'.]([^`'.]+)[`']", said) if name in names]
    rows = [f"row {number}" for number in re.findall(r"(?i)\brow (\d+)", said)]
    where = ", ".join([*named[:1], *rows[-1:]])
    return f"{where or 'a row'}: the server does not take a value, or not as it is"


def _columns_of(client: Connection[Any], table: str) -> list[_Column]:
    """Return the columns that ``SELECT *`` shows and a row may give."""
    with client.cursor() as cursor:
        cursor.execute(f"SHOW COLUMNS FROM {table}")
        described = cursor.fetchall()
    left_out = ("VIRTUAL GENERATED", "STORED GENERATED", "INVISIBLE")
    return [
        _Column(str(name), str(dtype).lower())
        for name, dtype, _, _, _, extra in described
        if not any(word in str(extra).upper() for word in left_out)
    ]
