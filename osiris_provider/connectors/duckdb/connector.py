"""The connector of the duckdb family.

One process at a time may have the file open for writing; a client waits for its turn, doctor does not.

The file is never opened here by other means than DuckDB: closing any other handle on it would drop the lock that
DuckDB holds for this process (POSIX record locks belong to the process, not to the handle).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from osiris_provider.connections.settings import file_mode
from osiris_provider.connections.trust import set_mode
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.duckdb.client import DuckDBClient, FileWait
from osiris_provider.connectors.duckdb.connection import IN_MEMORY, DuckDBConnection
from osiris_provider.connectors.duckdb.faults import (
    FAULT_BY_CLASS,
    FAULT_BY_END,
    FAULT_BY_ERRNO,
    LOCKED,
    NO_DIRECTORY,
    NO_FILE,
    NOT_A_DATABASE,
    NOT_A_FILE,
    NOT_ALLOWED,
    OTHER_SETTINGS,
)
from osiris_provider.connectors.duckdb.spill import borrow, give_back
from osiris_provider.connectors.interrupt import AGAIN_SECONDS, in_background, opened
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import ConnectionConfigError, Fault
from osiris_provider.net import killed
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.throttle import turn

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Of DuckDB's words, for the log only.
_HOLDER = re.compile(r"PID \d+")


class DuckDBConnector(Connector[DuckDBConnection, "DuckDBPyConnection"]):
    """Opens DuckDB files."""

    family = "duckdb"
    label = "DuckDB"
    model = DuckDBConnection
    libraries = ("duckdb",)

    def open_client(self, model: DuckDBConnection, deadline: Deadline) -> DuckDBPyConnection:
        """Open the file, waiting while another process has it open; it is created if it may be."""
        import tenacity

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_locked),
            wait=tenacity.wait_exponential(multiplier=0.02, max=0.5) + tenacity.wait_random(0, 0.02),
            stop=lambda _: deadline.left() <= 0,
            before_sleep=FileWait(model.shown_address()),
            reraise=True,
        )
        # In another thread: DuckDB makes a RuntimeError of what a signal raises while it opens a file.
        client = DuckDBClient(retrying(opened, partial(_connect, model), self.close_client))
        return cast("DuckDBPyConnection", client)

    def probe(self, model: DuckDBConnection, deadline: Deadline) -> dict[str, Any]:
        """Open as a client would and ask for one row. A file that does not exist yet is healthy, and is not created."""
        import duckdb

        details: dict[str, Any] = {"server_version": duckdb.__version__}
        if not model.in_memory and not _exists(model):
            return {**details, "exists": False, "note": "the file does not exist yet, what writes first creates it"}
        with turn(deadline):
            client = _connect(model)
            try:
                client.execute("SELECT 1").fetchone()
            finally:
                self.close_client(client)
        return details

    def is_alive(self, client: DuckDBPyConnection) -> bool:
        """Ask through a cursor, which leaves a result that is being read undisturbed."""
        with contextlib.closing(client.cursor()) as cursor:
            return cursor.execute("SELECT 1").fetchone() is not None

    def close_client(self, client: DuckDBPyConnection) -> None:
        """Close the connection; the last one to close gives the file free.

        One with a query that hears of no interruption yet is closed when that has ended.
        """
        import duckdb

        spill = None
        with contextlib.suppress(duckdb.Error), killed.exempt():
            spill = client.cursor().execute("SELECT current_setting('temp_directory')").fetchone()
        close = partial(_close_if_idle, client, "" if spill is None else spill[0])
        if not close():
            in_background(partial(_close_when_idle, close))

    def fault_of(self, error: BaseException) -> Fault | None:
        """Return the fault by errno, or by DuckDB's exception class."""
        if isinstance(error, DiagnosedError):
            return error.fault
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            return FAULT_BY_ERRNO.get(error.errno or 0)
        classes = [cls for cls in type(error).__mro__ if "duckdb" in cls.__module__]
        ends = (fault for said, fault in FAULT_BY_END.items() if classes and str(error).rstrip().endswith(said))
        if fault := next(ends, None):
            return fault
        return next((FAULT_BY_CLASS[cls.__name__] for cls in classes if cls.__name__ in FAULT_BY_CLASS), None)


