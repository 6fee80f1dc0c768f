"""psycopg2 connections whose waits can be broken off, and that say who holds the lock they wait for."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from osiris_provider.connectors.interrupt import Work, interruptible, is_busy
from osiris_provider.connectors.postgres.library import CancelRequest, libpq

if TYPE_CHECKING:
    from psycopg2 import extensions

T = TypeVar("T")

HOLDERS = """
SELECT pid, usename, coalesce(nullif(application_name, ''), 'no application name'), coalesce(state, 'unknown'),
    extract(epoch FROM clock_timestamp() - xact_start)::int
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s))
"""


@cache
def connection_class() -> type[extensions.connection]:
    """Return the class of the connections, for ``psycopg2.connect(connection_factory=…)``."""
    from psycopg2 import extensions

    class Connection(_Cancellable, extensions.connection):
        """A connection; all that waits for the server can be broken off, also in cursors of other classes."""

        lock_holders: Callable[[int], Sequence[str]] | None = None

        def __repr__(self) -> str:
            # psycopg2's own shows all parameters, and hides of the secrets among them the password alone.
            return f"<{type(self).__name__} to PostgreSQL, closed: {self.closed}>"

        __str__ = __repr__

        def cursor(self, name: Any = None, cursor_factory: Any = None, *args: Any, **kwargs: Any) -> Any:
            """Return a cursor of the class that is asked for, whose waits can be broken off."""
            given: Any = cursor_factory or self.cursor_factory
            factory = _interruptible(given or extensions.cursor)
            return super().cursor(name, factory, *args, **kwargs)

        def commit(self) -> None:
            """Commit."""
            wait_in(self, super().commit)

        def rollback(self) -> None:
            """Roll back."""
            wait_in(self, super().rollback)

        def reset(self) -> None:
            """Roll back and reset the session."""
            wait_in(self, super().reset)

        def close(self) -> None:
            """Log out; a connection that still waits for its server is cut, closing it would wait too."""
            if is_busy(self):
                hang_up(self)
            else:
                super().close()

    return Connection


class _Cancellable:
    """What lets other threads go on while a request to cancel is on its way; stands before psycopg2's connection."""

    closed: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not when it is needed: another thread may close the connection then.
        self._request = CancelRequest(self) if libpq() else None  # type: ignore[arg-type] # see connection_class

    def cancel(self) -> None:
        """Have the server end what it does for this connection."""
        if self._request is not None and not self.closed:
            self._request.send()
        else:
            getattr(super(), "cancel")()  # noqa: B009 - mypy knows no base


def wait_in(connection: Any, call: Callable[[], T]) -> T:
    """Make a call of libpq's that waits for the server of a connection."""
    holders = getattr(connection, "lock_holders", None)
    known = None if holders is None else partial(holders, connection.info.backend_pid)
    return interruptible(Work(connection, connection.cancel, partial(hang_up, connection), known), call)


def _waiting(name: str, *, only_named: bool = False) -> Callable[..., Any]:
    """Return a method of a cursor whose wait can be broken off.

    :param name: of the method.
    :param only_named: other than named cursors have their rows here already, and wait for nothing.
    """

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = partial(getattr(super(_Interruptible, self), name), *args, **kwargs)
        return call() if only_named and self.name is None else wait_in(self.connection, call)

    return method


class _Interruptible:
    """What makes a class of cursors one whose waits can be broken off; stands before it among the bases."""

    name: str | None
    connection: Any
    itersize: int
    execute = _waiting("execute")
    executemany = _waiting("executemany")
    callproc = _waiting("callproc")
    copy_expert = _waiting("copy_expert")
    copy_from = _waiting("copy_from")
    copy_to = _waiting("copy_to")
    fetchone = _waiting("fetchone", only_named=True)
    fetchmany = _waiting("fetchmany", only_named=True)
    fetchall = _waiting("fetchall", only_named=True)
    scroll = _waiting("scroll", only_named=True)

    def __iter__(self) -> Iterator[Any]:
        if self.name is None:
            rows: Iterator[Any] = getattr(super(), "__iter__")()  # noqa: B009 - mypy knows no base
            return rows
        return self._rows()

    def close(self) -> None:
        """Close; what was broken off has ended a cursor on the server, too."""
        close: Callable[[], None] = getattr(super(), "close")  # noqa: B009 - mypy knows no base
        if self.name is None or self.connection.closed or is_busy(self.connection):
            close()
        else:
            wait_in(self.connection, close)

    def _rows(self) -> Iterator[Any]:
        while rows := self.fetchmany(self.itersize):
            yield from rows


def stoppable(connection: Any, call: Callable[[], T]) -> T:
    """Make a call that :func:`~osiris_provider.connectors.interrupt.stop` ends, on any connection of psycopg2."""
    return call() if isinstance(connection, connection_class()) else wait_in(connection, call)


@cache
def _interruptible(base: type[Any]) -> type[Any]:
    """Return a subclass of a class of cursors whose waits can be broken off."""
    return base if issubclass(base, _Interruptible) else type(base.__name__, (_Interruptible, base), {})


def hang_up(connection: extensions.connection) -> None:
    """Break the line under a thread that waits for it; closing the connection itself would pull it from under libpq."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        # Once it is closed, its number may be that of another line; psycopg2 says so before it closes.
        if not connection.closed:
            line.shutdown(socket.SHUT_RDWR)


def undo(connection: extensions.connection) -> None:
    """Roll back after an error, which goes on; where the wait was broken off, have the server do it."""
    import psycopg2

    broken_off = not isinstance(sys.exc_info()[1], Exception)
    with contextlib.suppress(psycopg2.Error):
        if broken_off:
            connection.close()
        elif not connection.closed:
            connection.rollback()


def lock_holders(connection: extensions.connection, address: str, pid: int) -> list[str]:
    """Return a sentence for each session that holds a lock for which another one waits.

    :param connection: of one's own, to the same server.
    :param address: of the server, for the sentence.
    :param pid: of the session that waits.
    """
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, [pid])
        sessions = cursor.fetchall()
    return [
        f"Waiting for a lock at {address}. Session {other} holds it: user {user}, {application}, {state}"
        f"{'' if seconds is None else f', in a transaction for {seconds} s'}."
        for other, user, application, state, seconds in sessions
    ]
