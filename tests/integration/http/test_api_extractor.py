"""api.extractor: every kind of pages, and pages that do not get on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import retry
from osiris_provider.errors import ConnectorError, DataError, DriverConfigError
from osiris_provider.testing.context import Metric, RecordingContext
from osiris_provider.testing.secrecy import assert_silent

from tests.integration.http.api_extracts import ROWS, TOKEN, extracted, paged_api
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.http import RawReply, Reply

PAGED = [
    ("items/page", "data.items", {"kind": "page"}),
    ("items/page", "data.items", {"kind": "page", "page_size": 7}),
    ("items/page", "data.items", {"kind": "page", "size_param": None}),
    ("items/offset", "data.items", {"kind": "offset"}),
    ("items/offset", "data.items", {"kind": "offset", "page_size": 1000}),
    ("items/cursor", "items", {"kind": "cursor", "cursor_path": "next"}),
    ("items/link", "", {"kind": "link", "optional": True}),
    ("items/next", "results", {"kind": "link", "next_path": "links.next"}),
]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with paged_api() as server:
        yield server


@pytest.mark.parametrize(("path", "records", "pagination"), PAGED)
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_pages(api: FakeApi, path: str, records: str, pagination: dict[str, Any], count: int) -> None:
    api.rows = ROWS[:count]
    ctx = RecordingContext()
    table = extracted(api, path, ctx, records=records, pagination=pagination).read_all()
    assert table.to_pylist() == ROWS[:count]
    assert ctx.metrics[0] == Metric("rows_read", count, "rows", {"step": "read"})


def test_pages_are_read_as_the_stream_is(api: FakeApi) -> None:
    reader = extracted(api, "items/link", pagination={"kind": "link"}, infer_rows=1)
    assert len(api.requests) == 1
    reader.read_next_batch()
    assert len(api.requests) == 1
    reader.read_next_batch()
    assert len(api.requests) == 2


def test_parameters_go_along(api: FakeApi) -> None:
    config: dict[str, Any] = {"params": {"since": "2026-01-01", "kind": ["a", "b"]}, "pagination": {"kind": "page"}}
    extracted(api, "items/page", records="data.items", **config).read_all()
    assert all(request.query["since"] == "2026-01-01" for request in api.requests)
    assert [request.query["page"] for request in api.requests] == ["1", "2", "3", "4"]


def test_one_object_is_one_record(api: FakeApi) -> None:
    assert extracted(api, "me", records_as="object").read_all().to_pylist() == [{"name": "me"}]


@pytest.mark.parametrize(
    ("path", "records", "pagination", "complaint"),
    [
        ("items/repeating", "data.items", {"kind": "page"}, "page 2 repeats the page before it"),
        ("items/stuck", "items", {"kind": "cursor", "cursor_path": "next"}, "one that was read before"),
        ("items/elsewhere", "", {"kind": "link"}, "on another host"),
        ("items/page", "data", {"kind": "none"}, "an object at 'data' is not a list of objects.*records_as: map"),
        ("items/page", "items", {"kind": "none"}, "nothing at 'items'.*the answer has data"),
    ],
)
def test_pages_that_do_not_get_on(
    api: FakeApi, path: str, records: str, pagination: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DataError, match=f"Step read: .*{complaint}"):
        extracted(api, path, records=records, pagination=pagination).read_all()


def test_cursor_that_comes_back(api: FakeApi) -> None:
    # The records differ from page to page, only the cursor goes in a circle.
    count = iter(range(100))
    api.tamper = lambda _rows, _start: [{"id": next(count)}]
    api.rows, api.limit = ROWS[:2], 1
    cursors = {"c1": "c0", "c0": "c1"}
    api.next_cursor = lambda cursor: cursors[cursor]
    with pytest.raises(DataError, match="one that was read before"):
        extracted(api, "items/cursor", records="items", pagination={"kind": "cursor", "cursor_path": "next"}).read_all()
    assert len(api.requests) <= 4


def test_pages_that_differ_only_in_their_envelope(api: FakeApi) -> None:
    moments = iter(range(100))
    api.mischief = lambda _: Reply.of_json({"items": ROWS[:2], "now": next(moments)})
    with pytest.raises(DataError, match="page 2 repeats the page before it"):
        extracted(api, "items/page", records="items", pagination={"kind": "page"}).read_all()
    assert len(api.requests) == 2


def test_cursor_that_never_ends_on_empty_pages(api: FakeApi) -> None:
    count = iter(range(1000))
    api.rows, api.next_cursor = [], lambda _: f"c{next(count)}"
    config: dict[str, Any] = {"records": "items", "pagination": {"kind": "cursor", "cursor_path": "next"}}
    with pytest.raises(DataError, match="more than 5 pages"):
        extracted(api, "items/cursor", max_pages=5, **config).read_all()
    assert len(api.requests) == 7


@pytest.mark.parametrize(("path", "records", "pagination"), PAGED)
@pytest.mark.parametrize(
    "trouble",
    [
        RawReply([]),
        RawReply([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"]),
        Reply.of_json({}, 503),
        Reply.of_json({}, 429, {"Retry-After": "0"}),
    ],
    ids=["hang-up", "body breaks off", "503", "429"],
)
def test_trouble_on_a_page_repeats_that_page_only(
    api: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    records: str,
    pagination: dict[str, Any],
    trouble: Reply | RawReply,
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)
    troubled = {3, 4}
    api.mischief = lambda _: trouble if len(api.requests) in troubled else None
    api.limit = 60
    assert extracted(api, path, records=records, pagination=pagination).read_all().to_pylist() == ROWS
    asked = [request.query for request in api.requests]
    assert asked[2] == asked[3] == asked[4]
    del asked[3:5]
    assert len({json.dumps(query, sort_keys=True) for query in asked}) == len(asked)


def test_limits_of_rates_are_waited_for_as_long_as_the_api_says(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    api.throttled, api.retry_after = 9, "77"
    assert extracted(api, "items/link", pagination={"kind": "link"}).read_all().num_rows == len(ROWS)
    assert waits == [77] * 9
    api.throttled, api.retry_after = 1, "301"
    with pytest.raises(ConnectorError) as raised:
        extracted(api, "items/link", pagination={"kind": "link"})
    assert (raised.value.retry_after, raised.value.cause) == (301, "HttpFaultError")
    assert len(waits) == 9


def test_fields_that_appear_late(api: FakeApi) -> None:
    api.tamper = lambda rows, start: [{**row, "late": {"at": start}} if start == 100 else row for row in rows]
    with pytest.raises(DataError, match="column 'late' appears first on page 2"):
        extracted(api, "items/link", pagination={"kind": "link"}, infer_rows=1).read_all()
    config: dict[str, Any] = {"pagination": {"kind": "link"}, "infer_rows": 1, "other_fields": "rest"}
    table = extracted(api, "items/link", **config).read_all()
    assert table.schema.field("rest").type == pa.string()
    rest = table["rest"].to_pylist()
    assert rest == [None] * 100 + ['{"late": {"at": 100}}'] * 100 + [None] * 50
    with pytest.raises(DriverConfigError, match="'id' is a field of the records"):
        extracted(api, "items/link", **{**config, "other_fields": "id"})


def test_too_many_pages(api: FakeApi) -> None:
    config: dict[str, Any] = {"records": "data.items", "pagination": {"kind": "page"}}
    assert extracted(api, "items/page", max_pages=3, **config).read_all().num_rows == 250
    with pytest.raises(DataError, match="more than 2 pages"):
        extracted(api, "items/page", max_pages=2, **config).read_all()


def test_value_that_does_not_fit_names_column_and_page(api: FakeApi) -> None:
    api.tamper = lambda rows, start: [{**row, "price": "free"} if start == 100 else row for row in rows]
    with pytest.raises(DataError, match="column 'price' on page 2"):
        extracted(api, "items/link", pagination={"kind": "link"}, infer_rows=1).read_all()
    table = extracted(api, "items/link", pagination={"kind": "link"}, types={"id": "int32", "price": "string"})
    assert table.read_all().schema == pa.schema([("id", pa.int32()), ("price", pa.string())])


def test_error_names_what_was_asked_for(api: FakeApi) -> None:
    with pytest.raises(ConnectorError, match=rf"^Step read: @api\.test: {api.origin}/v1/nowhere has nothing") as raised:
        extracted(api, "nowhere", params={"session": TOKEN})
    assert_silent(TOKEN, raised.value)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"pagination": {"kind": "pages"}}, "pagination"),
        ({"pagination": {"kind": "page", "pagesize": 3}}, "pagesize"),
        ({"paginatoin": {"kind": "page"}}, "did you mean 'pagination'"),
        ({"types": {"id": "integer"}}, "'integer' of column id is not a type"),
        ({"max_pages": 0}, "max_pages"),
    ],
)
def test_mistakes_in_the_config(api: FakeApi, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DriverConfigError, match=f"(?i)Step read.*{complaint}"):
        extracted(api, "items/page", **config)
