"""The transaction in which a PostgreSQL query is described, checked and read."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.postgres.arrow_types import Column, columns_of
from osiris_provider.drivers.sql.base import filling_in

if TYPE_CHECKING:
    from psycopg2 import extensions

Params = Sequence[Any] | Mapping[str, Any] | None

# How values look as text, whatever the server's or the role's defaults are; gone with the transaction. DateStyle
# keeps its order of day and month, and TimeZone stays: both say what literals and casts in the query mean.
_SETTINGS = (
    "SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'iso_8601'; "
    "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3"
)
# A snapshot that is taken once and for all would be older than the locks that describing the query takes: a table that
# somebody has truncated and filled again meanwhile would look empty.
_ISOLATION = "ISOLATION LEVEL READ COMMITTED"
# Syntax error and feature not supported: PostgreSQL takes neither SHOW nor INSERT … RETURNING as a subquery.
_NO_SUBQUERY = frozenset({"42601", "0A000"})
_NO_RIGHT = "42501"
_SAVEPOINT = "osiris_savepoint"


class Session:
    """A transaction in which the tables of a query stay what they were when it was described.

    If the connection is in a transaction already, that one is used and left open; otherwise one is opened, committed
    when the result has been read to its end, and rolled back in any other case.

    :param connection: a psycopg2 connection that no one else uses meanwhile.
    """

    def __init__(self, connection: extensions.connection) -> None:
        from psycopg2 import extensions

        self.connection = connection
        self.filtered = False
        """Whether policies of row-level security may hide rows of the query that was described."""
        self._own = connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
        with rolled_back_on_error(self):
            if self._own:
                self.execute(f"SET TRANSACTION {_ISOLATION}")
            self.execute(_SETTINGS)

    def text(self, query: str, params: Params) -> str:
        """Return the query with its parameters filled in, fit to stand inside another statement.

        :raises DriverConfigError: they do not fit it.
        """
        from psycopg2 import ProgrammingError, extensions

        if params:
            with self.connection.cursor() as cursor, filling_in(ProgrammingError):
                filled = cursor.mogrify(query, params)
            query = filled.decode(extensions.encodings[self.connection.encoding])
        return query.rstrip().rstrip("; \n\t")

    def execute(self, statement: str) -> Sequence[Any] | None:
        """Execute a statement and return its description."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.description

    def describe(self, query: str) -> list[Column] | None:
        """Return the columns of a query without running it; None if it is not one that can be a subquery."""
        statement = f"SELECT * FROM {_subquery(query)} LIMIT 0"  # noqa: S608 - the query is the user's
        off = f"SET LOCAL row_security = off; {statement}"
        hides = self._hides_rows()
        # Switched off, the server fails where it would leave out rows.
        description, refused = self._attempt(off, _NO_SUBQUERY | {_NO_RIGHT}) if hides else (None, _NO_RIGHT)
        if refused == _NO_RIGHT:
            self.filtered, hides = hides, False
            description, refused = self._attempt(statement, _NO_SUBQUERY)
        if refused:
            return None
        # Its locks stay: no one can alter the table before it is read.
        self.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}{'; SET LOCAL row_security = on' if hides else ''}")
        return columns_of(description)

    def _hides_rows(self) -> bool:
        """Set a savepoint; return whether the server leaves out rows that policies hide, and does not fail."""
        with self.connection.cursor() as cursor:
            # Servers that have no policies have no such setting.
            cursor.execute(
                f"SAVEPOINT {_SAVEPOINT}; SELECT setting FROM pg_settings WHERE name = 'row_security'"  # noqa: S608 - constants
            )
            return cursor.fetchone() == ("on",)

    def _attempt(self, statement: str, expected: Container[str | None]) -> tuple[Sequence[Any] | None, str | None]:
        """Execute a statement; return its description, or the code of an error that was expected, to the savepoint."""
        from psycopg2 import Error

        try:
            return self.execute(statement), None
        except Error as error:
            if error.pgcode not in expected:
                raise
            refused = error.pgcode
        self.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        return None, refused

    def finish(self, *, commit: bool) -> None:
        """End the transaction if it is ours.

        :raises psycopg2.Error: it could not be committed.
        """
        if not self._own or self.connection.closed:
            return
        from psycopg2 import Error

        if commit:
            self.connection.commit()
            return
        with contextlib.suppress(Error):
            self.connection.rollback()


def _subquery(query: str) -> str:
    # The query may end with a comment, which ends with the line.
    return f"(\n{query}\n) AS osiris_query"


@contextlib.contextmanager
def rolled_back_on_error(session: Session) -> Iterator[Session]:
    """End a session's transaction if what is done with it fails."""
    try:
        yield session
    except BaseException:
        session.finish(commit=False)
        raise