def _close_if_idle(client: DuckDBPyConnection, spill: str) -> bool:
    """Close a connection, if it can be, and return whether that is done."""
    client.close()
    # DuckDB's own has no such attribute.
    closed = bool(getattr(client, "closed", True))
    if closed:
        give_back(spill)
    return closed


def _close_when_idle(close: Callable[[], bool]) -> None:
    while not close():
        time.sleep(AGAIN_SECONDS)


def _connect(model: DuckDBConnection) -> DuckDBPyConnection:
    mode = file_mode() if not model.in_memory and not _exists(model) else None
    spill = _spill_directory(model)
    try:
        client = _open(model, spill)
        if mode is not None:
            # DuckDB knows no mode; nothing is in the file yet.
            set_mode(model.database, mode)
    except BaseException:
        give_back(spill)
        raise
    return client


def _spill_directory(model: DuckDBConnection) -> str:
    parent = None if model.temp_directory is None else os.path.expanduser(model.temp_directory)
    try:
        return borrow(model.database, parent)
    except OSError as error:
        if parent is None:
            # The disk is read-only, say: what does not fit into memory is an error then.
            return ""
        wrong = error.strerror
    message = f"field temp_directory: no directory can be made there ({wrong})"
    raise ConnectionConfigError(message, field="temp_directory")


def _open(model: DuckDBConnection, spill: str) -> DuckDBPyConnection:
    import duckdb

    wanted = {
        "memory_limit": model.memory,
        "threads": model.threads,
        "temp_directory": spill,
        # A query that names a function of one would fetch it from the network, and run it.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    config: dict[str, str | bool | int | float | list[str]] = {k: v for k, v in wanted.items() if v is not None}
    try:
        client = duckdb.connect(model.database, read_only=model.read_only, config=config)
    except duckdb.ConnectionException:
        fault, holder = OTHER_SETTINGS, None
    except duckdb.IOException as error:
        fault = _fault_of_file(model)
        holder = _HOLDER.search(str(error))
    else:
        return _locked_down(client, model)
    raise DiagnosedError(fault, holder[0] if holder else "")


def _locked_down(client: DuckDBPyConnection, model: DuckDBConnection) -> DuckDBPyConnection:
    """Switch external access off, for the whole database; it cannot be switched on again in this process."""
    asked = "SELECT current_setting('enable_external_access')"
    # All of it: a result that is not read to its end keeps the connection from other work.
    is_on = client.execute(asked).fetchall() == [(True,)]
    if model.external_access and not is_on:
        client.close()
        raise DiagnosedError(OTHER_SETTINGS)
    if is_on and not model.external_access:
        client.execute("SET enable_external_access = false")
    return client


def _exists(model: DuckDBConnection) -> bool:
    """Return whether there is a file that can be tried, or False if it could be created.

    :raises OSError: the operating system refuses.
    :raises DiagnosedError: there is something else than a file, or no file where there has to be one.
    """
    path = Path(model.database)
    try:
        status = path.stat()
    except FileNotFoundError:
        status = None
    if status is None:
        if not path.parent.is_dir():
            raise DiagnosedError(NO_DIRECTORY)
        if model.read_only:
            raise DiagnosedError(NO_FILE)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise DiagnosedError(NOT_ALLOWED)
        return False
    # Opening a FIFO would wait for its other end for ever.
    if not stat.S_ISREG(status.st_mode):
        raise DiagnosedError(NOT_A_FILE)
    return True


def _fault_of_file(model: DuckDBConnection) -> Fault:
    """Ask DuckDB for the errno behind its IOException, which it tells only when its errors are JSON."""
    import duckdb

    path = model.database.replace("'", "''")
    mode = "(READ_ONLY)" if model.read_only else ""
    with contextlib.closing(duckdb.connect(IN_MEMORY)) as scratch:
        scratch.execute("SET autoload_known_extensions = false; SET errors_as_json = true")
        try:
            scratch.execute(f"ATTACH '{path}' AS tried {mode}")
        except duckdb.Error as error:
            return FAULT_BY_ERRNO.get(_errno(str(error)), NOT_A_DATABASE)
    # It can be opened by now: the process that had it open has closed it.
    return LOCKED


def _errno(text: str) -> int:
    with contextlib.suppress(ValueError):
        return int(json.loads(text[text.index("{") :]).get("errno", 0))
    return 0


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, DiagnosedError) and error.fault is LOCKED
