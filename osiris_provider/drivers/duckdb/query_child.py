"""Parses and binds queries in a process of its own, started by ``query_check``: some take minutes, or all memory.

Imports nothing of this package, so that it starts soon.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DESCRIBE = "DESCRIBE "
_CONFIG: dict[str, Any] = {
    "enable_external_access": "false",
    "memory_limit": "512MB",
    # Nothing goes to disk.
    "temp_directory": "",
    "threads": 1,
}
_MAX_BYTES = 4 * 1024**3
"""Of this process: what a query's names and types need is none of the memory that DuckDB limits."""


def main() -> None:
    """Answer each request, a line of JSON, with a line of JSON."""
    # DuckDB imports it with the first parameter, if it is there, which takes a second.
    sys.modules.update({"pandas": None})  # type: ignore[dict-item] # as Python has it: not to be imported

    # Before DuckDB is imported: 1.5.0 reserves all addresses that it gets, and finds others if there are few.
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))

    import duckdb

    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for line in sys.stdin:
        request = json.loads(line)
        with contextlib.closing(duckdb.connect(config=_CONFIG)) as database:
            # Of a session: DuckDB 1.4 knows it as no option of a database.
            database.execute("SET errors_as_json = true")
            # What the first parameter imports is not the query's doing.
            database.execute("SELECT ?", ["x"])
            began = time.process_time()
            # DuckDB hears of no interruption while it binds. The signal ends this process.
            signal.setitimer(signal.ITIMER_PROF, request["seconds"])
            answer = _look(database, request)
            signal.setitimer(signal.ITIMER_PROF, 0)
        _say({**answer, "seconds": time.process_time() - began})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _look(database: DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    """Return the first that is found: what cannot be parsed, a table that is not there, what cannot be bound."""
    query = request["query"]
    try:
        statements = database.extract_statements(query)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the text
        return {"parse": str(error)}
    # Of several, the first would have to run to know what the next one is about.
    if not request["alone"] or len(statements) != 1:
        return {}
    try:
        unknown = _unknown_table(database, query, request["tables"])
        if unknown is not None:
            return {"unknown": unknown}
        return {"columns": _columns(database, request)}
    except Exception as error:  # noqa: BLE001 - as above
        return {"bind": str(error)}


def _unknown_table(database: DuckDBPyConnection, query: str, tables: list[str]) -> str | None:
    import duckdb

    known = {name.lower() for name in tables}
    try:
        names = sorted(database.get_table_names(query, qualified=True))
    except duckdb.Error:
        return None
    for quoted in names:
        name = quoted.strip('"')
        if name.lower() not in known and name.isidentifier() and not _is_built_in(database, name):
            return name
    return None


def _is_built_in(database: DuckDBPyConnection, name: str) -> bool:
    query = "SELECT count(*) > 0 FROM duckdb_views() WHERE view_name = ?"
    return database.execute(query, [name.lower()]).fetchone() == (True,)


def _columns(database: DuckDBPyConnection, request: dict[str, Any]) -> list[str] | None:
    if request["views"] is None:
        return None
    for view in request["views"]:
        database.execute(view)
    statement = f"{DESCRIBE}{request['query'].strip().rstrip(';')}"
    return [name for name, *_ in database.execute(statement, request["params"]).fetchall()]


if __name__ == "__main__":
    main()
