"""A task that loads a Parquet file, in a process that may be killed at any point."""

from __future__ import annotations

import itertools
import linecache
import logging
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import NetworkError
from osiris_provider.testing.context import RecordingContext

WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(["tests.kills.worker"])
ROWS_TAKEN, BEGAN, LAST_ROW, WRITTEN = range(4)
"""What a worker tells of its progress: a count and three moments, 0 before they come."""
LOST = 3
"""Exit code of a worker whose server is gone, and which says so as it should."""
_TALKS = re.compile(r"\.(execute|executemany|_execute_command|copy_expert|begin|commit|metric)\(|\b_?run\(")
"""A line of a driver that sends something to the server, or that ends the step."""


class Worker:
    """A load in a process of its own.

    :param connection: resolved.
    :param config: of the writer.
    :param source: the file.
    :param die_at: kill it before the line of the driver, counted from 1, that says something to the server.
    """

    def __init__(
        self, connection: dict[str, Any], config: dict[str, Any], source: str, die_at: int | None = None
    ) -> None:
        self.progress = WORKERS.RawArray("d", 4)
        arguments = (connection, config, source, self.progress, die_at)
        self.process: BaseProcess = WORKERS.Process(target=load, args=arguments)
        self.process.start()

    def wait_for(self, what: int, least: float, until: float) -> None:
        """Wait until the progress has got there, the worker has ended, or the clock says ``until``."""
        while self.progress[what] < least and self.process.is_alive() and time.monotonic() < until:
            self.process.join(0.002)


def load(connection: dict[str, Any], config: dict[str, Any], source: str, progress: Any, die_at: int | None) -> None:
    """Run a writer under load id ``load``."""
    logging.disable()
    if die_at is not None:
        sys.settrace(_killer(die_at))
    progress[BEGAN] = time.monotonic()
    step = {"resolved_connection": connection, "batch_rows": 10_000, **config}
    inputs = {"source": {"data": _batches(source, progress)}}
    driver = get_driver(f"{connection['family']}.writer")
    try:
        driver.run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext(load_id="load"))
    except NetworkError:
        sys.exit(LOST)
    progress[WRITTEN] = time.monotonic()
    close_all()


def _batches(source: str, progress: Any) -> Iterator[pa.RecordBatch]:
    for batch in pq.ParquetFile(source).iter_batches(10_000):
        yield batch
        progress[ROWS_TAKEN] += batch.num_rows
    progress[LAST_ROW] = time.monotonic()


def _killer(die_at: int) -> Any:
    """Return what follows the lines of the drivers, as a debugger does."""
    numbers = itertools.count(1)

    def at_line(frame: FrameType, event: str, _: object) -> Any:
        said = _TALKS.search(linecache.getline(frame.f_code.co_filename, frame.f_lineno))
        if event == "line" and said and next(numbers) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return at_line

    return lambda frame, _event, _: at_line if "osiris_provider/drivers" in frame.f_code.co_filename else None
