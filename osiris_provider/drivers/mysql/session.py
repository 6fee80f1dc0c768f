"""The session of a load: its modes and its time zone, and the lock that lets one task at a time replace a table."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.connectors.sql.faults import LOCK_TIMEOUT
from osiris_provider.drivers.mysql.tables import qualified

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

log = logging.getLogger(__name__)

LOCK_SECONDS: Final = 600
"""How long another try of the same load may take to end."""
ROUND_SECONDS: Final = 10
LOG_EVERY: Final = 6
"""After each turn it is looked who has the lock; it is logged after the first of so many."""
# Without these MySQL cuts values that are too long, and gives rows whose key is 0 a new number.
_ADDED: Final = ("STRICT_ALL_TABLES", "NO_AUTO_VALUE_ON_ZERO")
# These change what a quote, a backslash or an empty text means; the first word of a group brings its others along.
_REMOVED: Final = frozenset(
    {"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "EMPTY_STRING_IS_NULL", "ANSI", "ORACLE", "DB2", "MAXDB", "MSSQL"}
    | {"POSTGRESQL"}
)
_VARIABLES: Final = (
    "sql_mode",
    "sql_notes",
    "sql_safe_updates",
    "sql_quote_show_create",
    "innodb_lock_wait_timeout",
    "lock_wait_timeout",
    "time_zone",
)
_LOCK_DIGITS: Final = 40
_CHARSET: Final = "utf8mb4"


@contextmanager
def load_session(cursor: Cursor) -> Iterator[None]:
    """Set up the session for a load, and put back what was there.

    Values are checked strictly, TIMESTAMP columns take UTC, statements are sent as UTF-8, and another try of the same
    load is waited for.

    :param cursor: of the connection that writes.
    """
    client: Any = cursor.connection
    charset = client.charset
    if charset != _CHARSET:
        client.set_character_set(_CHARSET)
    cursor.execute(f"SELECT {', '.join(f'@@SESSION.{name}' for name in _VARIABLES)}")
    before: Sequence[Any] = cursor.fetchone() or ()
    _set(cursor, (_strict(str(before[0])), 0, 0, 1, LOCK_SECONDS, LOCK_SECONDS, "+00:00"))
    try:
        yield
    finally:
        if client.open:
            _set(cursor, before)
            if charset != _CHARSET:
                client.set_character_set(charset)


def _strict(modes: str) -> str:
    kept = [mode for mode in modes.split(",") if mode and mode not in _REMOVED]
    return ",".join([*kept, *_ADDED])


def _set(cursor: Cursor, values: Sequence[Any]) -> None:
    cursor.execute(f"SET {', '.join(f'SESSION {name} = %s' for name in _VARIABLES)}", values)


@contextmanager
def table_lock(cursor: Cursor, table: str) -> Iterator[None]:
    """Let only one task at a time replace or create a table.

    :param cursor: of the connection that writes.
    :param table: perhaps with its database before it.
    :raises DiagnosedError: another task has had the lock for :data:`LOCK_SECONDS`.
    """
    name = _lock_name(cursor, table)
    _take_lock(cursor, name, table)
    try:
        yield
    finally:
        if cursor.connection and cursor.connection.open:
            cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))


def _take_lock(cursor: Cursor, name: str, table: str) -> None:
    for attempt in range(LOCK_SECONDS // ROUND_SECONDS):
        cursor.execute("SELECT GET_LOCK(%s, %s)", (name, ROUND_SECONDS))
        if cursor.fetchone() == (1,):
            return
        if attempt % LOG_EVERY == 0:
            cursor.execute("SELECT IS_USED_LOCK(%s)", (name,))
            (holder,) = cursor.fetchone() or (None,)
            log.warning("Waiting for another load of table %s to end: that of session %s of the server.", table, holder)
    raise DiagnosedError(LOCK_TIMEOUT)


def _lock_name(cursor: Cursor, table: str) -> str:
    """Return a name that fits into the 64 characters that MySQL allows; SHA1() is not on every server."""
    digest = hashlib.sha256(".".join(qualified(cursor, table)).encode()).hexdigest()
    return f"osiris:{digest[:_LOCK_DIGITS]}"
