"""Which answers of Shopify have nodes, and which connections within them may have more than came."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.shopify import _NodePages, _Nodes
from osiris_provider.errors import DataError

INFO = {"hasNextPage": False, "endCursor": None}
MORE = {"hasNextPage": True}
OTHERS: list[Any] = [None, [], {"id": 1}, {"nodes": {}}, {"edges": {}}, {"nodes": [[]]}, {"nodes": ["x"]}]
NO_CONNECTION = r"there is no connection with nodes or edges at data\.shop\.orders\. .*connection_path"
INFOS: list[Any] = [None, [], {}, {"hasNextPage": True}, {"endCursor": "c"}, {**INFO, "hasNextPage": None}]
NO_INFO = r"the query must ask for pageInfo { hasNextPage endCursor }"


def rows_of(connection: Any, extensions: Any = None, page: int = 3) -> Any:
    return _Nodes("s", "shop.orders").rows_of(
        {"data": {"shop": {"orders": connection}}, "extensions": extensions}, page
    )


@pytest.mark.parametrize(
    "nodes",
    [
        {"nodes": [{"id": 1}, {"id": 2}]},
        {"edges": [{"node": {"id": 1}}, {"node": {"id": 2}, "cursor": "c"}]},
        {"nodes": [{"id": 1}, {"id": 2}], "edges": [{"node": {"id": 3}}]},
        {"nodes": None, "edges": [{"node": {"id": 1}}, {"node": {"id": 2}}]},
    ],
)
def test_nodes_are_there_by_themselves_or_in_edges(nodes: dict[str, Any]) -> None:
    assert rows_of({**nodes, "pageInfo": INFO}) == [{"id": 1}, {"id": 2}]
    assert rows_of({"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}) == []


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ({"nodes": [{}, None], "pageInfo": INFO}, r"page 3: node 2 at data\.shop\.orders is null"),
        ({"edges": [{"node": {}}, None], "pageInfo": INFO}, "page 3: node 2 at "),
        ({"edges": [{}], "pageInfo": INFO}, "page 3: node 1 at "),
        *[(other, NO_CONNECTION) for other in OTHERS],
        *[({"nodes": [{}], "pageInfo": info}, NO_INFO) for info in INFOS],
    ],
)
def test_what_is_no_connection_is_an_error(connection: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"^Step s: .*{said}") as raised:
        rows_of(connection)
    assert raised.value.step == "s"


@pytest.mark.parametrize(
    "inner", [{"nodes": [{}], "pageInfo": MORE}, {"edges": [], "pageInfo": MORE}, {"pageInfo": MORE}]
)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_connection_within_a_node_that_has_more_is_an_error(inner: Any, depth: int) -> None:
    path = "shop.orders.lines"
    if depth:
        inner, path = {"nodes": [{"taxes": inner}], "pageInfo": INFO}, f"{path}.nodes.taxes"
    with pytest.raises(DataError, match=rf"page 3, node 2: connection {path} has more nodes than came") as raised:
        rows_of({"nodes": [{}, {"lines": inner}], "pageInfo": INFO})
    assert raised.value.step == "s"


@pytest.mark.parametrize(
    ("inner", "doubtful"),
    [
        ({"nodes": [{}]}, True),
        ({"edges": []}, True),
        ({"nodes": [], "pageInfo": {"endCursor": None}}, True),
        ({"nodes": [], "pageInfo": [MORE]}, True),
        ({"nodes": [], "pageInfo": {"hasNextPage": False}}, False),
        ({"nodes": {}}, False),
        ({"amount": 1}, False),
        ([{"amount": 1}], False),
    ],
)
def test_a_connection_within_a_node_that_may_have_more_is_said_once(
    inner: Any, doubtful: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        rows_of({"nodes": [{"lines": inner}, {"lines": inner}], "pageInfo": INFO})
    said = [record.getMessage()[:58] for record in caplog.records]
    assert said == (["Step s: connection shop.orders.lines may have more nodes t"] if doubtful else [])


@pytest.mark.parametrize("code", [{"code": "invalid_field"}, {}, {"code": None}])
def test_a_search_of_which_a_condition_was_left_out_is_an_error(code: dict[str, Any]) -> None:
    search = [7, {"warnings": None}, {"warnings": [{**code, "field": "colour"}]}]
    with pytest.raises(
        DataError, match=r"^Step s: page 3: Shopify cannot search this connection by 'colour'"
    ) as raised:
        rows_of({"nodes": [], "pageInfo": INFO}, {"search": search})
    assert raised.value.step == "s"
    with pytest.raises(DataError, match="by '' and leaves"):
        rows_of({"nodes": [], "pageInfo": INFO}, {"search": [{"warnings": ["what"]}]})


def test_other_warnings_of_a_search_are_said_once_each(caplog: pytest.LogCaptureFixture) -> None:
    warnings = [{"code": code, "field": name} for code, name in (("slow", "a"), ("slow", "b"), ("slow", "a"))]
    with caplog.at_level(logging.WARNING):
        rows_of({"nodes": [], "pageInfo": INFO}, {"search": [{"warnings": warnings}]})
    said = [f"Step s: Shopify warns of the search by '{name}': slow." for name in "ab"]
    assert [record.getMessage() for record in caplog.records] == said


@pytest.mark.parametrize(
    ("number", "version", "is_said"), [(1, "2020-01", True), (2, "2020-01", False), (1, None, False)]
)
def test_another_version_is_said_on_the_first_page(
    number: int, version: str | None, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    pages = _NodePages(kind="cursor", cursor_path="c", asked_version="2026-01", step_id="s")
    headers = {"X-Shopify-API-Version": f"{version}{'x' * 20}"} if version else {}
    pages.following(Page(number, {"c": None}, headers, "https://h", [], 0, 0, "", ended=False))
    assert ("version 2026-01 of its API and has answered by 2020-01xxxxxxxxxxxxx, whose" in caplog.text) is is_said
