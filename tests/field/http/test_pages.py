"""Every page is read once, or it is an error: situations that users of dlt, Meltano and others have met."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from osiris_provider.connectors import retry
from osiris_provider.drivers.http.config import ApiExtractorConfig
from osiris_provider.errors import ConnectorError, DataError, DriverConfigError, OsirisError

from tests.field.http.cases import NOTHING, POST, A, B, C, Case, check, cursor, headed, items, link, offset, page
from tests.field.http.reads import read
from tests.servers.apis.http import Reply

READ = [
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
    Case(
        "a first page that is short is checked by its own size",
        [items(A, B), items(C), items(C), items()],
        page(size_param="size", page_size=3),
        [1, 2, 3],
        [
            {"page": "1", "size": "3"},
            {"page": "2", "size": "3"},
            {"page": "2", "size": "2"},
            {"page": "3", "size": "3"},
        ],
    ),
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
    check(case)


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
    (
        "a total that is a word",
        [items(A, total="many")],
        page(total_path="total"),
        "at total_path 'total' is not a num",
    ),
    ("pages that are a word", [items(A, p="x")], page(total_pages_path="p"), "at total_pages_path 'p' is not a number"),
    ("a total that is an object", [items(A, total={"n": 5})], page(total_path="total"), "not a number"),
    ("a total that is a list", [items(A, total=[5])], page(total_path="total"), "not a number"),
    ("a total with a fraction", ['{"items": [{"id": 1}], "total": 2.5}'], page(total_path="total"), "not a number"),
    ("a total below zero", [items(A, total=-1)], page(total_path="total"), "not a number"),
    ("has_more is a word", [items(A, more="maybe")], page(more_path="more"), "more_path 'more' is neither"),
    ("a cursor that is an object", [items(A, next={"a": 1})], cursor(), "not a cursor"),
    ("a cursor that no URL can carry", ['{"items": [{"id": 1}], "next": "\\ud800"}'], cursor(), "no URL can carry"),
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
    (
        "pages that are capped, but counted by the size asked for",
        [items(A), items(C), items(B)],
        page(size_param="size", page_size=2),
        "Set pagination.page_size to 1",
    ),
    (
        "offsets of pages that are filtered, counted by records",
        [items(A, B), items(B, C)],
        offset(page_size=4),
        "set pagination.advance to page_size",
    ),
    ("the same cursor for ever", [items(A, next="b"), items(B, next="b")], cursor(), "one that was read before"),
    ("cursors in a circle", [items(A, next="b"), items(B, next="c"), items(C, next="b")], cursor(), "read before"),
    ("a link to itself", [items(A, next="/v1/items?p=2")] * 2, BY_NEXT, "read before"),
    ("a link to the first page", [items(A, next="?p=2"), items(B, next="ORIGIN/v1/items#x")], BY_NEXT, "read before"),
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
    assert raised.value.step == "read"
    assert raised.value.message.startswith("Step read: ")


IN_BODY = {"method": "POST", "body": {"filter": [1]}}


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"pagination": page(stop_after_empty_page=False)}, "needs another end"),
        ({"pagination": offset(stop_after_empty_page=False)}, "needs another end"),
        ({"pagination": page(page_param="")}, "page_param"),
        ({"pagination": cursor(cursor_path="a[b")}, "not a path"),
        ({"pagination": cursor(cursor_path="header:")}, "not the name of a header"),
        ({"pagination": cursor(params_in="body")}, "needs method: POST"),
        (
            IN_BODY | {"pagination": page(page_param="filter.page", params_in="body")},
            "on the way to 'filter.page' in the",
        ),
        (IN_BODY | {"pagination": cursor(cursor_param="a[b", params_in="body")}, "'a\\[b' is not a path"),
        (IN_BODY | {"pagination": cursor(cursor_param="$", params_in="body")}, "is not a path of names"),
        (IN_BODY | {"pagination": cursor(cursor_param="x[a=b]", params_in="body")}, "is not a path of names"),
        (IN_BODY | {"pagination": offset(limit_param="offset.x", params_in="body")}, "on the way to 'offset.x'"),
        ({"pagination": {"kind": "link", "params_in": "body"}, "method": "POST"}, "a link has its own query"),
        ({"pagination": page(end_status=[200])}, "end_status"),
        ({"records": "header:X"}, "not a header"),
        ({"path": "https://elsewhere.example.com/x"}, "a path under the connection's base_url"),
        ({"path": "//elsewhere.example.com/x"}, "a path under the connection's base_url"),
        ({"body": {"x": 1}}, "needs method: POST"),
    ],
)
def test_configs_that_make_no_sense_are_refused(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DriverConfigError, match=complaint):
        read(**config)


def test_the_examples_of_the_documentation_are_valid() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "apis.md").read_text(encoding="utf-8")
    examples = re.findall(r"^\| [\w, ]+ \| `(\{kind: .*?\})`", text, re.MULTILINE)
    assert len(examples) > 7
    for example in examples:
        ApiExtractorConfig.model_validate({"path": "x", "method": "POST", "pagination": yaml.safe_load(example)})


def test_empty_pages_for_ever_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osiris_provider.drivers.http.paginator.MAX_EMPTY_PAGES", 3)
    empty = [items(more=True)] * 3
    numbers = page(more_path="more")
    with pytest.raises(DataError, match="3 pages in a row are empty"):
        read(*empty, items(more=True), pagination=numbers, records="items")
    some = [*empty, items(A, more=True), *empty, items(B, more=False)]
    assert read(*some, pagination=numbers, records="items")[0]["id"].to_pylist() == [1, 2]


def test_behind_the_most_pages_there_is_one_without_records_at_most() -> None:
    numbers, first = page(more_path="more"), [items(A, more=True), items(B, more=True)]
    for last in ([items(C, more=False)], [items(C, more=True), items(more=False)]):
        table, _ = read(*first, *last, pagination=numbers, records="items", max_pages=3)
        assert table["id"].to_pylist() == [1, 2, 3]
    for last in ([items(C, more=True), items({"id": 4}, more=False)], [items(more=True), *[items(more=True)] * 2]):
        with pytest.raises(DataError, match="Step read: there are more than 3 pages"):
            read(*first, *last, pagination=numbers, records="items", max_pages=3)


def test_a_link_that_is_not_followed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    read(link([A], '<ORIGIN/v1/items?p=2>; rel="next"'), pagination={"kind": "none"})
    assert "links to a next page, which is not read" in caplog.text


TOLD = [
    ([items(A, total=5)], {"kind": "none"}, "records read: 1, but the answer of the API says 5 at 'total'"),
    ([items(A, next="b", count=3), items(B, next=None, count=3)], cursor(), "says 3 at 'count'"),
    ([items(A, next=None, meta={"total_count": "7"})], cursor(), "set pagination.total_path to 'meta.total_count'"),
    ([headed(items(A), X_Total_Count="2"), items()], page(), ""),
    ([headed(items(A), X_Total_Count="2"), NOTHING], page(), "says 2 at 'header:X-Total-Count'"),
    ([items(A, next=None, has_more=True)], cursor(), "set pagination.more_path to 'has_more'"),
    ([items(A, next=None, total=1, has_more=False)], cursor(), ""),
    ([items(A, total=True), items(total="many")], page(), ""),
]


@pytest.mark.parametrize(("replies", "pagination", "warning"), TOLD)
def test_an_end_that_the_answer_contradicts_is_told(
    caplog: pytest.LogCaptureFixture, replies: list[Any], pagination: dict[str, Any], warning: str
) -> None:
    read(*replies, records="items", pagination=pagination)
    assert warning in caplog.text
    assert ("records read: " in caplog.text) == bool(warning)


def test_a_short_first_page_is_told_where_no_size_is_given(caplog: pytest.LogCaptureFixture) -> None:
    read(items(A), items(B), items(), records="items", pagination={"kind": "page"})
    assert "Page 1 is shorter (1) than was asked for (100)" in caplog.text


def test_a_pending_result_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    pending = Reply.of_json({"status": "pending"}, 202, {"Retry-After": "7"})
    table, _ = read(pending, [A])
    assert table.to_pylist() == [A]
    assert waits == [7]
    with pytest.raises(ConnectorError, match="not ready yet") as raised:
        read(*[pending] * retry.ATTEMPTS)
    assert raised.value.fault.slug == "pending"


def test_403_with_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    limited = Reply.of_json({"message": "secondary rate limit"}, 403, {"Retry-After": "60"})
    table, _ = read(limited, limited, limited, limited, [A])
    assert table.to_pylist() == [A]
    assert waits == [60] * 4
    with pytest.raises(ConnectorError) as raised:
        read(Reply.of_json({}, 403))
    assert raised.value.category == "permission"


SHIFTED = [
    ("rows that came", [items(A, B), items(B, C), items()], page(), True),
    ("two rows that came", [items(A, B, C), items(B, C, {"id": 4}), items()], page(), True),
    ("rows that came between full offsets", [items(A, B), items(B, C), items()], offset(), True),
    ("a cursor that is inclusive", [items(A, B, next="2"), items(B, C, next=None)], cursor(), True),
    ("pages of their own", [items(A, B), items(C, {"id": 4}), items()], page(), False),
    ("equal rows within a page", [items(A, B, B), items(B, B, C), items()], page(), False),
    ("equal rows behind one that is not", [items(C, A, B, B), items(A, B, B, {"id": 4}), items()], page(), False),
    ("a row of the page before the last", [items(A, B), items(C, A), items()], page(), False),
]


@pytest.mark.parametrize(("replies", "pagination", "said"), [case[1:] for case in SHIFTED], ids=[c[0] for c in SHIFTED])
def test_pages_that_overlap_are_said(
    caplog: pytest.LogCaptureFixture, replies: list[Any], pagination: dict[str, Any], said: bool
) -> None:
    read(*replies, records="items", pagination=pagination)
    assert (
        caplog.text.count("Page 2 begins with records that end page 1. If they are the same, they come twice") == said
    )
