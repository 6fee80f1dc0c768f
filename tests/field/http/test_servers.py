"""Generated servers: any style of pages, any size, any one fault. All rows come once, or it is an error."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all, retry
from osiris_provider.errors import OsirisError

from tests.examples import examples
from tests.field.http.reads import read_from
from tests.servers.apis.http import HttpServer, RawReply, Reply, Request

NUMBERED = ("page", "page_total", "offset", "offset_total")
STYLES = (*NUMBERED, "cursor", "cursor_more", "last_id", "link", "header_link", "body")
FAULTS = (
    "none",
    "hang_up",
    "short_body",
    "503",
    "429",
    "202",
    "error_object",
    "empty_page",
    "no_next",
    "same_page",
    "ignores_the_page",
    "null_records",
    "no_records",
    "not_json",
    "404",
    "204",
    "capped",
    "begins_again",
    "link_to_itself",
    "link_to_the_first",
    "link_elsewhere",
    "total_shrinks",
    "gzip_breaks_off",
    "chunks_break_off",
    "name_twice",
)


@dataclass
class Server:
    """What a generated server does."""

    style: str
    count: int
    size: int
    fault: str
    at: int
    tells: bool
    """Whether answers hold the number of all records and whether there is more, although no field names them."""
    rows: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = [{"id": number, "even": number % 2 == 0} for number in range(1, self.count + 1)]

    @property
    def pagination(self) -> dict[str, Any]:
        size = {"page_size": self.size}
        cursor = {"kind": "cursor", "cursor_path": "next"}
        styles: dict[str, dict[str, Any]] = {
            "page": {"kind": "page", **size},
            "page_total": {"kind": "page", **size, "total_path": "total"},
            "offset": {"kind": "offset", **size},
            "offset_total": {"kind": "offset", **size, "total_path": "total"},
            "cursor": cursor,
            "cursor_more": {**cursor, "more_path": "more"},
            "last_id": {**cursor, "cursor_path": "items.-1.id", "more_path": "more"},
            "link": {"kind": "link", "next_path": "links.next"},
            "header_link": {"kind": "link"},
            "body": {**cursor, "cursor_param": "page.after", "params_in": "body"},
        }
        return styles[self.style]


class Generated(HttpServer):
    """A server that does what a :class:`Server` says."""

    plan: Server
    _troubled = False

    def begin(self, plan: Server) -> None:
        """Do from now on what a plan says."""
        self.plan, self._troubled = plan, False

    def answer(self, request: Request) -> Reply | RawReply:
        plan = self.plan
        start = self._start(request)
        number = start // plan.size
        if number == plan.at:
            once = self._once()
            if once is not None:
                return once
        if plan.fault == "ignores_the_page" or (plan.fault == "begins_again" and number > plan.at):
            start = 0
        if plan.fault == "same_page" and number > plan.at:
            start = min(start, plan.at * plan.size)
        size = max(plan.size // 2, 1) if plan.fault == "capped" else int(request.query.get("per_page", plan.size))
        return self._page(start, size, number)

    def _once(self) -> Reply | RawReply | None:
        if self._troubled:
            return None
        self._troubled = True
        troubles: dict[str, Reply | RawReply] = {
            "hang_up": RawReply([]),
            "short_body": RawReply([b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"]),
            "503": Reply(503),
            "429": Reply(429, b"", {"Retry-After": "0"}),
            "202": Reply.of_json({"status": "pending"}, 202),
            "error_object": Reply.of_json({"error": "internal", "items": []}),
            "not_json": Reply(200, b"{", {"Content-Type": "application/json"}),
            "404": Reply.of_json({}, 404),
            "204": Reply(204),
            "gzip_breaks_off": Reply(200, PACKED[:-20], {**JSON, "Content-Encoding": "gzip"}),
            "chunks_break_off": RawReply([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]),
            "name_twice": Reply(200, b'{"items": [], "items": [{"id": 1}], "next": null}', JSON),
        }
        return troubles.get(self.plan.fault)

    def _start(self, request: Request) -> int:
        plan, query = self.plan, request.query
        if plan.style.startswith("page"):
            return (int(query["page"]) - 1) * int(query["per_page"])
        if plan.style.startswith("offset"):
            return int(query["offset"])
        if plan.style == "body":
            return int(((request.json() or {}).get("page") or {}).get("after", 0))
        return int(query.get("cursor", 0))

    def _page(self, start: int, size: int, number: int) -> Reply:
        plan = self.plan
        rows = plan.rows[start : start + size]
        following: Any = start + len(rows) if start + len(rows) < len(plan.rows) else None
        if plan.fault == "no_next" and number == plan.at:
            following = None
        if plan.fault == "empty_page" and number == plan.at:
            rows = []
        url = None if following is None else f"/v1/items?cursor={following}"
        if number == plan.at and url is not None:
            here = f"/v1/items?cursor={start}" if start else "/v1/items"
            wrong = {"itself": here, "the_first": "/v1/items", "elsewhere": f"http://localhost:{self.port}{url}"}
            url = wrong.get(plan.fault.removeprefix("link_to_").removeprefix("link_"), url)
        body = {"items": rows, "next": following, "links": {"next": url}}
        if plan.tells or "total_path" in plan.pagination:
            fewer = plan.fault == "total_shrinks" and number >= plan.at
            body["total"] = max(len(plan.rows) - fewer, 0)
        if plan.tells or "more_path" in plan.pagination:
            body["more"] = following is not None
        if plan.fault == "null_records" and number == plan.at:
            body["items"] = None
        if plan.fault == "no_records" and number == plan.at:
            body = {"message": "try again"}
        link = f'<{url}>; rel="next"' if url else '</v1/items>; rel="first"'
        return Reply.of_json(body, headers={"Link": link})


JSON = {"Content-Type": "application/json"}
PACKED = gzip.compress(b'{"items": [{"id": 1}], "next": null, "links": {"next": null}, "total": 1, "more": false}')


PASSING = ("none", "hang_up", "short_body", "503", "429", "202", "gzip_breaks_off", "chunks_break_off")
"""Faults that are gone when the page is asked for again; then all rows have to come."""

# A server that keeps rows back, and whose answers hold nothing that says so, cannot be told from one that has no more.
UNCOUNTED = tuple(style for style in STYLES if not style.endswith("_total"))
BELIEVED: dict[str, tuple[str, ...]] = {
    "no_next": tuple(style for style in STYLES if style not in NUMBERED),
    "empty_page": UNCOUNTED,
    "null_records": UNCOUNTED,
    "204": UNCOUNTED,
    # A total that is one too small is reached before the last record.
    "total_shrinks": NUMBERED,
    # Where all records fit into the page that was asked for: an empty second page is the end of a short list.
    "capped": ("page",),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Generated]:
    with Generated() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("osiris_provider.drivers.http.paginator.MAX_EMPTY_PAGES", 5)
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("fault", FAULTS)
@examples(2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 12), size=st.integers(1, 5), at=st.integers(0, 4), tells=st.booleans())
def test_all_rows_once_or_an_error(
    server: Generated,
    caplog: pytest.LogCaptureFixture,
    style: str,
    fault: str,
    count: int,
    size: int,
    at: int,
    tells: bool,
) -> None:
    caplog.clear()
    plan = Server(style, count, size, fault, at, tells)
    options: dict[str, Any] = {"method": "POST", "body": {}} if plan.style == "body" else {}
    server.begin(plan)
    try:
        table = read_from(server, records="items", pagination=plan.pagination, max_pages=50, **options)
    except OsirisError:
        if plan.fault in PASSING:
            raise
        return
    finally:
        close_all()
    ids = table["id"].to_pylist() if table.num_rows else []
    if ids != [row["id"] for row in plan.rows]:
        # No content at once says nothing of a total.
        nothing_at_all = plan.fault == "204" and plan.at == 0
        assert nothing_at_all or plan.style in BELIEVED.get(plan.fault, ()), f"{ids} came of {plan.count}"
        assert plan.fault != "capped" or plan.count <= plan.size
        assert ids == sorted(set(ids)), "no row twice"
        assert nothing_at_all or not plan.tells or "records read: " in caplog.text, "not without a word"
    else:
        assert "records read: " not in caplog.text
