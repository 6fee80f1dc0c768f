"""Tables of the command line, to the letter: what stands where on a wide terminal, and what is cut on a narrow one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from osiris_provider.cli import listing, tables
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.runtime.cleanup import OldFile
from rich.console import RenderableType

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
LISTED = [{"family": "mysql", "alias": "a_long_alias_that_is_no_short_one", "host": "db.example.com", "default": True}]
STATE: list[dict[str, Any]] = [
    {
        "dag_id": "flights",
        "task_id": "extract_of_yesterday",
        "map_index": index,
        "source": "@mysql.shop flights",
        "column": "day",
        "began_at": began,
        "reached": {"value": "2026-01-02"},
        "run_id": "manual__7",
        "written_at": "2026-01-02T03:04:05",
    }
    for index, began in ((-1, None), (3, {"value": "2026-01-01"}))
]
OLD = [OldFile(f"{dag}/run/task/0/1/data.parquet", size, AT) for dag, size in (("b", 1000), ("a", 7), ("b", 234))]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], RenderableType], int], list[str]]:
    def show(make: Callable[[], RenderableType], width: int) -> list[str]:
        monkeypatch.setattr(listing, "width", lambda: width)
        return [line.rstrip() for line in tables.render(make()).splitlines()]

    return show


def test_a_list_on_a_narrow_terminal_has_a_line_for_each_thing_which_is_cut(shown: Any) -> None:
    def listed() -> RenderableType:
        return tables.list_table(LISTED, ["a_file_of_connections.yaml:4"])

    assert shown(listed, 26) == [
        "@mysql.a_long_alias_that_…",
        "default",
        "  host=db.example.com",
        "  a_file_of_connections.y…",
    ]
    head, _, row = shown(listed, 90)
    assert head.split() == ["family", "alias", "default", "public", "fields", "source"]
    assert row.split()[:4] == ["mysql", "a_long_alias_that_is_no_short_one", "yes", "host=db.exampl…"]
    assert shown(listed, 89)[0] == "@mysql.a_long_alias_that_is_no_short_one  default"


def test_state_is_stacked_below_140_columns(shown: Any) -> None:
    assert shown(lambda: tables.state_table(STATE), 139) == [
        "flights extract_of_yesterday",
        "  @mysql.shop flights by day",
        "  none to 2026-01-02",
        "  manual__7",
        "  2026-01-02T03:04:05",
        "flights extract_of_yesterday 3",
        "  @mysql.shop flights by day",
        "  2026-01-01 to 2026-01-02",
        "  manual__7",
        "  2026-01-02T03:04:05",
    ]
    head, _, *rows = shown(lambda: tables.state_table(STATE), 140)
    assert head.split() == ["dag", "task", "index", "source", "column", "began", "at", "reached", "run", "written"]
    of_both = ["@mysql.shop", "flights", "day"]
    ends = ["2026-01-02", "manual__7", "2026-01-02T03:04:05"]
    assert [row.split() for row in rows] == [
        ["flights", "extract_of_yesterday", *of_both, *ends],
        ["flights", "extract_of_yesterday", "3", *of_both, "2026-01-01", *ends],
    ]


def test_what_was_removed_is_counted_by_dag(shown: Any) -> None:
    head, _, *rows = shown(lambda: tables.removed_table(OLD), 80)
    assert head.split() == ["dag", "files", "bytes"]
    assert [row.split() for row in rows] == [["a", "1", "7"], ["b", "2", "1,234"]]
    assert len({len(row) for row in (head, *rows)}) == 1, "numbers end below each other"


def test_verdicts_are_stacked_below_90_columns(shown: Any) -> None:
    verdict = Verdict(
        family="mysql",
        alias="shop",
        fault=None,
        message="Connection successful",
        latency_ms=7.25,
        server={"server_version": "8.0", "exists": True, "note": "Credentials are not proven."},
    )
    said = "Connection successful; server_version 8.0; Credentials are not proven."
    assert shown(lambda: tables.doctor_table([verdict]), 89) == ["@mysql.shop  ok  7.2 ms", f"  {said}"]
    head, _, row = shown(lambda: tables.doctor_table([verdict]), 130)
    assert head.split() == ["family", "alias", "status", "latency", "message"]
    assert row.split() == ["mysql", "shop", "ok", "7.2", "ms", *said.split()]
    # What is short stays in one line, however long the rest is.
    long = replace(verdict, alias="a" * 60, message="word " * 60)
    assert shown(lambda: tables.doctor_table([long]), 90)[2].split()[2:] == ["ok", "7.2", "ms"]
