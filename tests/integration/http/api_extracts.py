"""What the tests of api.extractor share: an API with rows in pages, and the extractor that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

from tests.servers.apis.fake_api import FakeApi

TOKEN = "t0k3n-@:/#%?&-wörd"
ROWS = [{"id": number, "name": f"name {number}", "price": number / 4, "tags": ["a", "b"]} for number in range(250)]


@contextmanager
def paged_api() -> Iterator[FakeApi]:
    """An API with :data:`ROWS`, a hundred a page at most."""
    with FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}, rows=ROWS, limit=100) as server:
        yield server
        close_all()


def to(server: FakeApi) -> dict[str, Any]:
    return {"family": "api", "alias": "test", "base_url": f"{server.origin}/v1", "token": TOKEN}


def extracted(server: FakeApi, path: str, ctx: RecordingContext | None = None, **config: Any) -> pa.RecordBatchReader:
    config = {"resolved_connection": to(server), "path": path, **config}
    result = get_driver("api.extractor").run(step_id="read", config=config, inputs={}, ctx=ctx or RecordingContext())
    return result["data"]
