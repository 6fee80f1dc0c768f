"""What a task last knew of connections, by the clock and not by the dates of runs: a small JSON file for each task.

Runs may be triggered without a date, done late or done again. What a connection was before is what the check before
this one said, whichever run made it. Lies beside the state of incremental tasks. Knows no Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from osiris_provider.errors import ConnectorError
from osiris_provider.runtime.staging import OpenPath, safe_segment
from osiris_provider.runtime.state import TaskKey
from osiris_provider.storage.faults import MISSING, attempt
from osiris_provider.storage.files import atomic_file, file_system

FILE = "last_check.health"
"""Not ``.json``: those in the same folder are of incremental tasks."""
VERSION = 2


@dataclass(frozen=True)
class Health:
    """What is known of one connection after a check.

    :param category: of the check.
    :param failures: checks in a row that found it unhealthy, this one included.
    :param alerted: whether an alert was sent, and no all-clear since.
    :param warned: of what was warned that it expires: how many days before.
    """

    category: str
    failures: int = 0
    alerted: bool = False
    warned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    """What the file has of one connection: after the last check, and after the last that another attempt made."""

    now: Health
    before: Health | None


class HealthState:
    """The file of one task.

    :param url: where state is kept, a directory that all workers share, or an object store.
    :param task: whose checks they are.
    :param open_path: makes a path of a URL.
    """

    def __init__(self, url: str, task: TaskKey, open_path: OpenPath) -> None:
        self._root = url.rstrip("/")
        names = safe_segment(task.dag_id), safe_segment(task.task_id), str(task.map_index), FILE
        self._uri = "/".join((self._root, *names))
        self._open_path = open_path
        self._entries: dict[str, _Entry] = {}

    def before(self, attempt_id: str) -> dict[str, Health]:
        """Return what was known of each connection before an attempt.

        An attempt that is made again, because it did not get to its end, gets the same as at first.

        :param attempt_id: names this attempt among all of the task's, and is the same for its retries.
        :raises ConnectorError: the storage is full, denies access, is not reached or fails.
        """
        written, entries = self._read()
        again = written == attempt_id
        self._entries = {name: _Entry(one.now, one.before if again else one.now) for name, one in entries.items()}
        return {name: one.before for name, one in self._entries.items() if one.before is not None}

    def keep(self, attempt_id: str, known: Mapping[str, Health]) -> None:
        """Keep what an attempt has found; of connections that it did not check, what was known stays.

        :param attempt_id: as in :meth:`before`, which is called first.
        :param known: by reference.
        :raises ConnectorError: the storage is full, denies access, is not reached or fails.
        """
        before = {name: one.before for name, one in self._entries.items()}
        current = {name: _Entry(health, before.get(name)) for name, health in known.items()}
        connections = {name: asdict(one) for name, one in {**self._entries, **current}.items()}
        text = json.dumps({"version": VERSION, "attempt": attempt_id, "connections": connections}, indent=1)
        with atomic_file(self._open_path(self._uri), self._root) as file:
            file.write(text.encode())

    def _read(self) -> tuple[str, dict[str, _Entry]]:
        path = self._open_path(self._uri)
        try:
            text = attempt(self._uri, file_system(path).cat_file, path.path)
        except ConnectorError as error:
            if error.fault != MISSING:
                raise
            return "", {}
        # A file that is damaged tells nothing; the next write mends it.
        with suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            parsed = json.loads(text)
            parse = {VERSION: _entry, 1: _first_entry}[parsed["version"]]
            return str(parsed["attempt"]), {name: parse(entry) for name, entry in parsed["connections"].items()}
        return "", {}


def _entry(written: Mapping[str, Any]) -> _Entry:
    before = written["before"]
    return _Entry(_health(written["now"]), None if before is None else _health(before))


def _health(written: Mapping[str, Any]) -> Health:
    warned = {str(what): int(days) for what, days in written["warned"].items()}
    return Health(str(written["category"]), int(written["failures"]), bool(written["alerted"]), warned)


def _first_entry(written: Mapping[str, Any]) -> _Entry:
    """Return what version 1 knew, which sent an alert at the first failure."""
    category, before = str(written["category"]), written["before"]
    return _Entry(_first_health(category), None if before is None else _first_health(str(before)))


def _first_health(category: str) -> Health:
    return Health(category, int(category != "ok"), category != "ok")
