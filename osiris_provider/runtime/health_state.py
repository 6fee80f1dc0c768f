"""What a task last knew of connections, by the clock and not by the dates of runs: a small JSON file for each task.

Runs may be triggered without a date, done late or done again. What a connection was before is what the check before
this one said, whichever run made it. Lies beside the state of incremental tasks. Knows no Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from osiris_provider.errors import ConnectorError
from osiris_provider.runtime.staging import OpenPath, safe_segment
from osiris_provider.runtime.state import TaskKey
from osiris_provider.storage.faults import MISSING, attempt
from osiris_provider.storage.files import atomic_file, file_system

FILE = "last_check.health"
"""Not ``.json``: those in the same folder are of incremental tasks."""
VERSION = 1


@dataclass(frozen=True)
class Known:
    """What is known of one connection.

    :param category: of the last check.
    :param before: of the last check that another attempt made; None if there was none.
    """

    category: str
    before: str | None = None


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

    def exchange(self, attempt_id: str, categories: Mapping[str, str]) -> dict[str, str]:
        """Keep what an attempt has found, and return the category that each connection had before.

        An attempt that is made again, because it did not get to its end, gets the same as at first. Of connections
        that it did not check, what was known stays.

        :param attempt_id: names this attempt among all of the task's, and is the same for its retries.
        :param categories: of this attempt's checks, by reference.
        :raises ConnectorError: the storage is full, denies access, is not reached or fails.
        """
        written, known = self._read()
        again = written == attempt_id
        before = {name: one.before if again else one.category for name, one in known.items()}
        kept = {name: Known(one.category, before[name]) for name, one in known.items()}
        current = {name: Known(category, before.get(name)) for name, category in categories.items()}
        connections = {name: asdict(one) for name, one in {**kept, **current}.items()}
        text = json.dumps({"version": VERSION, "attempt": attempt_id, "connections": connections}, indent=1)
        with atomic_file(self._open_path(self._uri), self._root) as file:
            file.write(text.encode())
        return {name: category for name, category in before.items() if category is not None}

    def _read(self) -> tuple[str, dict[str, Known]]:
        path = self._open_path(self._uri)
        try:
            text = attempt(self._uri, file_system(path).cat_file, path.path)
        except ConnectorError as error:
            if error.fault != MISSING:
                raise
            return "", {}
        # A file that is damaged tells nothing; the next write mends it.
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            parsed = json.loads(text)
            if parsed["version"] == VERSION:
                return str(parsed["attempt"]), dict(_parsed(parsed["connections"]))
        return "", {}


def _parsed(connections: Mapping[str, Any]) -> Iterator[tuple[str, Known]]:
    for name, entry in connections.items():
        yield name, Known(str(entry["category"]), entry["before"])
