"""What may have to wait: drivers and clients at work with a connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pyarrow as pa
from osiris_provider.connectors import get_connector
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

from tests.servers import Address

Connection = dict[str, Any]
Work = Callable[[Connection], object]
ROWS = pa.table({"n": [1, 2, 3]})


def read(driver: str, **config: Any) -> Work:
    """Return what reads with a driver."""

    def work(connection: Connection) -> object:
        step = {"resolved_connection": connection, **config}
        ctx = RecordingContext()
        return get_driver(driver).run(step_id="s", config=step, inputs={}, ctx=ctx)["data"].read_all()

    return work


def write(driver: str, rows: Any = ROWS, **config: Any) -> Work:
    """Return what writes with a driver."""

    def work(connection: Connection) -> object:
        step = {"resolved_connection": connection, "table": "target", **config}
        ctx = RecordingContext(load_id="load")
        return get_driver(driver).run(step_id="s", config=step, inputs={"rows": {"data": rows}}, ctx=ctx)

    return work


def client(statement: Callable[[Any], object]) -> Work:
    """Return what works with the client that a hook gives."""

    def work(connection: Connection) -> object:
        with closing(get_connector(connection["family"]).create_client(connection)) as opened:
            return statement(opened)

    return work


def executed(sql: str, **options: Any) -> Work:
    """Return what executes a statement and fetches its rows."""

    def statement(opened: Any) -> object:
        with closing(opened.cursor(**options)) as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    return client(statement)


def login(address: Address, **more: Any) -> dict[str, Any]:
    return {"host": address.host, "port": address.port, "user": address.user, "password": address.password, **more}
