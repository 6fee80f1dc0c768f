"""Files of incremental state on every kind of storage, and in the hands of many runs."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import DataError
from osiris_provider.runtime.cleanup import remove_old
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey
from upath import UPath

from tests.servers.s3 import S3Server

TASK = TaskKey("a dag/of ours", "extract", 3)
START = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))


@pytest.fixture(params=["file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        return f"s3://{server.bucket}/staging/.osiris-state"
    return (tmp_path / "state").as_uri() if request.param == "file" else f"memory://{uuid.uuid4().hex}"


def run(number: int, after: timedelta = timedelta(0)) -> RunKey:
    moment = START + timedelta(hours=number)
    return RunKey(f"scheduled__{moment.isoformat()}", moment, moment + after)


def entry(key: RunKey, reached: CursorValue | None = None) -> Entry:
    return Entry(
        TASK, key.run_id, "@mysql.shop orders", "id", CursorValue("uint64", "18446744073709551615", ("ab",)), reached
    )


def test_a_state_says_when_it_was_written() -> None:
    store = StateStore(f"memory://{uuid.uuid4().hex}", UPath)
    began = datetime.now(timezone.utc).replace(microsecond=0)
    store.write(run(1), entry(run(1)))
    actual = store.read(TASK, run(1).name())
    assert actual is not None
    written = datetime.fromisoformat(actual.written_at)
    assert written.utcoffset() == timedelta(0)
    assert began <= written <= datetime.now(timezone.utc)


def test_what_is_written_is_read_back_exactly(url: str) -> None:
    store = StateStore(url, UPath)
    assert store.names(TASK) == []
    assert store.read(TASK, "nothing.json") is None
    keys = [run(2), run(1), run(1, timedelta(minutes=1)), run(3)]
    for key in keys:
        store.write(key, entry(key, CursorValue("string", "ž\n'\"", None)))
    assert store.names(TASK) == [keys[index].name() for index in (1, 2, 0, 3)]
    actual = store.read(TASK, keys[0].name())
    assert actual is not None
    assert (actual.task, actual.run_id, actual.low, actual.high) == (
        TASK,
        keys[0].run_id,
        CursorValue("uint64", "18446744073709551615"),
        CursorValue("string", "ž\n'\""),
    )
    assert actual.low is not None
    assert actual.low.seen == ("ab",)
    # The same worker, another process: what was listed before is not remembered.
    store.remove(TASK, [keys[1].name()])
    assert len(list(StateStore(url, UPath).entries())) == 3


def test_what_others_have_put_there_is_passed_over(url: str) -> None:
    store = StateStore(url, UPath)
    store.write(run(1), entry(run(1)))
    for name in ("README", "a/notes.txt", "lost+found/task/0/x.json", ".snapshot/task/0/x.json"):
        path = UPath(url) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not ours")
    assert [one.run_id for _, one in store.entries()] == [run(1).run_id]


def test_a_run_that_is_done_again_replaces_its_own_file(url: str) -> None:
    store = StateStore(url, UPath)
    for text in ("1", "2"):
        store.write(run(1), entry(run(1), CursorValue("int64", text)))
    [(_, actual)] = store.entries()
    assert actual.high == CursorValue("int64", "2")


def test_the_garbage_collector_of_staging_leaves_state_alone(tmp_path: Path) -> None:
    store = StateStore((tmp_path / ".osiris-state").as_uri(), UPath)
    store.write(run(1), entry(run(1)))
    root = UPath(tmp_path.as_uri())
    assert list(remove_old(root.fs, root.path, root.as_uri(), timedelta(hours=-1))) == []
    assert len(list(store.entries())) == 1


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    store = StateStore((tmp_path / "state").as_uri(), UPath)
    store.write(run(1), entry(run(1)))
    [file] = tmp_path.rglob("*.json")
    file.write_text("{")
    with pytest.raises(DataError, match=r"scheduled__.*is not a state file"):
        store.read(TASK, run(1).name())
