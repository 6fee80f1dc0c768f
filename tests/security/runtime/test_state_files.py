"""State files that are broken, or that somebody else has written."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.cli.main import main
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import DataError, OsirisError
from osiris_provider.runtime.results import keep_result
from osiris_provider.runtime.staging import StagedData, Staging
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey
from upath import UPath

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
TASK = TaskKey("sales", "orders")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a run."""
    url = (tmp_path / "state").as_uri()
    monkeypatch.setenv("AIRFLOW__OSIRIS__STATE_URL", url)
    entry = Entry(TASK, "run", "@mysql.shop orders", "id", None, CursorValue("int64", "7"), reached=True)
    StateStore(url, UPath).write(RunKey("run", NOW, NOW), entry)
    [path] = (tmp_path / "state").rglob("*.json")
    return path


def changed(path: Path, **values: Any) -> bytes:
    return json.dumps({**json.loads(path.read_text()), **values}).encode()


BROKEN: dict[str, Any] = {
    "task": [
        None,
        1,
        [],
        {},
        {"dag_id": ["a"], "task_id": "b", "map_index": 0},
    ],
    "run_id": [None, 1, ["a"], {}],
    "source": [None, 1, {}],
    "low": [1, "a", [], {}, {"type": 1, "text": "a", "seen": None}, {"type": "int64", "text": [], "seen": None}],
    "high": [{"type": "int64", "text": "1", "seen": 5}],
    "reached": ["maybe", [], None],
    "written_at": [1, None, []],
    "version": [None, 1, 3, "2", []],
}


@pytest.mark.parametrize("command", [["list"], ["show", "sales", "orders"], ["reset", "sales", "orders"]])
@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b'"text"', b"1", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000],
    ids=range(10),
)
def test_a_broken_file_is_named_and_no_bug(
    file: Path, text: bytes, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(text)
    assert main(["state", *command]) == 3
    said = capsys.readouterr().err
    assert file.name in said
    assert "Remove it" in said


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BROKEN.items() for value in values])
def test_a_field_of_another_type_is_a_broken_file(
    file: Path, field: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(changed(file, **{field: value}))
    assert main(["state", "list"]) == 3
    assert file.name in capsys.readouterr().err


@given(JSON)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    root = tmp_path_factory.mktemp("state")
    folder = root / "sales" / "orders" / "-1"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"x\.json"):
        list(StateStore(root.as_uri(), UPath).entries())


def test_the_password_of_a_url_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    url = f"memory://ann:c4nary@{uuid.uuid4().hex}"
    store, staging = StateStore(url, UPath), Staging(url, UPath)
    keep_result("s", [{"a": 1}], staging, ("dag", "run", "task", "0", "1"))
    assert "memory://ann:***@" in caplog.text
    staged = [StagedData(f"{url}/dag/run/task/0/{number}/data.parquet", 1, 1, ["a"]) for number in (1, 2)]
    shown = [caplog.text, repr(staging.read(*staged))]
    UPath(staged[0].uri).write_bytes(b"no Parquet")
    UPath(f"{url}/dag/task/0/x.json").write_bytes(b"no state")
    for fail in (
        lambda: list(store.entries()),
        lambda: store.remove(TASK, ["gone.json"]),
        lambda: staging.read(staged[0])["data"],
        lambda: staging.read(staged[1])["data"],
        lambda: staging.read(StagedData(f"{url}/elsewhere", 1, 1, [])),
    ):
        with pytest.raises(OsirisError, match=r"memory://ann:\*\*\*@") as raised:
            fail()
        shown.append(str(raised.value))
    assert "c4nary" not in "".join(shown)
