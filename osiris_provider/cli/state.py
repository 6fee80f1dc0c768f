"""The commands ``osiris state …``: the state of incremental tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from osiris_provider.cli.groups import Group, json_option
from osiris_provider.cli.output import UNHEALTHY, reported, say, write, write_json
from osiris_provider.cli.staging import OpenStore, open_store
from osiris_provider.messages import printable

if TYPE_CHECKING:
    from osiris_provider.drivers.incremental.cursor import CursorValue
    from osiris_provider.runtime.state import Entry, StateStore

url_option = click.option(
    "--url", metavar="URL", help="Where the state is. Without it, the osiris option state_url, or staging_url."
)
index_option = click.option("--map-index", type=click.IntRange(-1), help="Only this one of a mapped task.")


@dataclass(frozen=True)
class _Location:
    """What the store needs of a path to read and remove files."""

    fs: Any
    path: str

    @property
    def protocol(self) -> str:
        """That of a mounted file system or of an object store, as a UPath has it."""
        return str(self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0])


def _store(opener: OpenStore | None, url: str | None) -> StateStore:
    from osiris_provider.runtime.state import StateStore, state_url

    return StateStore(state_url() if url is None else url, lambda uri: _Location(*(opener or open_store)(uri)))


@click.group(cls=Group)
def state() -> None:
    """Look at the state of incremental tasks, and reset it."""


@state.command("list")
@click.option("--dag", metavar="DAG_ID", help="Only tasks of this DAG.")
@url_option
@json_option
@click.pass_obj
def list_command(opener: OpenStore | None, dag: str | None, url: str | None, as_json: bool) -> None:
    """List the tasks that have state, each with its newest run.

    A run begins at a cursor value that counts. The one it has reached counts once the run has succeeded, which Airflow
    knows.
    """
    with reported(as_json):
        newest = {entry.task: entry for _, entry in _store(opener, url).entries() if dag in (None, entry.task.dag_id)}
    _show(list(newest.values()), as_json)


@state.command()
@click.argument("dag")
@click.argument("task")
@index_option
@url_option
@json_option
@click.pass_obj
def show(opener: OpenStore | None, dag: str, task: str, map_index: int | None, url: str | None, as_json: bool) -> int:
    """Show the state of a task, run by run. Exit code 1: there are none."""
    with reported(as_json):
        entries = [entry for _, entry in _of_task(_store(opener, url), dag, task, map_index)]
    _show(entries, as_json)
    if not entries:
        say(f"There is no state of {printable(dag)} {printable(task)}; osiris state list has the tasks that have some.")
    return 0 if entries else UNHEALTHY


@state.command()
@click.argument("dag")
@click.argument("task")
@click.option(
    "--run",
    "run_id",
    metavar="RUN_ID",
    help="Only the state of this run: later runs begin where the run before it ended.",
)
@index_option
@url_option
@json_option
@click.pass_obj
def reset(opener: OpenStore | None, /, dag: str, task: str, as_json: bool, **only: Any) -> int:
    """Forget the state of a task: its next run begins at initial_value, or reads everything.

    Not while it is running. Exit code 1: there was nothing to forget.
    """
    with reported(as_json):
        store = _store(opener, only["url"])
        entries = [
            (name, entry)
            for name, entry in _of_task(store, dag, task, only["map_index"])
            if only["run_id"] in (None, entry.run_id)
        ]
        for name, entry in entries:
            store.remove(entry.task, [name])
    if as_json:
        write_json({"removed": [_as_dict(entry) for _, entry in entries]})
    runs = "1 run" if len(entries) == 1 else f"{len(entries)} runs"
    say(f"{runs} of {dag} {task} forgotten.")
    return 0 if entries else UNHEALTHY


def _of_task(store: StateStore, dag: str, task: str, map_index: int | None) -> Iterable[tuple[str, Entry]]:
    for name, entry in store.entries():
        key = entry.task
        if (key.dag_id, key.task_id) == (dag, task) and map_index in (None, key.map_index):
            yield name, entry


def _show(entries: list[Entry], as_json: bool) -> None:
    if as_json:
        write_json({"state": [_as_dict(entry) for entry in entries]})
        return
    from osiris_provider.cli.tables import render, state_table

    write(render(state_table([_as_dict(entry) for entry in entries])))


def _as_dict(entry: Entry) -> dict[str, Any]:
    key = entry.task
    return {
        "dag_id": key.dag_id,
        "task_id": key.task_id,
        "map_index": key.map_index,
        "run_id": entry.run_id,
        "source": entry.source,
        "column": entry.column,
        "began_at": _value(entry.low),
        "reached": _value(entry.high),
        "written_at": entry.written_at,
    }


def _value(value: CursorValue | None) -> dict[str, str] | None:
    return None if value is None else {"type": value.type, "value": value.text}
