"""Where the state of incremental tasks is kept: a small JSON file for each run of a task.

Nothing is ever overwritten by another run, so what a run reads depends only on the runs before it. Whether a run has
succeeded is for the caller to know. Knows no Airflow, as :mod:`osiris_provider.runtime.staging`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

from pydantic import TypeAdapter, ValidationError

from osiris_provider.connections.settings import setting
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import ConnectorError, DataError
from osiris_provider.runtime.staging import SEGMENT, OpenPath, safe_segment, staging_url
from osiris_provider.storage.faults import MISSING, attempt, public
from osiris_provider.storage.files import atomic_file, file_system

FOLDER = ".osiris-state"
"""Beside the results in staging; no DAG can have that name there, because of the dot."""
VERSION = 2


@dataclass(frozen=True)
class TaskKey:
    """A task; each of the tasks that a mapped one expands to has state of its own.

    :param map_index: -1 for a task that is not mapped.
    """

    dag_id: str
    task_id: str
    map_index: int = -1

    def __str__(self) -> str:
        index = "" if self.map_index < 0 else f" {self.map_index}"
        return f"{self.dag_id} {self.task_id}{index}"


@dataclass(frozen=True)
class RunKey:
    """A run, and its place among the others: by the end of its data interval, then by when it was to start.

    :param due: the end of the data interval; the same as ``run_after`` for a run that has none.
    """

    run_id: str
    due: datetime
    run_after: datetime

    def name(self) -> str:
        """Return the name of its file; names sort as the runs do."""
        moments = (
            moment.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ") for moment in (self.due, self.run_after)
        )
        return f"{'-'.join(moments)}-{safe_segment(self.run_id)}.json"


@dataclass(frozen=True)
class Entry:
    """What is kept of a run.

    :param source: what was read, such as ``@mysql.shop orders``.
    :param low: the cursor value at which it began; None if it began without one.
    :param high: the cursor value that it reached; None if there is none.
    :param reached: whether it has been that far; without rows there is none.
    """

    task: TaskKey
    run_id: str
    source: str
    column: str
    low: CursorValue | None
    high: CursorValue | None = None
    reached: bool = False
    written_at: str = ""

    def fits(self, source: str, column: str) -> bool:
        """Return whether it is about the same source and column."""
        return (self.source, self.column) == (source, column)


class StateStore:
    """The files.

    :param url: of a directory that all workers share, or of an object store.
    :param open_path: makes a path of a URL.
    """

    def __init__(self, url: str, open_path: OpenPath) -> None:
        self.url = url.rstrip("/")
        self._open_path = open_path

    def names(self, task: TaskKey) -> list[str]:
        """Return the names of a task's files, in the order of the runs."""
        return self._names(self._folder(task))

    def _names(self, folder: str) -> list[str]:
        return sorted(name for name in map(_name, self._listed(folder, detail=False)) if name.endswith(".json"))

    def _subfolders(self, folder: str) -> list[str]:
        """Return the names of those that may be ours: ``lost+found`` of a volume, which no one may read, is none."""
        folders = (_name(one["name"]) for one in self._listed(folder, detail=True) if one["type"] != "file")
        return sorted(name for name in folders if re.fullmatch(SEGMENT, name))

    def read(self, task: TaskKey, name: str) -> Entry | None:
        """Return what a file holds, None if it is not there.

        :raises DataError: it is not such a file.
        """
        return self._read(f"{self._folder(task)}/{name}")

    def _read(self, uri: str) -> Entry | None:
        path = self._open_path(uri)
        try:
            text = attempt(uri, file_system(path).cat_file, path.path)
        except ConnectorError as error:
            if error.fault != MISSING:
                raise
            return None
        entry = _parsed(text)
        if entry is not None:
            return entry
        message = f"{public(uri)} is not a state file. Remove it: its run will begin where the runs before it ended."
        raise DataError(message)

    def write(self, run: RunKey, entry: Entry) -> None:
        """Write what is kept of a run, in one piece.

        :raises ConnectorError: the storage is full, denies access, is not reached or fails.
        """
        uri = f"{self._folder(entry.task)}/{run.name()}"
        stamped = replace(entry, written_at=datetime.now(timezone.utc).isoformat(timespec="seconds"))
        with atomic_file(self._open_path(uri), self.url) as file:
            file.write(json.dumps({"version": VERSION, **asdict(stamped)}, indent=1).encode())

    def remove(self, task: TaskKey, names: list[str]) -> None:
        """Remove files of a task."""
        for name in names:
            uri = f"{self._folder(task)}/{name}"
            path = self._open_path(uri)
            attempt(uri, file_system(path).rm_file, path.path)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield everything that is kept, by task and run, with the names of the files.

        :raises DataError: a file is no state file.
        """
        folders = [self.url]
        # Of DAGs, of tasks, of map indexes.
        for _ in range(3):
            folders = [f"{folder}/{name}" for folder in folders for name in self._subfolders(folder)]
        for folder in folders:
            for name in self._names(folder):
                entry = self._read(f"{folder}/{name}")
                if entry is not None:
                    yield name, entry

    def _folder(self, task: TaskKey) -> str:
        return "/".join([self.url, safe_segment(task.dag_id), safe_segment(task.task_id), str(task.map_index)])

    def _listed(self, uri: str, *, detail: bool) -> list[Any]:
        path = self._open_path(uri)
        fs = file_system(path)
        # Object stores remember listings, and other workers write here too.
        fs.invalidate_cache()
        try:
            listed: list[Any] = attempt(uri, fs.ls, path.path, detail=detail)
        except ConnectorError as error:
            if error.fault != MISSING:
                raise
            return []
        return listed


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _parsed(text: bytes) -> Entry | None:
    """Return what a file holds; None if it is broken, or of another version."""
    try:
        parsed = TypeAdapter(dict[str, Any]).validate_json(text)
        known = {name: value for name, value in parsed.items() if name != "version"}
        return TypeAdapter(Entry).validate_python(known) if parsed.get("version") == VERSION else None
    except ValidationError:
        return None


def state_url() -> str:
    """Return ``[osiris] state_url``, else a folder of the staging URL."""
    return setting("state_url") or f"{staging_url().rstrip('/')}/{FOLDER}"
