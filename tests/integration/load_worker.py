"""A task that loads a Parquet file, in a process that may be killed at any point."""

from __future__ import annotations

import itertools
import os
import signal
from typing import Any

import pyarrow.parquet as pq
import pymysql
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver

from tests.contract.context import RecordingContext


def load(connection: dict[str, Any], config: dict[str, Any], source: str, die_at: int | None = None) -> None:
    """Run a writer under load id ``load``.

    :param die_at: kill this process before it sends that statement to MySQL, counted from 1.
    """
    if die_at is not None:
        _die_at(die_at)
    step = {"resolved_connection": connection, "batch_rows": 10_000, **config}
    inputs = {"source": {"data": pq.ParquetFile(source).iter_batches()}}
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext(load_id="load"))
    close_all()


def _die_at(number: int) -> None:
    numbers = itertools.count(1)
    send = pymysql.connections.Connection._execute_command  # type: ignore[attr-defined] # noqa: SLF001 - everything goes through it

    def counted(self: Any, command: int, sql: Any) -> Any:
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(self, command, sql)

    pymysql.connections.Connection._execute_command = counted  # type: ignore[attr-defined] # noqa: SLF001 - the same
