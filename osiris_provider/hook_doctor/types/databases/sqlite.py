"""SQLite: the hook's own test asks for nothing that is in the file, so it passes with any file, and with none."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED
from osiris_provider.connectors.sql.faults import LOCK_TIMEOUT
from osiris_provider.hook_doctor.base import Details, HookType

_NO_DATABASE = MISCONFIGURED.reworded(
    "The file of {address} is missing, is no SQLite database, or cannot be read here. Check host: it is a path."
)


def _count(hook: Any) -> Details:
    import sqlite3
    from contextlib import closing

    # As the hook does, which would make a missing file.
    uri = hook.get_uri().replace("sqlite:///", "file:")
    if "mode=" not in uri:
        uri += "&mode=rw" if "?" in uri else "?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return {"proven": False}


TYPE = HookType(
    conn_types=("sqlite",),
    title="SQLite",
    # Before Python 3.11 there are no codes.
    codes={"OperationalError": {5: LOCK_TIMEOUT, 14: _NO_DATABASE}, "DatabaseError": _NO_DATABASE},
    codes_at=("sqlite_errorcode",),
    probe=_count,
    proves_login=False,
    endpoint=lambda _: None,
    evidence="real server",
    apart="a file has no port, host or password: tried are a healthy one, a missing one and one that is no database",
)
