"""What the tests of values and rows from APIs share: answers from a list, read by ``api.extractor``."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.integration.sql.families import step_named
from tests.servers.apis.http import HttpServer, Request
from tests.servers.apis.scripted_api import ScriptedApi


def read_from(server: HttpServer, state: MemoryState | None = None, **config: Any) -> pa.Table:
    """Return what ``api.extractor`` reads from a server."""
    connection = {"family": "api", "alias": "test", "base_url": f"{server.origin}/v1"}
    config = {"resolved_connection": connection, "path": "items", **config}
    ctx = RecordingContext(state=state)
    with step_named("read"):
        return get_driver("api.extractor").run(step_id="read", config=config, inputs={}, ctx=ctx)["data"].read_all()


def read(*replies: Any, **config: Any) -> tuple[pa.Table, list[Request]]:
    """Return what ``api.extractor`` reads from these answers, and what it asked for; all answers have to be used."""
    with ScriptedApi(*replies) as server:
        try:
            table = read_from(server, **config)
        finally:
            close_all()
        assert len(server.requests) == len(replies), "it has not asked for all pages"
        return table, server.requests
