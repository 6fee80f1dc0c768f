"""Paths into JSON: where each leads, what is none, and how a value gets to one."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.http.json_text import parse_json
from osiris_provider.drivers.http.config import ApiExtractorConfig
from osiris_provider.drivers.http.page_kinds import CursorPages
from osiris_provider.drivers.http.paths import MISSING, get_path, with_value
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("value", "path", "actual"),
    [
        ({"a": {"b": 1}}, "a.b", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a.b": 1, "a": {"b": 2}}, "['a']['b']", 2),
        ({"a.b": 1, "a": {"b": 2}}, '["a"].b', 2),
        ({"a.b": 1, "a": {"b": 2}}, "['a.b']", 1),
        ({"a.b": {"c.d": 1}, "a": {"b": 2}}, "a.b.c.d", 1),
        ({"a": {"b.c": {"d": 1}}}, "a.b.c.d", 1),
        ({"a": [{"b": 1}, {"b": 2}]}, "a[-1].b", 2),
        ({"a": [{"b": 1}, {"b": 2}]}, "a.0.b", 1),
        ({"a": [1, 2]}, "a.-2", 1),
        ({"a": [1, 2]}, "a.1", 2),
        ({"a": [1, 2]}, "a.-3", MISSING),
        ({"a": [1, 2]}, "a.2", MISSING),
        ({"a": [1]}, "a.b", MISSING),
        ({"a": [1]}, "a.0b", MISSING),
        ({"a": None}, "a.b", None),
        ({"a": 7}, "a.b", MISSING),
        ({"a": None}, "b", MISSING),
        ({"0": 1}, "0", 1),
        ({"": 1}, "['']", 1),
        ({"a": [{"r": "x", "v": 1}, {"r": "y", "v": 2}]}, "a[r=y].v", 2),
        ({"a": [{"r": "x", "v": 1}]}, "a[r=z].v", MISSING),
        ({"a": [7, {"r": "x", "v": 1}]}, "a[r='x'].v", 1),
        ({"a": {"r": "x"}}, "a[r=x]", MISSING),
        ({"$count": 1}, "$count", 1),
        ({"a": 1}, "$.a", 1),
        ({"a": 1}, "$['a']", 1),
        ([1], "$", [1]),
        ([1], "$[0]", 1),
        ([1], "", [1]),
    ],
)
def test_where_a_path_leads(value: Any, path: str, actual: Any) -> None:
    assert get_path(value, path) == actual


@pytest.mark.parametrize("wanted", ["true", "false", "7", "1.50", "text", "-0"])
def test_a_filter_compares_with_what_json_writes(wanted: str) -> None:
    listed = ", ".join(f'{{"is": {text}}}' for text in ("null", "true", "false", "7", "1.50", '"text"', "-0"))
    value = get_path(parse_json(f'{{"a": [{{}}, {listed}]}}'.encode()), f"a[is={wanted}].is")
    assert {True: "true", False: "false"}.get(value, str(value)) == wanted


@pytest.mark.parametrize("path", ["a[", "a]", "a[b", "a..b", "a.", ".", "a[b.c=1]", "a[x"])
def test_what_is_no_path_is_refused_where_it_stands(path: str) -> None:
    for field in ("records", "error_paths"):
        with pytest.raises(ValidationError, match=r"is not a path such as data\.items"):
            ApiExtractorConfig.model_validate({"path": "x", field: path if field == "records" else [path]})
    with pytest.raises(ValidationError, match=r"is not a path such as data\.items"):
        CursorPages(kind="cursor", cursor_path=path)


@pytest.mark.parametrize("name", ["X-Next", "x", "a_b.c!#$%&'*+^`|~"])
def test_what_is_said_of_pages_may_be_in_a_header(name: str) -> None:
    assert CursorPages(kind="cursor", cursor_path=f"header:{name}").cursor_path == f"header:{name}"
    with pytest.raises(ValidationError, match="is a path in the answer's JSON, not a header"):
        ApiExtractorConfig(path="x", records=f"header:{name}")


@pytest.mark.parametrize("name", ["", "X Next", "X:Next", "é", "X-Next\n"])
def test_what_is_no_name_of_a_header_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not the name of a header such as header:X-Next-Cursor"):
        CursorPages(kind="cursor", cursor_path=f"header:{name}")


@pytest.mark.parametrize(
    ("body", "path", "changed"),
    [
        (None, "page", {"page": 7}),
        ({}, "page.number", {"page": {"number": 7}}),
        ({"page": None}, "page.number", {"page": {"number": 7}}),
        ({"page": {"size": 1, "number": 2}, "q": 3}, "page.number", {"page": {"size": 1, "number": 7}, "q": 3}),
        ({"page": {"size": 1}}, "page", {"page": 7}),
    ],
)
def test_a_value_gets_to_its_path_in_a_copy(body: Any, path: str, changed: dict[str, Any]) -> None:
    before = repr(body)
    assert with_value(body, path, 7) == changed
    assert repr(body) == before


@pytest.mark.parametrize(
    ("body", "path", "problem"),
    [
        ({}, "", "'' is not a path of names"),
        ({}, "a[b=c]", r"'a\[b=c\]' is not a path of names"),
        ({"a": 1}, "a.b", "something else than an object on the way to 'a.b'"),
        ({"a": [1]}, "a.0", "something else than an object on the way to 'a.0'"),
        ([1], "a", "something else than an object on the way to 'a'"),
    ],
)
def test_a_value_gets_to_names_in_objects_only(body: Any, path: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        with_value(body, path, 7)
