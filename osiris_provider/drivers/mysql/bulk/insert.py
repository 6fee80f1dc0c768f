"""Rows by INSERTs of many rows each, and which row it is that the server does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.mysql.bulk.encode import Rows
from osiris_provider.drivers.mysql.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pymysql
    from pymysql.connections import Connection

STATEMENT_BYTES: Final = 1 << 17
"""What servers parse fastest: less costs round trips, more costs memory that their caches do not have."""
_HEADROOM: Final = 1024


class Inserter:
    """Sends INSERT statements for one table.

    :param client: an open connection, whose statements are UTF-8 and know a backslash as the escape character.
    :param table: that is filled, quoted.
    :param names: of its columns, in the order of the rows' values.
    """

    def __init__(self, client: Connection[Any], table: str, names: Sequence[str]) -> None:
        self._client = client
        self._prefix = f"INSERT INTO {table} ({', '.join(map(quote, names))}) VALUES (".encode()  # noqa: S608 - quoted
        with client.cursor() as cursor:
            cursor.execute("SELECT @@SESSION.max_allowed_packet")
            (packet,) = cursor.fetchone() or (0,)
        self.limit = int(packet) - _HEADROOM - len(self._prefix)
        """Bytes that a row may take at the most."""

    def spans(self, rows: Rows) -> list[tuple[int, int]]:
        """Return first and end of the rows of each statement."""
        return list(rows.spans(min(STATEMENT_BYTES, self.limit)))

    def oversized(self, rows: Rows) -> int | None:
        """Return the first row that no statement can have; None if there is none."""
        alone = [first for first, end in self.spans(rows) if end == first + 1]
        return next((row for row in alone if len(rows.slice(row, row + 1)) > self.limit), None)

    def send(self, rows: Rows, first: int, end: int) -> None:
        """Insert some rows.

        :raises pymysql.MySQLError: the server took none of them.
        """
        self._client.query(b"".join((self._prefix, rows.slice(first, end), b")")))

    def culprit(self, rows: Rows, first: int, end: int) -> tuple[int, pymysql.MySQLError] | None:
        """Return the row that the server does not take, and what it says; None if it takes them all now.

        Rows before it are inserted. A number in the server's own words may be of a statement in a trigger.

        :param first: of rows of which none is there.
        :param end: of these rows, not included.
        """
        import pymysql

        said: pymysql.MySQLError | None = None
        while first < end:
            middle = first + max(1, (end - first) // 2)
            try:
                self.send(rows, first, middle)
            except pymysql.MySQLError as error:
                said, end = error, middle
                if end == first + 1:
                    return first, said
            else:
                first = middle
        return None
