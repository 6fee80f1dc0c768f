"""Pages that name the next one: every page is read once. Situations that users of dlt, Meltano and others have met."""

from __future__ import annotations

import pytest

from tests.field.http.cases import A, B, C, Case, check, cursor, headed, items, link
from tests.servers.apis.http import Reply

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
    Case(
        "a cursor of the last page behind $.",
        [items(A, nextPageToken="b"), items(B, nextPageToken=None)],
        cursor(cursor_path="$.nextPageToken"),
        [1, 2],
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
]


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_all_pages_are_read(case: Case) -> None:
    check(case)
