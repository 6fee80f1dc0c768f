"""Readers see the old table or the new one, never a mixture: they look all the time while loads run, end and die."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

from tests.kills.kill import killer
from tests.kills.targets import MODES, DuckDBTarget, ServerTarget, State, Target, make_source, states_of
from tests.kills.worker import LAST_ROW, ROWS_TAKEN, Worker

ROWS = 20_000
MAX_WAIT = 60.0


@pytest.fixture(scope="module", params=["mysql", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with killer(request.param, tmp_path_factory.mktemp(request.param), ROWS) as one:
        yield one.target


class Reader:
    """Looks at a table again and again, on a thread of its own.

    :param look: returns the state of the table.
    """

    def __init__(self, look: Any) -> None:
        self.seen: list[State] = []
        self._look = look
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def wait_for_looks(self, number: int) -> None:
        """Wait until it has looked so many times more."""
        with self._changed:
            wanted = len(self.seen) + number
            assert self._changed.wait_for(lambda: len(self.seen) >= wanted or self._error, MAX_WAIT)

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            self.wait_for_looks(1)
            yield
            self.wait_for_looks(2)
        finally:
            self._stop.set()
            thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                actual = self._look()
                with self._changed:
                    self.seen.append(actual)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            with self._changed:
                self._error = error
                self._changed.notify_all()


def in_order(seen: list[State], before: State, after: State) -> bool:
    """Whether a reader saw the old table, perhaps then the new one, and nothing else."""
    return seen == [before] * seen.count(before) + [after] * seen.count(after)


@pytest.mark.parametrize("mode", MODES)
def test_readers_see_the_old_table_then_the_new_one(target: Target, mode: str) -> None:
    before, after = states_of(mode, ROWS)
    target.prepare(mode)
    reader = Reader(target.state)
    with reader.looking():
        target.finish(mode)
    assert in_order(reader.seen, before, after)
    assert {reader.seen[0], reader.seen[-1]} == {before, after}


@pytest.mark.faults
@pytest.mark.parametrize("point", [ROWS_TAKEN, LAST_ROW])
@pytest.mark.parametrize("mode", MODES)
def test_readers_see_nothing_of_a_load_that_is_killed_and_tried_again(target: Target, mode: str, point: int) -> None:
    before, after = states_of(mode, ROWS)
    target.prepare(mode)
    reader = Reader(target.state)
    with reader.looking():
        worker = target.start(mode)
        await_rows(worker, point)
        worker.process.kill()
        worker.process.join()
        reader.wait_for_looks(2)
        target.finish(mode)
    assert in_order(reader.seen, before, after)
    assert reader.seen[-1] == after


@pytest.mark.faults
@pytest.mark.parametrize("mode", MODES)
def test_readers_see_nothing_of_a_load_whose_server_is_killed(target: Target, mode: str) -> None:
    before, after = states_of(mode, ROWS)
    assert isinstance(target, ServerTarget)
    target.prepare(mode)
    worker = target.start(mode)
    await_rows(worker, ROWS_TAKEN)
    target.server.crash()
    worker.process.join(MAX_WAIT)
    target.server.restart()
    reader = Reader(target.state)
    with reader.looking():
        target.finish(mode)
    assert in_order(reader.seen, before, after)


def await_rows(worker: Worker, point: int) -> None:
    """Wait until the writer has taken half of the rows, or all of them."""
    least = ROWS / 2 if point == ROWS_TAKEN else 1
    while worker.progress[point] < least and worker.process.is_alive():
        worker.process.join(0.001)


@pytest.mark.parametrize("mode", MODES)
def test_readers_of_the_same_process_see_the_old_duckdb_table_then_the_new_one(tmp_path: Path, mode: str) -> None:
    """Another process cannot open the file while a writer has it."""
    before, after = states_of(mode, ROWS)
    target = DuckDBTarget(make_source(tmp_path / "source.parquet", ROWS), ROWS)
    target.prepare(mode)
    config = {"table": "target", "write_mode": mode, "primary_key": ["id"] if mode == "upsert" else []}
    step = {"resolved_connection": target.connection(), "batch_rows": 1000, **config}

    def look() -> State:
        row = looker.execute(f"SELECT COUNT(*), SUM(id), SUM({target.hashed}) FROM target").fetchall()[0]
        return int(row[0]), int(row[1]), int(row[2])

    # In one process a file is open with the same settings everywhere.
    with closing(get_connector("duckdb").create_client(target.connection())) as looker:
        reader = Reader(look)
        with reader.looking():
            inputs = {"source": {"data": pq.read_table(target.source)}}
            get_driver("duckdb.writer").run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())
        close_all()
    assert in_order(reader.seen, before, after)
    assert {reader.seen[0], reader.seen[-1]} == {before, after}
