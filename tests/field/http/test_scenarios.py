"""The situations that the tests of dlt's and Meltano's paginators set up, and the case that holds each of them here.

dlt: ``tests/sources/helpers/rest_client/test_paginators.py``; Meltano's SDK: ``tests/core/rest/test_pagination.py``. In
``SCENARIOS`` each of them is named by its case in the tables of ``test_pages.py``, of
``test_links_and_cursors.py`` and of this file, or by a test. Where the right answer here is another one than
theirs, the line says so: what they take for the end, and what may be rows that are missing, is refused here.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from osiris_provider.connectors import close_all
from osiris_provider.errors import DataError, DriverConfigError

from tests.field.http import reads, test_links_and_cursors, test_pages
from tests.field.http.cases import POST, A, B, C, Case, check, cursor, items, offset, page
from tests.servers.apis.scripted_api import ScriptedApi

READ = [
    Case(
        "a link behind a name",
        [items(A, links={"next": "/v1/items?p=2"}), items(B, links={"next": None})],
        {"kind": "link", "next_path": "links.next"},
        [1, 2],
        [{}, {"p": "2"}],
    ),
    Case(
        "a name with dots in brackets and double quotes",
        [{"items": [A], "@odata.nextLink": "ORIGIN/v1/items?p=2"}, {"items": [B], "@odata.nextLink": None}],
        {"kind": "link", "next_path": '["@odata.nextLink"]'},
        [1, 2],
    ),
    Case(
        "a link with the page in its path",
        [items(A, next="/v1/page/2/items?filter=active&category=books"), items(B, next=None)],
        {"kind": "link", "next_path": "next"},
        [1, 2],
        [{}, {"filter": "active", "category": "books"}],
    ),
    Case(
        "a link that lacks the parameters of the first request",
        [items(A, next="/v1/items?sort=asc"), items(B, next=None)],
        {"kind": "link", "next_path": "next"},
        [1, 2],
        [{"page": "1"}, {"sort": "asc"}],
        more={"params": {"page": 1}},
    ),
    Case(
        "has_more decides, although the total is reached",
        [items(A, total=1, more=True), items(total=1, more=False)],
        page(start=0, total_path="total", more_path="more"),
        [1],
    ),
    Case(
        "numbers from 0 with has_more",
        [items(A, more=True), items(B, more=False)],
        page(start=0, more_path="more"),
        [1, 2],
    ),
    Case(
        "an empty page is the end of numbers, if nothing says that there is more",
        [items(A, B), items()],
        page(),
        [1, 2],
        [{"page": "1"}, {"page": "2"}],
    ),
    Case(
        "has_more of offsets",
        [items(A, B, more="true"), items(C, more=False)],
        offset(more_path="more"),
        [1, 2, 3],
    ),
    Case(
        "a total is the only end of offsets",
        [items(A, B, total=3), items(C, total=3)],
        offset(total_path="total", stop_after_empty_page=False),
        [1, 2, 3],
    ),
    Case(
        "a total is the only end of numbers",
        [items(A, total=2), items(B, total=2)],
        page(total_path="total", stop_after_empty_page=False),
        [1, 2],
    ),
    Case(
        "a total of offsets that is not known",
        [items(A, B, total=None), items(total=None)],
        offset(total_path="total"),
        [1, 2],
    ),
    Case(
        "an offset in the body, beside what is there",
        [items(A, B, total=3), items(C, total=3)],
        offset(params_in="body", offset_param="filter.offset", limit_param="filter.limit", total_path="total"),
        [1, 2, 3],
        [{}, {}],
        [{"filter": {"x": 1, "offset": 0, "limit": 2}}, {"filter": {"x": 1, "offset": 2, "limit": 2}}],
        more=POST,
    ),
    Case(
        "a cursor and has_more, without records",
        [items(A, next="b", more=True), items(next="c", more=True), items(B, next="", more=False)],
        cursor(more_path="more"),
        [1, 2],
    ),
    Case(
        "an empty first page is the end of offsets",
        [items()],
        offset(),
        [],
        [{"offset": "0", "limit": "2"}],
    ),
]

REFUSED: list[tuple[str, list[Any], dict[str, Any], str]] = [
    ("more numbers than max_pages", [items(A), items(B), items(C)], page(), "more than 2 pages"),
    ("more numbers than max_pages, with has_more", [items(A, more=True)] * 3, page(more_path="more"), "repeats"),
    ("more offsets than max_pages", [items(A), items(B), items(C)], offset(), "more than 2 pages"),
    ("an offset's total that is a word", [items(A, total="many")], offset(total_path="total"), "not a number"),
    ("an offset's total that is an object", [items(A, total={"n": 5})], offset(total_path="total"), "not a number"),
    ("an offset's total that is a list", [items(A, total=[5])], offset(total_path="total"), "not a number"),
    ("an offset's total that is not there", [items(A)], offset(total_path="total"), "total_path 'total' was not found"),
    ("an offset's has_more that is a word", [items(A, more="x")], offset(more_path="more"), "neither true nor false"),
    ("an offset's has_more that is not there", [items(A)], offset(more_path="more"), "more_path 'more' was not found"),
]

CONFIGS = {
    "a number without a name": page(page_param=""),
    "an offset without a name": offset(offset_param=""),
    "a limit without a name": offset(limit_param=""),
    "a cursor without a name": cursor(cursor_param=""),
    "numbers without an end": page(stop_after_empty_page=False),
    "offsets without an end": offset(stop_after_empty_page=False),
    "a parameter in the query and in the body": page(params_in="both"),
}


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_all_pages_are_read(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(("name", "replies", "pagination", "complaint"), REFUSED, ids=[case[0] for case in REFUSED])
def test_pages_that_make_no_sense_are_refused(
    name: str, replies: list[Any], pagination: dict[str, Any], complaint: str
) -> None:
    del name
    with pytest.raises(DataError, match=complaint):
        reads.read(*replies, records="items", pagination=pagination, max_pages=2)


@pytest.mark.parametrize("pagination", CONFIGS.values(), ids=list(CONFIGS))
def test_configs_without_a_name_or_an_end_are_refused(pagination: dict[str, Any]) -> None:
    with pytest.raises(DriverConfigError):
        reads.read(records="items", pagination=pagination)


def test_a_link_of_https_stays_there(tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    replies = [items(A, next="/v1/items?p=2"), items(B, next="ORIGIN/v1/items?p=3"), items(C, next=None)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedApi(*replies, tls=context) as server:
        connection = {"family": "api", "alias": "test", "base_url": f"{server.origin}/v1", "ca_bundle": str(bundle)}
        table = reads.read_from(
            server, resolved_connection=connection, records="items", pagination={"kind": "link", "next_path": "next"}
        )
        close_all()
    assert server.origin.startswith("https://")
    assert table["id"].to_pylist() == [1, 2, 3]


SCENARIOS: dict[str, dict[str, str]] = {
    "dlt HeaderLinkPaginator, Meltano HeaderLinkPaginator": {
        "a next link": "the header Link",
        "no next link": "one page without a header Link",
        "no Link at all and no word that it may be so: refused": "no header Link",
        "relations without quotes, and one that is not next": (
            "the header Link without quotes and with a relation that ends it"
        ),
    },
    "dlt JSONLinkPaginator, Meltano BaseHATEOASPaginator": {
        "a link at the top": "a link that brings its own parameters",
        "a link below a name": "a link behind a name",
        "no link: the end only if the config says that it may be so": "a typo in next_path",
        "a name that needs quotes": "a name with dots in brackets",
        "the other quotes": "a name with dots in brackets and double quotes",
        "an absolute URL, with a port": "a name with dots",
        "a relative URL": "a link that brings its own parameters",
        "a longer path, 'page' in the path, several parameters": "a link with the page in its path",
        "https": "test_a_link_of_https_stays_there",
        "encoded characters": "a link with encoded characters",
        "a link without the parameter of the page": "a link that lacks the parameters of the first request",
        "no parameter twice": "a link that brings its own parameters",
        "a filter on rel=next in a list of links": "the link of a relation among others",
        "an empty list of links": "an index of a list",
        "a null on the way": "null behind a path",
    },
    "dlt SinglePagePaginator, Meltano SinglePagePaginator and no paginator": {
        "one page": "204 at once",
        "one page, although it names a next one": "no pagination",
        "the same in the header, with a warning": "test_a_link_that_is_not_followed_is_told",
    },
    "dlt RangePaginator": {
        "a parameter in the query or in the body, not in both": "a parameter in the query and in the body",
        "a parameter without a name": "a number without a name",
        "has_more beside a maximum: refused": "more numbers than max_pages",
        "has_more beside a total that is reached: read on": "has_more decides, although the total is reached",
    },
    "dlt OffsetPaginator, Meltano BaseOffsetPaginator": {
        "a total": "offsets from 1 (SCIM)",
        "the usual names": "offsets from 0",
        "a total as text": "a total as text",
        "a total that is a word": "an offset's total that is a word",
        "a total that is an object": "an offset's total that is an object",
        "a total that is a list": "an offset's total that is a list",
        "a total that is not there": "an offset's total that is not there",
        "a total that is null": "a total of offsets that is not known",
        "no total": "offsets from 0",
        "no total, and an empty page": "an empty first page is the end of offsets",
        "no end": "offsets without an end",
        "a total as the only end": "a total is the only end of offsets",
        "has_more, also as text": "has_more of offsets",
        "has_more that is a word": "an offset's has_more that is a word",
        "has_more that is not there": "an offset's has_more that is not there",
        "a start and a size": "a start that is not the first",
        "in the body that was not given": "an offset in a body that was not given",
        "in the body, below a name, beside what is there": "an offset in the body, beside what is there",
        "a maximum: refused": "more offsets than max_pages",
        "an offset without a name": "an offset without a name",
        "a limit without a name": "a limit without a name",
        "a short last page, then an empty one": "offsets from 0",
    },
    "dlt PageNumberPaginator, Meltano BasePageNumberPaginator": {
        "a total that is null": "a total that is not known",
        "no end": "numbers without an end",
        "a total as the only end": "a total is the only end of numbers",
        "a number of pages": "a number of pages",
        "a number of pages as text": "a number of pages as text",
        "a total that is a word": "a total that is a word",
        "a total that is an object": "a total that is an object",
        "a total that is a list": "a total that is a list",
        "a number of pages that is not there": "a typo in total_pages_path",
        "has_more": "has_more",
        "has_more from 0": "numbers from 0 with has_more",
        "has_more that is a word": "has_more is a word",
        "has_more that is not there": "a typo in more_path",
        "numbers from 0": "numbers from 0",
        "numbers from 1": "numbers from 1",
        "in the body, below a name, beside what is there": "a number in the body, beside what is there",
        "a maximum: refused": "more numbers than max_pages",
        "an empty page ends it": "an empty page is the end of numbers, if nothing says that there is more",
        "an empty page does not end it, since has_more says more": (
            "an empty page in the middle while has_more says more"
        ),
        "a number without a name": "a number without a name",
    },
    "dlt JSONResponseCursorPaginator, Meltano JSONPathPaginator": {
        "a cursor": "a cursor that is 0",
        "a cursor behind $., which the last page has as null": "a cursor of the last page behind $.",
        "an empty cursor": "a cursor of the last page is an empty text",
        "an empty cursor while has_more is true: refused": "has_more is true without a cursor",
        "an empty page as the end": "a cursor that never becomes null, with an empty page",
        "has_more is false": "has_more is false with a cursor still there",
        "has_more as text": "has_more as texts",
        "has_more is true, with and without records": "a cursor and has_more, without records",
        "has_more is not there": "a typo in more_path",
        "in the body, below a name, beside what is there": "a cursor in the body",
        "a cursor without a name": "a cursor without a name",
        "the same cursor again: refused": "the same cursor for ever",
    },
    "dlt HeaderCursorPaginator, Meltano SimpleHeaderPaginator": {
        "a cursor in a header, which the last page lacks": "a cursor in a header, which the last page lacks",
        "the header is never there: refused": "a header that is not there",
        "a name of its own in the query": "a page's number in a header (GitLab)",
    },
}


def _known() -> set[str]:
    cases = [*READ, *test_pages.READ, *test_links_and_cursors.READ]
    refused = [*REFUSED, *test_pages.REFUSED]
    tests = {name for module in (globals(), vars(test_pages)) for name in module if name.startswith("test_")}
    return {*(case.name for case in cases), *(name for name, *_ in refused), *CONFIGS, *tests}


@pytest.mark.parametrize("paginator", SCENARIOS)
def test_each_scenario_is_a_case(paginator: str) -> None:
    assert set(SCENARIOS[paginator].values()) - _known() == set()


def test_there_are_as_many_as_they_have() -> None:
    assert sum(map(len, SCENARIOS.values())) >= 55
