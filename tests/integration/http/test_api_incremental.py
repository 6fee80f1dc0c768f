"""api.extractor reads what is new since the last run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.integration.http.api_extracts import extracted, paged_api
from tests.servers.apis.fake_api import FakeApi


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with paged_api() as server:
        yield server


def test_what_is_new(api: FakeApi) -> None:
    api.rows = [{"id": number, "updated_at": f"2026-01-{number:02}T00:00:00Z"} for number in range(1, 4)]
    memory, ctx = MemoryState(), RecordingContext()
    ctx.state = memory
    incremental = {"column": "updated_at", "param": "since", "initial_value": "2026-01-02"}
    config: dict[str, Any] = {"incremental": incremental, "params": {"x": 1}}
    path = "items/since?key=abc"

    def ids(**more: Any) -> list[int]:
        actual: list[int] = extracted(api, path, ctx, **config, **more).read_all()["id"].to_pylist()
        return actual

    assert ids() == [2, 3]
    api.rows += [{"id": 4, "updated_at": "2026-01-03T00:00:00Z"}, {"id": 5, "updated_at": "2026-01-04T00:00:00Z"}]
    assert ids() == [4, 5]
    assert ids(types={"id": "int64", "updated_at": "string"}) == []
    assert [request.query["since"] for request in api.requests] == [
        "2026-01-02",
        "2026-01-03T00:00:00Z",
        "2026-01-04T00:00:00Z",
    ]
    # A key in the path is not written down.
    assert memory.sources[0] == ("@api.test items/since", "updated_at")
    config["incremental"] = {**incremental, "lookback": 3600}
    assert ids(types={"id": "int64", "updated_at": "string"}) == [5]
    assert api.requests[-1].query["since"] == "2026-01-03T23:00:00+00:00"


def test_a_run_done_again_leaves_out_what_has_come_since(api: FakeApi) -> None:
    api.rows = [{"id": number, "updated_at": f"2026-01-{number:02}T00:00:00Z"} for number in range(1, 5)]
    ctx = RecordingContext()
    ctx.state = MemoryState(
        CursorValue("string", "2026-01-02T00:00:00Z"), CursorValue("string", "2026-01-03T00:00:00Z")
    )
    config: dict[str, Any] = {"incremental": {"column": "updated_at", "param": "since"}}
    assert extracted(api, "items/since", ctx, **config).read_all()["id"].to_pylist() == [2, 3]


def test_a_cursor_value_of_a_declared_timestamp_is_sent_as_iso_8601(api: FakeApi) -> None:
    api.rows = [{"id": 1, "updated_at": "2026-01-01T12:00:00+02:00"}]
    ctx = RecordingContext()
    ctx.state = MemoryState()
    config: dict[str, Any] = {
        "types": {"id": "int64", "updated_at": "timestamp"},
        "incremental": {"column": "updated_at", "param": "since"},
    }
    for _ in range(2):
        extracted(api, "items/since", ctx, **config).read_all()
    assert api.requests[-1].query["since"] == "2026-01-01T10:00:00.000000Z"
