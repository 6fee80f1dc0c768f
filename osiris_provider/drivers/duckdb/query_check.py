"""What DuckDB can tell of a query without its data."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from osiris_provider.drivers.duckdb.query_child import DESCRIBE
from osiris_provider.drivers.duckdb.types import quote
from osiris_provider.drivers.query_check import QueryCheck
from osiris_provider.messages import did_you_mean, printable

SECONDS = 2
"""Of computing, for a query. Most need a hundredth of one."""
_WAIT_SECONDS = 60
"""For a child that computes nothing, on a machine that has much else to do."""
_NO_COLUMN = "does not have a column named"
# By its path: importing the package takes longer than checking a query. "-c" has the working directory as the first
# place to import from: nothing may be planted there.
_BOOT = """import runpy, sys
sys.path = [one for one in sys.path if one]
runpy.run_path(sys.argv[1], run_name="__main__")
"""
_KEPT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH")
"""Variables that the child needs; secrets are none of its business."""

Columns = Mapping[str, "Sequence[str] | None"]


def check_query(query: str, tables: Columns, params: Any, *, alone: bool) -> QueryCheck:
    """Parse a query, and bind it if the columns of all of its tables are known.

    That happens in another process, which ends if the query takes longer than :data:`SECONDS`.

    :param query: without templates.
    :param tables: the columns of each input, None where they are not known.
    :param params: of the query.
    :param alone: there are no other tables than the inputs.
    """
    request = {
        "query": query,
        "tables": list(tables),
        "views": _views(tables),
        "params": params,
        "alone": alone,
        "seconds": SECONDS,
    }
    answer = _CHILD.ask(request)
    check = _check_of(query, tables, answer)
    return QueryCheck(check.problem, check.line, check.columns, answer.get("seconds", SECONDS))


def _views(tables: Columns) -> list[str] | None:
    """Return what creates empty tables of these columns; None if some are not known."""
    views: list[str] = []
    for name, columns in tables.items():
        if not columns:
            return None
        # Their types are not known; NULL goes with most.
        listed = ", ".join(f"NULL AS {quote(column)}" for column in columns)
        views.append(f"CREATE TEMP VIEW {quote(name)} AS SELECT {listed} WHERE false")
    return views


def _check_of(query: str, tables: Columns, answer: Mapping[str, Any]) -> QueryCheck:
    if "ended" in answer:
        return QueryCheck(answer["ended"])
    if "parse" in answer:
        return _problem(query, answer["parse"], "the SQL cannot be parsed")
    if "unknown" in answer:
        name = answer["unknown"]
        hint = did_you_mean(name, list(tables))
        listed = ", ".join(tables) or "none"
        message = f"the SQL asks for table '{name}', which is no input.{hint} Inputs are: {listed}"
        return QueryCheck(message, _line_of(query, query.find(name)))
    if "bind" in answer:
        return _binding_problem(query, answer["bind"])
    return QueryCheck(columns=answer.get("columns"))


def _binding_problem(query: str, error: str) -> QueryCheck:
    facts = _facts(error)
    # Without types, much else may only seem to be wrong. A column that an alias lacks has a message, but no code.
    named = (
        facts.get("error_subtype") in ("COLUMN_NOT_FOUND", "MISSING_ENTRY") or _NO_COLUMN in facts["exception_message"]
    )
    blanks = len(query) - len(query.lstrip())
    return _problem(query, error, "the SQL does not fit its inputs", blanks - len(DESCRIBE)) if named else QueryCheck()


def _problem(query: str, error: str, what: str, shift: int = 0) -> QueryCheck:
    facts = _facts(error)
    position = str(facts.get("position"))
    said = printable(facts["exception_message"].splitlines()[0])
    return QueryCheck(f"{what}: {said}", _line_of(query, int(position) + shift if position.isdigit() else 0))


def _facts(error: str) -> dict[str, str]:
    """Return what DuckDB tells of an error: the kind, then JSON."""
    try:
        facts = json.loads(error[error.index("{") :])
    except ValueError:
        facts = {}
    return {"exception_message": error or "unknown", **facts}


def _line_of(query: str, position: int) -> int:
    return query.count("\n", 0, max(position, 0)) + 1


class _Child:
    """The process that checks one query after the other; another takes its place when it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of ``query_child``; if there is none, why, as ``ended``."""
        line = json.dumps(request, default=str)
        with self._lock:
            try:
                process = self._process or self._start()
                said = _exchange(process, line)
            except OSError as error:
                self.end()
                return {"ended": f"the SQL could not be checked: {printable(error.strerror or '')}"}
            except BaseException:
                # Its answer would be taken for that of the next query.
                self.end()
                raise
            if not said:
                self.end()
                return {"ended": _reason(process.returncode)}
        answer: dict[str, Any] = json.loads(said)
        return answer

    def _start(self) -> subprocess.Popen[str]:
        script = str(Path(__file__).with_name("query_child.py"))
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a constant
            [sys.executable, "-c", _BOOT, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            encoding="utf-8",
        )
        return self._process

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                # What was not sent is sent when it is closed.
                getattr(pipe, "close", str)()


def _exchange(process: subprocess.Popen[str], line: str) -> str:
    """Send a line and return the answer, nothing if the process has ended."""
    stdin: Any = process.stdin
    stdout: Any = process.stdout
    limit = threading.Timer(_WAIT_SECONDS, process.kill)
    limit.daemon = True
    limit.start()
    try:
        with suppress(BrokenPipeError):
            stdin.write(f"{line}\n")
            stdin.flush()
        said: str = stdout.readline()
        if not said:
            process.wait()
        return said
    finally:
        limit.cancel()


def _reason(code: int) -> str:
    if code == -signal.SIGPROF:
        return f"the SQL could not be bound within {SECONDS} s of computing; make it simpler, or split the step"
    return f"the SQL could not be checked: the process of DuckDB that binds it ended with exit code {code}"


_CHILD = _Child()
atexit.register(_CHILD.end)
