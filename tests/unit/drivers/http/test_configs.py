"""What the configs of the extractors of APIs ask for, and what in them makes no sense together."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from osiris_provider.drivers.http.config import ApiExtractorConfig, ShopifyExtractorConfig
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.incremental.cursor import CursorRange, CursorValue
from osiris_provider.drivers.step import StepConfig
from osiris_provider.drivers.supabase.config import SupabaseExtractorConfig
from pydantic import ValidationError

NOWS, SOONS = "2026-01-31T12:00:00", "2026-02-01T00:00:00"
NOW, SOON = (CursorValue.given(datetime.fromisoformat(text)) for text in (NOWS, SOONS))
QUERY = "query ($after: String, $search: String) { orders(after: $after, query: $search) { nodes { id } } }"


def config_of(driver: str, **fields: Any) -> Any:
    """Return a config that has what its driver requires, and these fields."""
    models: dict[str, tuple[type[StepConfig], dict[str, Any]]] = {
        "api": (ApiExtractorConfig, {"path": "items"}),
        "shopify": (ShopifyExtractorConfig, {"resource": "orders"}),
        "query": (ShopifyExtractorConfig, {"query": QUERY, "connection_path": "orders"}),
        "supabase": (SupabaseExtractorConfig, {"table": "people", "key": "id"}),
    }
    model, required = models[driver]
    return model.model_validate({**required, **fields})


def page_of(*keys: Any) -> Page:
    value = [{"id": key} for key in keys]
    return Page(2, value, {}, "https://h/rest/v1/people", value, 7, 0, "", ended=False)


@pytest.mark.parametrize(
    ("driver", "fields", "said"),
    [
        ("api", {"body": {}}, "needs method: POST"),
        ("api", {"pagination": {"kind": "page", "params_in": "body"}}, "needs method: POST"),
        ("api", {"path": "https://h/items"}, "is a path under the connection's base_url, not a URL"),
        ("api", {"path": "//h/items"}, "is a path under the connection's base_url, not a URL"),
        ("api", {"path": "a2+b.c-d:/x"}, "is a path under the connection's base_url, not a URL"),
        ("shopify", {"query": QUERY}, "give either config field resource, or query"),
        ("shopify", {"resource": None}, "give either config field resource, or query"),
        ("shopify", {"resource": "1orders"}, "resource"),
        ("query", {"connection_path": None}, "needs connection_path"),
        ("query", {"query": QUERY.replace("$after", "$behind")}, r"a variable \$after or \$cursor"),
        ("query", {"query": QUERY.replace("$after", "$afterwards")}, r"a variable \$after or \$cursor"),
        ("shopify", {"incremental": {"column": "updatedAt"}}, "config field fields must have updatedAt"),
        ("query", {"query": QUERY.replace("$search", "$s"), "incremental": {"column": "x"}}, r"a variable \$search"),
        ("supabase", {"columns": ["id"], "select": "id"}, "columns and select say the same"),
        ("supabase", {"key": None}, "config field key or config field order is required"),
        ("supabase", {"order": ["id"]}, "config field key or config field order is required"),
        ("supabase", {"key": None, "order": ["id", ""]}, "config field key or config field order is required"),
        (
            "supabase",
            {"key": None, "order": "id", "incremental": {"column": "x"}},
            "incremental needs config field key",
        ),
        ("supabase", {"columns": ["name"]}, "config field columns must have id"),
        ("supabase", {"columns": ["id"], "incremental": {"column": "x"}}, "config field columns must have x"),
        *[
            ("supabase", {"filters": {name: "1"}}, f"config field filters: {name} is not a filter")
            for name in ("select", "order", "limit", "offset")
        ],
    ],
)
def test_what_makes_no_sense_together_is_said(driver: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config_of(driver, **fields)


@pytest.mark.parametrize(
    ("fields", "page", "asked"),
    [
        ({}, None, {"select": "*", "limit": 1001, "order": "id"}),
        ({"columns": ["id", "n"]}, None, {"select": "id,n", "limit": 1001, "order": "id"}),
        ({"select": "id,author(n)", "page_size": 2}, None, {"select": "id,author(n)", "limit": 3, "order": "id"}),
        ({"filters": {"age": "gte.18"}}, None, {"select": "*", "limit": 1001, "age": ["gte.18"], "order": "id"}),
        # The last row of a page begins the next one, unless a page has but one row.
        ({}, (1, 5), {"select": "*", "limit": 1001, "id": ["gte.5"], "order": "id"}),
        ({}, (5,), {"select": "*", "limit": 1001, "id": ["gt.5"], "order": "id"}),
        ({"filters": {"id": ["gt.0", "lt.9"]}}, (5,), {"id": ["gt.0", "lt.9", "gt.5"]}),
        ({"key": None, "order": "a.desc, b"}, None, {"select": "*", "limit": 1000, "order": "a.desc,b", "offset": 0}),
        ({"key": None, "order": ["a"]}, (1, 2), {"select": "*", "limit": 1000, "order": "a", "offset": 9}),
    ],
)
def test_what_a_table_is_asked_for(fields: dict[str, Any], page: Any, asked: dict[str, Any]) -> None:
    params = config_of("supabase", **fields).params(page_of(*page) if page else None, None)
    assert (params if "select" in asked else {name: params[name] for name in asked}) == asked


@pytest.mark.parametrize(
    ("cursor_range", "condition"),
    [
        (CursorRange("at", low=NOW), ("or", f'(and("at".gte."{NOWS}"),"at".is.null)')),
        (CursorRange("at", low=NOW, inclusive=False), ("or", f'(and("at".gt."{NOWS}"),"at".is.null)')),
        (CursorRange("at", low=NOW, with_nulls=False), ("and", f'("at".gte."{NOWS}")')),
        (CursorRange("at", high=SOON, with_nulls=False), ("and", f'("at".lte."{SOONS}")')),
        (CursorRange("at", NOW, True, SOON, False), ("and", f'("at".gte."{NOWS}","at".lte."{SOONS}")')),
        (CursorRange("at", with_nulls=False), ("and", '("at".not.is.null)')),
        (CursorRange("at"), None),
        (CursorRange('a"\\', CursorValue.given('b"\\'), with_nulls=False), ("and", r'("a\"\\".gte."b\"\\")')),
    ],
    ids=str,
)
def test_a_range_is_a_filter_of_postgrest(cursor_range: CursorRange, condition: tuple[str, str] | None) -> None:
    params = config_of("supabase").params(None, cursor_range)
    assert {name: params[name] for name in ("and", "or") if name in params} == (
        {condition[0]: [condition[1]]} if condition else {}
    )
    # One that the user has given stays.
    kept = config_of("supabase", filters={"and": "(a.eq.1)"}).params(None, cursor_range)["and"]
    assert kept == ["(a.eq.1)", *([condition[1]] if condition and condition[0] == "and" else [])]


def test_a_row_without_a_key_is_asked_for_beside_what_is_asked() -> None:
    config = config_of("supabase", filters={"id": "lt.9", "a": "eq.1"}, columns=["id", "n"])
    asked = {"select": "id", "limit": 1, "id": ["lt.9", "is.null"], "a": ["eq.1"], "order": "id"}
    assert config.without_key(None) == asked


@pytest.mark.parametrize(
    ("cursor_range", "search", "searched"),
    [
        (None, None, None),
        (None, "a:1", "a:1"),
        (CursorRange("updatedAt"), "a:1", "a:1"),
        (CursorRange("updatedAt", low=NOW), None, f"updated_at:>='{NOWS}'"),
        (CursorRange("updatedAt", low=NOW, inclusive=False), "a:1 OR b", f"(a:1 OR b) AND updated_at:>'{NOWS}'"),
        (CursorRange("updatedAt", high=SOON), None, f"updated_at:<='{SOONS}'"),
        (CursorRange("at", NOW, True, SOON), None, f"at:>='{NOWS}' AND at:<='{SOONS}'"),
        (CursorRange("day", low=CursorValue.given(date(2026, 1, 31))), None, "day:>='2026-01-31'"),
        (CursorRange("id", low=CursorValue.given("a'\\")), None, r"id:>='a\'\\'"),
    ],
    ids=str,
)
def test_a_range_is_a_term_of_shopifys_search(
    cursor_range: CursorRange | None, search: str | None, searched: str | None
) -> None:
    assert config_of("shopify", fields=["updatedAt"], search=search).searched(cursor_range) == searched


def test_a_resource_is_asked_for_by_a_query() -> None:
    config = config_of("shopify", fields=["id", "name"], page_size=7, variables={"x": 1})
    asked = config.request("c", None)
    nodes = "nodes { id name } pageInfo { hasNextPage endCursor }"
    assert asked["query"] == (
        f"query ($first: Int!, $after: String) {{ orders(first: $first, after: $after) {{ {nodes} }} }}"
    )
    assert asked["variables"] == {"x": 1, "after": "c", "first": 7}
    asked = config.request(None, "a:1")
    assert asked["query"] == (
        "query ($first: Int!, $after: String, $search: String) "
        f"{{ orders(first: $first, after: $after, query: $search) {{ {nodes} }} }}"
    )
    assert asked["variables"] == {"x": 1, "after": None, "first": 7, "search": "a:1"}
    assert (config.path, config.cursor_variable) == ("orders", "after")


@pytest.mark.parametrize("cursor", ["after", "cursor"])
@pytest.mark.parametrize("first", [True, False])
def test_a_query_of_the_user_gets_the_variables_that_it_has(cursor: str, first: bool) -> None:
    query = QUERY.replace("$after", f"${cursor}").replace("(after", "(first: $first, after" if first else "(after")
    config = config_of("query", query=query)
    given = {cursor: "c", **({"first": 100} if first else {})}
    assert config.request("c", None) == {"query": query, "variables": given}
    assert (config.path, config.cursor_variable) == ("orders", cursor)


@pytest.mark.parametrize(
    ("incremental", "cursor_range", "asked"),
    [
        (None, None, {"a": 1}),
        ({"column": "at", "param": "since"}, None, {"a": 1}),
        ({"column": "at", "param": "since"}, CursorRange("at"), {"a": 1}),
        ({"column": "at", "param": "since"}, CursorRange("at", low=NOW, high=SOON), {"a": 1, "since": NOWS}),
        ({"column": "at", "param": "a"}, CursorRange("at", low=NOW), {"a": NOWS}),
    ],
    ids=str,
)
def test_an_api_is_asked_for_what_is_new(incremental: Any, cursor_range: Any, asked: dict[str, Any]) -> None:
    assert config_of("api", params={"a": 1}, incremental=incremental).asked(cursor_range) == asked
