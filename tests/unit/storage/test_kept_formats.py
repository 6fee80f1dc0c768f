"""What one version of this package has kept the next one reads; and what may not be read is not taken for nothing."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import PermissionDeniedError
from osiris_provider.runtime.health_state import Health, HealthState
from osiris_provider.runtime.staging import StagedData, Staging, safe_segment
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey
from upath import UPath

TASK = TaskKey("a dag", "extract", 3)
DUE = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))
RUN = RunKey("manual__7", DUE, DUE + timedelta(minutes=1))
STATE = "a_dag-0993dea103/extract/3/20260102T020405.000006Z-20260102T020505.000006Z-manual__7.json"
LOW = {"type": "int64", "text": "5", "seen": ["ab"]}
WRITTEN_AT = "2026-01-02T03:04:05+00:00"
WRITTEN = {
    "version": 2,
    "task": {"dag_id": "a dag", "task_id": "extract", "map_index": 3},
    "run_id": "manual__7",
    "source": "@mysql.shop orders",
    "column": "id",
    "low": LOW,
    "high": None,
    "reached": True,
    "written_at": WRITTEN_AT,
}
ENTRY = Entry(TASK, "manual__7", "@mysql.shop orders", "id", CursorValue("int64", "5", ("ab",)), None, True, WRITTEN_AT)


def test_the_state_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / STATE
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(WRITTEN))
    store = StateStore(tmp_path.as_uri(), UPath)
    assert store.names(TASK) == [RUN.name()] == [file.name]
    assert store.read(TASK, file.name) == ENTRY
    assert list(store.entries()) == [(file.name, ENTRY)]
    store.write(RUN, ENTRY)
    again = json.loads(file.read_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", again["written_at"])
    kept = {name: again["low"][name] for name in LOW}
    assert {**again, "low": kept, "written_at": WRITTEN_AT} == WRITTEN


def test_the_place_of_a_task_of_a_long_name() -> None:
    name = "x" * 120
    assert safe_segment(name) == name
    assert safe_segment(f"{name}y") == f"{name}-{hashlib.sha256(f'{name}y'.encode()).hexdigest()[:10]}"


def test_the_health_of_connections(tmp_path: Path) -> None:
    file = tmp_path / "a_dag-0993dea103" / "extract" / "3" / "last_check.health"
    file.parent.mkdir(parents=True)
    sick = {"category": "auth", "failures": 2, "alerted": True, "warned": {"TLS 2027": 7}}
    written = {"version": 2, "attempt": "1", "connections": {"@mysql.a": {"now": sick, "before": None}}}
    file.write_text(json.dumps(written))
    state = HealthState(tmp_path.as_uri(), TASK, UPath)
    assert state.before("2") == {"@mysql.a": Health("auth", 2, alerted=True, warned={"TLS 2027": 7})}
    assert state.before("1") == {}
    state.keep("1", {})
    assert json.loads(file.read_text()) == written


def test_a_result_and_its_reference(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    table = pa.table({"a": [1, 2]})
    staged = staging.write(["a dag", "run", "extract", "3", "1"], table.to_reader())
    uri = f"{tmp_path.as_uri()}/a_dag-0993dea103/run/extract/3/1/data.parquet"
    assert staged.as_dict() == {"uri": uri, "rows": 2, "bytes": staged.bytes, "columns": ["a"]}
    assert StagedData.parse({**staged.as_dict(), "more": 1}) == staged
    assert staging.read(staged)["table"].equals(table)
    assert b"osiris.crc32\x18\x10" in (tmp_path / uri.removeprefix(f"{tmp_path.as_uri()}/")).read_bytes()


class Denying:
    """A file system that says no, and remembers that there was nothing."""

    protocol = "other"

    def __init__(self) -> None:
        self._remembers = True

    def invalidate_cache(self) -> None:
        self._remembers = False

    def cat_file(self, path: str) -> bytes:
        raise PermissionError(path)

    def ls(self, path: str, detail: bool) -> list[Any]:
        if self._remembers:
            return []
        raise PermissionError(path, detail)


def test_what_may_not_be_read_is_not_taken_for_nothing() -> None:
    def denied(uri: str) -> Any:
        return SimpleNamespace(fs=Denying(), path=uri, protocol="other")

    store = StateStore("other://area", denied)
    for ask in (
        lambda: store.read(TASK, "x.json"),
        lambda: store.names(TASK),
        lambda: list(store.entries()),
        lambda: HealthState("other://area", TASK, denied).before("1"),
    ):
        with pytest.raises(PermissionDeniedError, match=r"^Access to other://area.* is denied"):
            ask()
