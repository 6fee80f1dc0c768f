"""DuckDB connections whose waits can be broken off.

DuckDB looks for signals at times only, some 20 s apart in a long query, and what a handler raised is lost then.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from typing_extensions import Self

from osiris_provider.connectors import interrupt
from osiris_provider.connectors.interrupt import Work, interruptible, is_busy

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

T = TypeVar("T")

log = logging.getLogger(__name__)

_CALL = compile("_osiris_call()", "<osiris>", "eval")


class DuckDBClient:
    """A connection of DuckDB: has all that a ``duckdb.DuckDBPyConnection`` has, and calls of it can be interrupted.

    :param raw: the connection, for libraries that take no other than DuckDB's own; its calls cannot be interrupted.
    :ivar closed: whether :meth:`close` has closed it.
    """

    def __init__(self, raw: DuckDBPyConnection) -> None:
        self.raw = raw
        self.closed = False
        self._cursors: WeakSet[DuckDBClient] = WeakSet()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.raw, name)
        # That waits for nothing, and may be called where work is no longer begun.
        if not callable(attribute) or name == "interrupt":
            return attribute
        return partial(self._call, attribute)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def cursor(self) -> DuckDBClient:
        """Return another connection to the same database, which is closed with this one."""
        cursor = DuckDBClient(self.raw.cursor())
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        """Close, or interrupt a query that has not ended yet; see :attr:`closed`, and close it again then."""
        at_work = list(self._at_work())
        for one in at_work:
            one.raw.interrupt()
        if not at_work:
            self.raw.close()
            self.closed = True

    def _at_work(self) -> Iterator[DuckDBClient]:
        """Yield what a query runs on: this, and cursors, for which DuckDB would wait, or refuse to close this."""
        if is_busy(self):
            yield self
        for cursor in list(self._cursors):
            yield from cursor._at_work()  # noqa: SLF001 - of the same class

    def wait(self, call: Callable[[], T]) -> T:
        """Make a call that waits for this connection, such as taking the next batch of a reader."""
        return interruptible(Work(self, self.raw.interrupt, self.raw.interrupt), call)

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = self.wait(partial(_in_frame, sys._getframe(1), partial(method, *args, **kwargs)))  # noqa: SLF001 - see below
        return self if result is self.raw else result


def _in_frame(caller: FrameType, call: Callable[[], T]) -> T:
    """Make a call as if it stood where the caller's stands: DuckDB finds data frames among the variables there."""
    # No text from anywhere is evaluated, only the constant above.
    result: T = eval(_CALL, caller.f_globals, {**caller.f_locals, "_osiris_call": call})  # noqa: S307 - see above
    return result


def waited(cursor: DuckDBPyConnection, call: Callable[[], T]) -> T:
    """Make a call for which DuckDB computes, such as a method of a relation; it can be broken off.

    :param cursor: it works on.
    :param call: of DuckDB's.
    """
    return cursor.wait(call) if isinstance(cursor, DuckDBClient) else call()


def next_batch(cursor: DuckDBPyConnection, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    """Return the next batch of a result, None at its end; DuckDB computes it meanwhile.

    :param cursor: that the result is of.
    :param reader: of the result.
    :raises duckdb.Error: of the class that DuckDB names; Arrow's stream carries no more than its text.
    """
    try:
        return waited(cursor, reader.read_next_batch)
    except StopIteration:
        return None
    except OSError as error:
        # Not kept in a variable: its traceback has this frame, and the circle would keep the file open.
        raise (_error_named(str(error)) or error) from None


def _error_named(text: str) -> Exception | None:
    """Return the exception whose name a text begins with, as in ``Out of Range Error: …``; None if there is none."""
    import duckdb

    name, marker, _ = text.partition(" Error: ")
    wanted = f"{name.replace(' ', '')}exception".lower() if marker else ""
    classes = (value for key, value in vars(duckdb).items() if key.lower() == wanted)
    return next((error_class(text) for error_class in classes if issubclass(error_class, duckdb.Error)), None)


class FileWait:
    """Says in the log that a file is waited for, and who has it, after some seconds and each minute from then on.

    :param path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._due = time.monotonic() + interrupt.LOG_AFTER

    def __call__(self, state: object) -> None:
        """Look at the clock, as tenacity lets one before it sleeps."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + interrupt.LOG_EVERY
        outcome = getattr(state, "outcome", None)
        holder = getattr(outcome.exception() if outcome else None, "holder", "")
        log.warning("Waiting for %s, which another process has open%s.", self._path, holder and f": {holder}")
