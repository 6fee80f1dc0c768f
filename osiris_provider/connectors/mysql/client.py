"""PyMySQL connections whose statements end at the server too when their wait is broken off.

PyMySQL waits in Python, so that signals interrupt it. But a server does not look at the line of a client while it is
busy with a statement: somebody has to log in and kill that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import cache, partial
from typing import Any, Final

from osiris_provider.connectors.interrupt import Work, in_background, is_busy
from osiris_provider.net import killed, sockets

COM_QUERY: Final = 0x03
COM_STMT_PREPARE: Final = 0x16
COMPARED: Final = 200
"""Letters of a statement by which it is known again."""

# Each server has some of these tables, and shows them to some users.
_WAITS: Final = (
    # Rows, MySQL.
    """
    SELECT DISTINCT b.processlist_id, b.processlist_user, b.processlist_host, b.processlist_time
    FROM performance_schema.data_lock_waits w
    JOIN performance_schema.threads r ON r.thread_id = w.requesting_thread_id
    JOIN performance_schema.threads b ON b.thread_id = w.blocking_thread_id WHERE r.processlist_id = %s
    """,
    # Rows, MariaDB.
    """
    SELECT DISTINCT p.id, p.user, p.host, p.time FROM information_schema.innodb_lock_waits w
    JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id
    JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id
    JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id WHERE r.trx_mysql_thread_id = %s
    """,
    # Tables and named locks, MySQL.
    """
    SELECT DISTINCT b.processlist_id, b.processlist_user, b.processlist_host, b.processlist_time
    FROM performance_schema.metadata_locks w
    JOIN performance_schema.threads r ON r.thread_id = w.owner_thread_id
    JOIN performance_schema.metadata_locks h ON h.object_type = w.object_type
        AND h.object_schema <=> w.object_schema AND h.object_name <=> w.object_name
        AND h.lock_status = 'GRANTED' AND h.owner_thread_id <> w.owner_thread_id
    JOIN performance_schema.threads b ON b.thread_id = h.owner_thread_id
    WHERE w.lock_status = 'PENDING' AND r.processlist_id = %s
    """,
    # Tables, MariaDB with its plugin metadata_lock_info.
    """
    SELECT DISTINCT p.id, p.user, p.host, p.time FROM information_schema.metadata_lock_info h
    JOIN information_schema.processlist p ON p.id = h.thread_id
    JOIN information_schema.processlist w ON w.id = %s AND w.id <> p.id
        AND w.state LIKE 'Waiting for%%metadata lock' AND LOCATE(h.table_name, w.info)
    """,
)

STATE: Final = 6
"""Column of SHOW PROCESSLIST."""
_LOCK_STATE: Final = re.compile(r"Waiting for .*lock|User lock")


class Interruptible:
    """What makes PyMySQL's connection one whose statements can be broken off; stands before it among the bases."""

    open_other: Callable[[], Any] | None = None
    """Opens another connection to the same server, soon; None if statements cannot be ended."""
    address = "the server"
    local_port: int | str = 0
    last_statement: str | bytes | bytearray = ""
    encoding: str

    def work(self, *, watched: bool = True) -> Work:
        """Return what is entered while the server is at work.

        :param watched: whether it may wait for a lock.
        """
        holders = self._lock_holders if watched and self.open_other is not None else None
        return Work(self, self._kill, partial(cut, self), holders, self._force_close)

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Run a statement."""
        with self.work():
            return _base(self, "query")(*args, **kwargs)

    def commit(self) -> None:
        """Commit."""
        with self.work():
            _base(self, "commit")()

    def rollback(self) -> None:
        """Roll back."""
        with self.work():
            _base(self, "rollback")()

    def begin(self) -> None:
        """Begin a transaction."""
        with self.work():
            _base(self, "begin")()

    def ping(self, *args: Any, **kwargs: Any) -> None:
        """Ask whether the server is there."""
        with self.work():
            _base(self, "ping")(*args, **kwargs)

    def autocommit(self, value: bool | None) -> None:
        """Switch autocommit."""
        with self.work():
            _base(self, "autocommit")(value)

    def set_character_set(self, *args: Any) -> None:
        """Set the character set of statements and results."""
        with self.work():
            _base(self, "set_character_set")(*args)

    def _force_close(self) -> None:
        result = getattr(self, "_result", None)
        if result is not None:
            # PyMySQL would read it to its end when it is forgotten, from a line that is gone.
            result.unbuffered_active = False
        _base(self, "_force_close")()

    def _execute_command(self, command: int, sql: Any) -> Any:
        killed.check()
        if command in (COM_QUERY, COM_STMT_PREPARE):
            self.last_statement = sql
        return _base(self, "_execute_command")(command, sql)

    def _read_packet(self, *args: Any) -> Any:
        try:
            return _base(self, "_read_packet")(*args)
        except Exception:
            raise
        except BaseException:
            # The caller that works with it stops the server at its end.
            if not is_busy(self):
                in_background(self._kill).wait(1.0)
            raise

    def _kill(self) -> bool:
        """End the statement, or the whole connection if its line is closed already."""
        if self.open_other is None:
            return True
        with closing(self.open_other()) as other, other.cursor() as cursor:
            cursor.execute("SHOW FULL PROCESSLIST")
            if any(map(self._is_mine, cursor.fetchall())):
                what = "QUERY " if getattr(self, "open", False) else ""
                cursor.execute(f"KILL {what}{self._thread_id()}")
        return True

    def _is_mine(self, row: Sequence[Any]) -> bool:
        """Return whether a row of the process list is this connection: behind one name may be several servers."""
        number, _, host, *_, statement = row[:8]
        if number != self._thread_id():
            return False
        if str(host).rpartition(":")[2] == str(self.local_port):
            return True
        # Something on the way has given the connection another port.
        last = self.last_statement
        text = last if isinstance(last, str) else last.decode(self.encoding, "replace")
        return bool(statement) and text[:COMPARED].strip() == str(statement)[:COMPARED].strip()

    def _thread_id(self) -> int:
        return int(_base(self, "thread_id")())

    def _lock_holders(self) -> Sequence[str]:
        if self.open_other is None:
            return []
        with closing(self.open_other()) as other, other.cursor() as cursor:
            sessions = {row[0]: row for statement in _WAITS for row in _rows(cursor, statement, self._thread_id())}
            states = [] if sessions else self._lock_states(cursor)
        return [
            f"Waiting for a lock at {self.address}. Session {other} holds it: user {user}, from {host or 'unknown'}, "
            f"for {seconds} s as it is now."
            for other, user, host, seconds in sessions.values()
        ] + [
            f"Waiting for a lock at {self.address}: '{state}'. The server does not tell this user who holds it."
            for state in states
        ]

    def _lock_states(self, cursor: Any) -> Sequence[str]:
        """Return what the server says that this session waits for, if that is a lock; each user sees its own."""
        cursor.execute("SHOW PROCESSLIST")
        own = [str(row[STATE]) for row in cursor.fetchall() if row[0] == self._thread_id()]
        return [state for state in own if _LOCK_STATE.match(state)]


@cache
def _class_of(base: type[Any]) -> type[Any]:
    return type(base.__name__, (Interruptible, base), {})


def with_interrupts(client: Any, open_other: Callable[[], Any], address: str) -> Any:
    """Return a connection whose statements can be broken off: the same one.

    :param client: of PyMySQL, logged in.
    :param open_other: opens another connection to the same server, soon.
    :param address: of the server, for the log.
    """
    plain: Any = type(client)
    client.__class__ = _class_of(plain)
    client.open_other, client.address = open_other, address
    with suppress(OSError):
        name = client._sock.getsockname()  # noqa: SLF001 - has no public name
        # A Unix socket has no port; the process list says localhost.
        client.local_port = name[1] if isinstance(name, tuple) else "localhost"
    return client


def working(client: Any, *, watched: bool = True) -> AbstractContextManager[object]:
    """Return what is entered while the server is at work for a connection.

    :param client: of PyMySQL; nothing is known of one that our connector has not made.
    :param watched: whether it may wait for a lock.
    """
    return client.work(watched=watched) if isinstance(client, Interruptible) else nullcontext()


def close(client: Any) -> None:
    """Close a connection; one that is closed already stays so.

    The handler of a signal may have interrupted a read of this thread, whose file cannot be closed until it has ended:
    then the connection counts as closed and is open, and its reader closes the rest.
    """
    from pymysql import Error

    if is_busy(client):
        drop(client)
    elif client.open:
        with suppress(Error, RuntimeError):
            client.close()
        with suppress(RuntimeError):
            client._force_close()  # noqa: SLF001 - close() says only that it is closed


def drop(client: Any) -> None:
    """Close a connection that somebody is at work with, in whatever thread, who has its line broken.

    Not even a goodbye is said: who finds that line broken looks for the alert behind it, and two threads that read one
    TLS session crash Python. And a server that is busy with a query notices a line that is cut, but not one on which a
    goodbye waits to be read.
    """
    cut(client)
    with suppress(RuntimeError):
        client._force_close()  # noqa: SLF001 - close() says goodbye


def cut(client: Any) -> None:
    """Break the line of a connection under the caller that waits for it."""
    line = getattr(client, "_sock", None)
    if line is not None:
        sockets.cut(line)


def _rows(cursor: Any, statement: str, thread_id: int) -> Iterator[Any]:
    """Yield the rows of a table that may not be there, or not for this user."""
    import pymysql

    with suppress(pymysql.MySQLError):
        cursor.execute(statement, [thread_id])
        yield from cursor.fetchall()


def _base(client: Interruptible, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(super(Interruptible, client), name)
    return method
