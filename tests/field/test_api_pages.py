"""Every page is read once, or it is an error: situations that users of dlt, Meltano and others have met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from osiris_provider.connectors import retry
from osiris_provider.errors import ConnectorError, DataError, DriverConfigError, OsirisError

from tests.field.api_reads import read
from tests.servers.http import Reply

A, B, C = {"id": 1}, {"id": 2}, {"id": 3}
NOTHING = Reply(204)


def link(body: Any, header: str) -> Reply:
    return Reply.of_json(body, headers={"Link": header})


def headed(body: Any, **headers: str) -> Reply:
    return Reply.of_json(body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Case:
    """Answers, the config that reads them, the ids that have to come, and what has to be asked."""

    name: str
    replies: list[Any]
    config: dict[str, Any]
    ids: list[int]
    asked: list[dict[str, str]] | None = None
    posted: list[Any] | None = None
    records: str = "items"
    more: dict[str, Any] = field(default_factory=dict)


def page(**fields: Any) -> dict[str, Any]:
    return {"kind": "page", "size_param": None, **fields}


def offset(**fields: Any) -> dict[str, Any]:
    return {"kind": "offset", "page_size": 2, **fields}


def cursor(**fields: Any) -> dict[str, Any]:
    return {"kind": "cursor", "cursor_path": "next", **fields}


def items(*rows: Any, **fields: Any) -> dict[str, Any]:
    return {"items": list(rows), **fields}


POST = {"method": "POST", "body": {"filter": {"x": 1}}}

READ = [
    # Links in the answer.
    Case(
        "a name with dots",
        [{"items": [A], "@odata.nextLink": "ORIGIN/v1/items?p=2"}, {"items": [B], "@odata.nextLink": None}],
        {"kind": "link", "next_path": "@odata.nextLink"},
        [1, 2],
        [{}, {"p": "2"}],
    ),
    Case(
        "a name with dots in brackets",
        [{"items": [A], "@odata.nextLink": "ORIGIN/v1/items?p=2"}, {"items": [B]}],
        {"kind": "link", "next_path": "['@odata.nextLink']"},
        [1, 2],
    ),
    Case(
        "an index of a list",
        [items(A, links=[{"href": "/v1/items?p=2"}]), items(B, links=[])],
        {"kind": "link", "next_path": "links.0.href"},
        [1, 2],
    ),
    Case(
        "an index in brackets",
        [items(A, links=[{"href": "/v1/items?p=2"}]), items(B, links=[])],
        {"kind": "link", "next_path": "$.links[0].href"},
        [1, 2],
    ),
    Case(
        "the link of a relation among others",
        [
            items(A, links=[{"rel": "self", "href": "x"}, {"rel": "next", "href": "?p=2"}]),
            items(B, links=[{"rel": "prev", "href": "x"}]),
        ],
        {"kind": "link", "next_path": "links[rel=next].href"},
        [1, 2],
        [{}, {"p": "2"}],
    ),
    Case(
        "a link that brings its own parameters",
        [items(A, next="/v1/items?page=2&x=1"), items(B, next=None)],
        {"kind": "link", "next_path": "next"},
        [1, 2],
        [{"x": "1"}, {"page": "2", "x": "1"}],
        more={"params": {"x": 1}},
    ),
    Case(
        "a link with encoded characters",
        [items(A, next="/v1/items?q=%E3%81%82&p=2"), items(B, next="")],
        {"kind": "link", "next_path": "next"},
        [1, 2],
        [{}, {"q": "あ", "p": "2"}],
    ),
    Case("null behind a path", [items(A, links=None)], {"kind": "link", "next_path": "links.next"}, [1]),
    # Links in the header.
    Case(
        "the header Link",
        [link([A], '<ORIGIN/v1/items?p=2>; rel="next", <ORIGIN/v1/items>; rel="first"'), link([B], "<x>; rel=first")],
        {"kind": "link"},
        [1, 2],
        [{}, {"p": "2"}],
        records="",
    ),
    Case(
        "the header Link without quotes and with a relation that ends it",
        [link([A], "</v1/items?p=2&limit=100>;rel=next,</x>;rel=back"), link([B], "</x>;rel=back")],
        {"kind": "link"},
        [1, 2],
        records="",
    ),
    Case(
        "a relation other than next",
        [link([A], '<?p=2>; rel="older"'), link([B], '<?p=1>; rel="newer"')],
        {"kind": "link", "relation": "older"},
        [1, 2],
        records="",
    ),
    Case("one page without a header Link", [[A]], {"kind": "link", "optional": True}, [1], records=""),
    Case("no page and no header Link", [[]], {"kind": "link"}, [], records=""),
    # Cursors.
    Case(
        "a cursor that is 0",
        [items(A, next=0), items(B, next=1), items(C, next=None)],
        cursor(),
        [1, 2, 3],
        [{}, {"cursor": "0"}, {"cursor": "1"}],
    ),
    Case("a cursor by which 0 is the end", [items(A, next=7), items(B, next=0)], cursor(end_cursors=[0, -1]), [1, 2]),
    Case("a cursor by which -1 is the end", [items(A, next=7), items(B, next="-1")], cursor(end_cursors=[-1]), [1, 2]),
    Case(
        "a cursor with a fraction, as it came",
        ['{"items": [{"id": 1}], "next": 1700000000.1234560}', items(B, next=None)],
        cursor(),
        [1, 2],
        [{}, {"cursor": "1700000000.1234560"}],
    ),
    Case(
        "the last record's id (Stripe)",
        [items(A, B, has_more=True), items(C, has_more=False)],
        cursor(cursor_path="items.-1.id", cursor_param="starting_after", more_path="has_more"),
        [1, 2, 3],
        [{}, {"starting_after": "2"}],
    ),
    Case(
        "the last record's id, and an empty page as the end",
        [[A, B], [C], []],
        cursor(cursor_path="-1.id", cursor_param="since_id", stop_after_empty_page=True),
        [1, 2, 3],
        [{}, {"since_id": "2"}, {"since_id": "3"}],
        records="",
    ),
    Case(
        "has_more is false with a cursor still there",
        [items(A, next="b", more=True), items(B, next="b", more=False)],
        cursor(more_path="more"),
        [1, 2],
    ),
    Case(
        "has_more as texts",
        [items(A, next="b", more="true"), items(B, next="c", more="False")],
        cursor(more_path="more"),
        [1, 2],
    ),
    Case(
        "has_more as numbers",
        [items(A, next="b", more=1), items(B, next="c", more=0)],
        cursor(more_path="more"),
        [1, 2],
    ),
    Case(
        "a cursor that never becomes null, with a total",
        [items(A, next="b", total=2), items(B, next="c", total=2)],
        cursor(total_path="total"),
        [1, 2],
    ),
    Case(
        "a cursor that never becomes null, with a status",
        [items(A, next="b"), items(B, next="c"), Reply.of_json({"detail": "no such page"}, 404)],
        cursor(end_status=[404]),
        [1, 2],
    ),
    Case(
        "a cursor that never becomes null, with an empty page",
        [items(A, next="b"), items(next="b")],
        cursor(stop_after_empty_page=True),
        [1],
    ),
    Case(
        "a cursor that stays the same at the end (Solr)",
        [items(A, next="b"), items(B, next="c"), items(next="c")],
        cursor(first_cursor="*", stop_after_same_cursor=True),
        [1, 2],
        [{"cursor": "*"}, {"cursor": "b"}, {"cursor": "c"}],
    ),
    Case(
        "a cursor in a header, which the last page lacks",
        [headed([A], X_Next="b"), [B]],
        cursor(cursor_path="header:x-next"),
        [1, 2],
        [{}, {"cursor": "b"}],
        records="",
    ),
    Case(
        "a page's number in a header (GitLab)",
        [headed([A], X_Next_Page="2"), headed([B], X_Next_Page="")],
        cursor(cursor_path="header:X-Next-Page", cursor_param="page"),
        [1, 2],
        [{}, {"page": "2"}],
        records="",
    ),
    Case(
        "a cursor that the last page leaves out (Google)",
        [items(A, nextPageToken="b"), items(B)],
        cursor(cursor_path="nextPageToken", cursor_param="pageToken"),
        [1, 2],
    ),
    Case(
        "one page without a cursor, which is optional",
        [items(A)],
        cursor(cursor_path="$.nextPageToken", optional=True),
        [1],
    ),
    Case("an empty page in the middle", [items(A, next="b"), items(next="c"), items(C, next=None)], cursor(), [1, 3]),
    Case("a cursor of the last page is an empty text", [items(A, next="b"), items(B, next="")], cursor(), [1, 2]),
    Case("a cursor of the last page is false", [items(A, next="b"), items(B, next=False)], cursor(), [1, 2]),
    Case(
        "equal records behind different cursors",
        [items(A, next="b"), items(A, next="c"), items(A, next=None)],
        cursor(),
        [1, 1, 1],
    ),
    # Numbers.
    Case(
        "numbers from 1", [items(A), items(B), items()], page(), [1, 2], [{"page": "1"}, {"page": "2"}, {"page": "3"}]
    ),
    Case("numbers from 0", [items(A), items()], page(start=0), [1], [{"page": "0"}, {"page": "1"}]),
    Case("a number of pages", [items(A, pages=2), items(B, pages=2)], page(total_pages_path="pages"), [1, 2]),
    Case(
        "a number of pages as text", [items(A, pages="2"), items(B, pages="2")], page(total_pages_path="pages"), [1, 2]
    ),
    Case(
        "a number of pages in a header (WordPress)",
        [headed([A], X_WP_TotalPages="2"), headed([B], X_WP_TotalPages="2")],
        page(total_pages_path="header:X-WP-TotalPages"),
        [1, 2],
        records="",
    ),
    Case("a number of records", [items(A, B, total=3), items(C, total=3)], page(total_path="total"), [1, 2, 3]),
    Case(
        "an empty page in the middle while the total says more",
        [items(A, total=2), items(total=2), items(B, total=2)],
        page(total_path="total"),
        [1, 2],
    ),
    Case(
        "an empty page in the middle while has_more says more",
        [items(A, more=True), items(more=True), items(B, more=False)],
        page(more_path="more"),
        [1, 2],
    ),
    Case("a total that is not known", [items(A, total=None), items(total=None)], page(total_path="total"), [1]),
    Case("has_more", [items(A, more=True), items(B, more=False)], page(more_path="more"), [1, 2]),
    Case("records are null behind the last page", [items(A), {"items": None}], page(), [1]),
    Case("records are missing behind the last page", [items(A, page=1), {"page": 2}], page(), [1]),
    Case("204 behind the last page", [items(A), NOTHING], page(), [1]),
    Case("404 behind the last page", [items(A), Reply.of_json({}, 404)], page(end_status=[404]), [1]),
    Case("400 behind the last page", [items(A), Reply.of_json({"e": 1}, 400)], page(end_status=[404, 400]), [1]),
    Case("the last page comes short", [items(A, B), items(C), items()], page(), [1, 2, 3]),
    # Offsets.
    Case(
        "offsets from 0",
        [items(A, B), items(C), items()],
        offset(),
        [1, 2, 3],
        [{"offset": "0", "limit": "2"}, {"offset": "2", "limit": "2"}, {"offset": "3", "limit": "2"}],
    ),
    Case(
        "offsets from 1 (SCIM)",
        [items(A, B, totalResults=3), items(C, totalResults=3)],
        offset(start=1, offset_param="startIndex", limit_param="count", total_path="totalResults"),
        [1, 2, 3],
        [{"startIndex": "1", "count": "2"}, {"startIndex": "3", "count": "2"}],
    ),
    Case(
        "offsets of pages that are filtered",
        [items(A), items(C), items()],
        offset(advance="page_size", limit_param=None),
        [1, 3],
        [{"offset": "0"}, {"offset": "2"}, {"offset": "4"}],
    ),
    Case(
        "an empty page in the middle of offsets",
        [items(A, B, total=3), items(total=3), items(C, total=3)],
        offset(total_path="total", limit_param=None),
        [1, 2, 3],
        [{"offset": "0"}, {"offset": "2"}, {"offset": "4"}],
    ),
    Case("a total as text", [items(A, B, total="2")], offset(total_path="total"), [1, 2]),
    Case("a start that is not the first", [items(C), items()], offset(start=123, page_size=42), [3]),
    # In the body that is posted.
    Case(
        "a cursor in the body",
        [items(A, next="b"), items(B, next=None)],
        cursor(cursor_param="page.after", params_in="body"),
        [1, 2],
        [{}, {}],
        [{"filter": {"x": 1}}, {"filter": {"x": 1}, "page": {"after": "b"}}],
        more=POST,
    ),
    Case(
        "a number in the body, beside what is there",
        [items(A), items()],
        page(page_param="filter.page", params_in="body"),
        [1],
        [{}, {}],
        [{"filter": {"x": 1, "page": 1}}, {"filter": {"x": 1, "page": 2}}],
        more=POST,
    ),
    Case(
        "an offset in a body that was not given",
        [items(A, total=1)],
        offset(params_in="body", total_path="total"),
        [1],
        [{}],
        [{"offset": 0, "limit": 2}],
        more={"method": "POST"},
    ),
    Case(
        "pages in the query of a POST",
        [items(A), items()],
        page(),
        [1],
        [{"page": "1"}, {"page": "2"}],
        [{"filter": {"x": 1}}] * 2,
        more=POST,
    ),
    # One page.
    Case("no pagination", [items(A, next="ORIGIN/v1/items?p=2")], {"kind": "none"}, [1]),
    Case("204 at once", [NOTHING], page(), []),
    Case("records are missing at once, and optional", [{"kind": "list"}], page(), [], more={"records_optional": True}),
]


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_all_pages_are_read(case: Case) -> None:
    table, requests = read(*case.replies, records=case.records, pagination=case.config, **case.more)
    assert (table["id"].to_pylist() if table.num_rows else []) == case.ids
    if case.asked is not None:
        assert [request.query for request in requests] == case.asked
    if case.posted is not None:
        assert [request.json() for request in requests] == case.posted


BY_NEXT = {"kind": "link", "next_path": "next"}
REFUSED: list[tuple[str, list[Any], dict[str, Any], str]] = [
    (
        "a typo in next_path",
        [items(A, nextt="x")],
        {"kind": "link", "next_path": "next"},
        "next_path 'next' was not found",
    ),
    ("a typo in cursor_path", [items(A, next="b")], cursor(cursor_path="nxt"), "cursor_path 'nxt' was not found"),
    ("a cursor that is not optional", [items(A)], cursor(), "set pagination.optional to true"),
    ("no header Link", [items(A)], {"kind": "link"}, 'header Link with rel="next" was not found'),
    (
        "a relation that is not there, beside next",
        [link(items(A), '<?p=2>; rel="next", <?p=9>; rel="last"')],
        {"kind": "link", "relation": "nxt"},
        "was not found",
    ),
    ("a header that is not there", [items(A)], cursor(cursor_path="header:X-Next"), "header:X-Next' was not found"),
    ("a typo in total_path", [items(A, total=9)], page(total_path="totl"), "total_path 'totl' was not found"),
    ("a typo in total_pages_path", [items(A)], page(total_pages_path="p"), "total_pages_path 'p' was not found"),
    ("a typo in more_path", [items(A, next="b")], cursor(more_path="mor"), "more_path 'mor' was not found"),
    ("a typo in records", [items(A)], page(), "nothing at 'rows'.*the answer has items"),
    ("a total that is a word", [items(A, total="many")], page(total_path="total"), "not a number"),
    ("a total that is an object", [items(A, total={"n": 5})], page(total_path="total"), "not a number"),
    ("a total that is a list", [items(A, total=[5])], page(total_path="total"), "not a number"),
    ("a total with a fraction", ['{"items": [{"id": 1}], "total": 2.5}'], page(total_path="total"), "not a number"),
    ("a total below zero", [items(A, total=-1)], page(total_path="total"), "not a number"),
    ("has_more is a word", [items(A, more="maybe")], page(more_path="more"), "neither true nor false"),
    ("a cursor that is an object", [items(A, next={"a": 1})], cursor(), "not a cursor"),
    ("a cursor that is true", [items(A, next=True)], cursor(), "not a cursor"),
    ("a link that is a number", [items(A, next=5)], BY_NEXT, "not a URL"),
    ("has_more is true without a cursor", [items(A, next=None, more=True)], cursor(more_path="more"), "there is more"),
    (
        "the total says more without a cursor",
        [items(A, next=None, total=9)],
        cursor(total_path="total"),
        "there is more",
    ),
    (
        "the total says more without pages",
        [items(A, total=9)],
        {"kind": "none", "total_path": "total"},
        "there is more",
    ),
    ("204 while the total says more", [items(A, total=9), NOTHING], page(total_path="total"), "9 records, but only 1"),
    (
        "has_more is false while the total says more",
        [items(A, total=9, more=False)],
        page(total_path="total", more_path="more"),
        "9 records, but only 1 came",
    ),
    ("404 behind the last page, not declared", [items(A), Reply.of_json({}, 404)], page(), "pagination.end_status"),
    ("404 at once, although declared", [Reply.of_json({}, 404)], page(end_status=[404]), "nothing at this address"),
    ("an error object behind the first page", [items(A), {"message": "slow down"}], page(), "nothing at 'items'"),
    ("the same page for ever", [items(A), items(A)], page(), "page 2 repeats the page before it"),
    ("the same cursor for ever", [items(A, next="b"), items(B, next="b")], cursor(), "one that was read before"),
    ("cursors in a circle", [items(A, next="b"), items(B, next="c"), items(C, next="b")], cursor(), "read before"),
    ("a link to itself", [items(A, next="/v1/items?p=2")] * 2, BY_NEXT, "read before"),
    (
        "a link elsewhere",
        [items(A, next="https://example.com/")],
        {"kind": "link", "next_path": "next"},
        "another host",
    ),
]


@pytest.mark.parametrize(("name", "replies", "pagination", "complaint"), REFUSED, ids=[case[0] for case in REFUSED])
def test_pages_that_make_no_sense_are_refused(
    name: str, replies: list[Any], pagination: dict[str, Any], complaint: str
) -> None:
    records = "rows" if name == "a typo in records" else "items"
    with pytest.raises(OsirisError, match=complaint) as raised:
        read(*replies, records=records, pagination=pagination)
    assert isinstance(raised.value, DataError | ConnectorError)
    assert "read" in str(raised.value) or "@api.test" in str(raised.value)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"pagination": page(stop_after_empty_page=False)}, "needs another end"),
        ({"pagination": offset(stop_after_empty_page=False)}, "needs another end"),
        ({"pagination": page(page_param="")}, "page_param"),
        ({"pagination": cursor(cursor_path="a[b")}, "not a path"),
        ({"pagination": cursor(cursor_path="header:")}, "not the name of a header"),
        ({"pagination": cursor(params_in="body")}, "needs method: POST"),
        ({"pagination": {"kind": "link", "params_in": "body"}, "method": "POST"}, "a link has its own query"),
        ({"pagination": page(end_status=[200])}, "end_status"),
        ({"records": "header:X"}, "not a header"),
        ({"body": {"x": 1}}, "needs method: POST"),
    ],
)
def test_configs_that_make_no_sense_are_refused(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DriverConfigError, match=complaint):
        read(**config)


def test_empty_pages_for_ever_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osiris_provider.drivers.http.pages.MAX_EMPTY_PAGES", 3)
    with pytest.raises(DataError, match="3 pages in a row are empty"):
        read(*[items(more=True)] * 5, pagination=page(more_path="more"), records="items")


def test_a_link_that_is_not_followed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    read(link([A], '<ORIGIN/v1/items?p=2>; rel="next"'), pagination={"kind": "none"})
    assert "links to a next page, which is not read" in caplog.text


def test_a_pending_result_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    pending = Reply.of_json({"status": "pending"}, 202, {"Retry-After": "7"})
    table, _ = read(pending, [A])
    assert table.to_pylist() == [A]
    assert waits == [7]
    with pytest.raises(ConnectorError, match="not ready yet") as raised:
        read(*[pending] * retry.ATTEMPTS)
    assert raised.value.facts["fault"] == "pending"


def test_403_with_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    limited = Reply.of_json({"message": "secondary rate limit"}, 403, {"Retry-After": "60"})
    table, _ = read(limited, limited, limited, limited, [A])
    assert table.to_pylist() == [A]
    assert waits == [60] * 4
    with pytest.raises(ConnectorError) as raised:
        read(Reply.of_json({}, 403))
    assert raised.value.category == "permission"
