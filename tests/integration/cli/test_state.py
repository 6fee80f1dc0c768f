"""``osiris state``: cursor values seen and reset from the command line, without Airflow."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey
from upath import UPath

from tests.integration.conftest import Run
from tests.servers.s3 import S3Server

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LONG = "a [very] long name/of a DAG " * 10


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateStore:
    """A store with three runs of a task, and one of each of two mapped ones."""
    monkeypatch.setenv("AIRFLOW__OSIRIS__STATE_URL", (tmp_path / "state").as_uri())
    store = StateStore((tmp_path / "state").as_uri(), UPath)
    for number in range(1, 4):
        low = CursorValue("int64", str(number - 1)) if number > 1 else None
        add(store, TaskKey("sales", "orders"), number, low, CursorValue("int64", str(number)))
    for index in (0, 1):
        add(store, TaskKey(LONG, "each", index), 1, None, None)
    return store


def add(store: StateStore, task: TaskKey, number: int, low: CursorValue | None, reached: CursorValue | None) -> None:
    moment = START + timedelta(days=number)
    store.write(RunKey(f"run_{number}", moment, moment), Entry(task, f"run_{number}", "@m.d t", "id", low, reached))


def test_list_shows_the_newest_run_of_each_task(run: Run, store: StateStore) -> None:
    del store
    code, out, _ = run("state", "list", "--json")
    assert code == 0
    actual = json.loads(out)["state"]
    assert [(one["dag_id"], one["map_index"]) for one in actual] == [(LONG, 0), (LONG, 1), ("sales", -1)]
    assert actual[-1]["began_at"] == {"type": "int64", "value": "2"}
    assert actual[-1]["reached"] == {"type": "int64", "value": "3"}
    assert actual[-1]["run_id"] == "run_3"
    code, out, _ = run("state", "list", "--dag", "sales")
    assert "orders" in out
    assert "a_very" not in out
    assert "a [very]" not in out


def test_show_shows_every_run(run: Run, store: StateStore) -> None:
    del store
    code, out, _ = run("state", "show", "sales", "orders", "--json")
    assert code == 0
    assert [one["run_id"] for one in json.loads(out)["state"]] == ["run_1", "run_2", "run_3"]
    code, _, err = run("state", "show", "sales", "no_such_task")
    assert (code, "There is no state of sales no_such_task; osiris state list has" in err) == (1, True)


def test_reset_forgets_a_task_a_run_or_a_mapped_task(run: Run, store: StateStore) -> None:
    task = TaskKey("sales", "orders")
    assert run("state", "reset", "sales", "orders", "--run", "run_3") == (0, "", "1 run of sales orders forgotten.\n")
    assert [entry.run_id for _, entry in store.entries() if entry.task == task] == ["run_1", "run_2"]
    code, out, err = run("state", "reset", "sales", "orders", "--json")
    assert (code, len(json.loads(out)["removed"]), err) == (0, 2, "2 runs of sales orders forgotten.\n")
    assert store.names(task) == []
    assert run("state", "reset", LONG, "each", "--map-index", "1")[0] == 0
    assert [entry.task.map_index for _, entry in store.entries()] == [0]
    assert run("state", "reset", "sales", "orders")[0] == 1


@pytest.mark.usefixtures("new_s3_client")
def test_the_state_of_an_object_store_is_not_looked_for_on_the_disk(run: Run, s3: S3Server) -> None:
    url = f"s3://{s3.bucket}/state"
    add(StateStore(url, UPath), TaskKey("sales", "orders"), 1, None, CursorValue("int64", "1"))
    code, out, _ = run("state", "list", "--json", "--url", url)
    assert (code, [one["run_id"] for one in json.loads(out)["state"]]) == (0, ["run_1"])
    assert run("state", "reset", "sales", "orders", "--url", url)[0] == 0
    assert s3.objects() == []


def test_a_url_of_an_airflow_connection_needs_airflow(run: Run) -> None:
    code, _, err = run("state", "list", "--url", "s3://my_conn@bucket/state")
    assert code == 3
    assert "names the Airflow connection my_conn" in err


def test_nothing_is_kept_yet(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("state", "list", "--json", "--url", (tmp_path / "nowhere").as_uri())
    assert (code, json.loads(out)) == (0, {"state": []})


def test_a_file_that_is_something_else_is_named(run: Run, store: StateStore, tmp_path: Path) -> None:
    del store
    wrong = tmp_path / "state" / "sales" / "orders" / "-1" / "zzz.json"
    wrong.write_text('{"version": 99}')
    code, _, err = run("state", "list")
    assert code == 3
    assert "zzz.json is not a state file" in err
