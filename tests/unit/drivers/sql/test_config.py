"""Which fields of a step of a database go together, and what they mean where they are left out."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.drivers.sql.config import QueryConfig, ServerQueryConfig, WriteConfig
from pydantic import ValidationError


def quote(name: str) -> str:
    return f"<{name}>"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "either query or table"),
        ({"query": "q", "table": "t"}, "either query or table"),
        ({"query": "q", "columns": ["a"]}, "columns"),
        ({"table": "t", "params": [1]}, "params"),
        ({"table": "t", "params": []}, "params"),
        ({"table": "t", "columns": ["a"], "incremental": {"column": "id"}}, "columns must have id"),
        ({"table": "t", "partitions": 2}, "partition_on"),
    ],
)
def test_fields_of_a_query_that_do_not_go_together(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ServerQueryConfig(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"query": "q", "params": {"a": 1}},
        {"query": "q", "incremental": {"column": "id"}},
        {"table": "t", "incremental": {"column": "id"}},
        {"table": "t", "columns": ["a", "id"], "incremental": {"column": "id"}},
        {"table": "t", "partition_on": "id"},
    ],
)
def test_fields_of_a_query_that_go_together(given: dict[str, Any]) -> None:
    config = ServerQueryConfig(**given)
    assert (config.partitions, config.special_values, config.text_columns) == (4, "text", [])


def test_a_key_is_needed_to_tell_rows_apart_and_may_be_one_column() -> None:
    with pytest.raises(ValidationError, match="primary_key"):
        WriteConfig(table="t", write_mode="upsert")
    keys: Any = "id"
    assert WriteConfig(table="t", write_mode="upsert", primary_key=keys).primary_key == ["id"]
    config = WriteConfig(table="t")
    assert (config.write_mode, config.primary_key, config.lossy, config.input) == ("append", [], "error", None)
    assert (config.create_if_missing, config.ledger) == (False, True)


@pytest.mark.parametrize(
    ("given", "statement", "unfiltered"),
    [
        ({"table": "s.t"}, "SELECT * FROM <s>.<t>", None),
        ({"table": "t", "columns": ["a", "b"]}, "SELECT <a>, <b> FROM <t>", None),
        ({"query": " q ;\n; \t"}, "q", "SELECT * FROM (\nq\n) AS osiris_rows"),
        ({"query": "q; -- x"}, "q; -- x", "SELECT * FROM (\nq; -- x\n) AS osiris_rows"),
    ],
)
def test_what_is_run(given: dict[str, Any], statement: str, unfiltered: str | None) -> None:
    config = QueryConfig(**given)
    assert (config.statement(quote), config.unfiltered(quote)) == (statement, unfiltered or statement)
