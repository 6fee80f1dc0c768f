"""A pipeline's graph in its three forms, to the letter, and what Airflow's Docs tab shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.pipelines.pictures import as_dot, as_mermaid, as_text, docs

from tests.unit.pipeline_files import loaded
from tests.unit.pipelines.test_pipelines_graph import OML

TEXT = """\
steps:
  - {id: orders, driver: mysql.extractor, config: {connection: "@mysql", table: orders}}
  - {id: by_country, driver: duckdb.processor, inputs: {sales: orders}, config: {query: FROM sales}}
  - {id: store, driver: postgres.writer, inputs: [by_country], needs: [orders],
     config: {connection: "@postgres", table: c}}
"""


def test_as_text(tmp_path: Path) -> None:
    assert as_text(loaded(tmp_path, TEXT)).splitlines() == [
        "orders      mysql.extractor",
        "by_country  duckdb.processor  ← orders as sales",
        "store       postgres.writer  ← by_country, after orders",
    ]
    # OML has several names for one input.
    assert as_text(loaded(tmp_path, OML)).splitlines() == [
        "one      mysql.extractor",
        "two      mysql.extractor  ← after one",
        "both-of  duckdb.processor  ← one, two",
        "last     filesystem.csv_writer  ← both-of",
    ]


def test_as_mermaid(tmp_path: Path) -> None:
    assert as_mermaid(loaded(tmp_path, TEXT)).splitlines() == [
        "flowchart LR",
        '    s0["orders<br/>mysql.extractor"]',
        '    s1["by_country<br/>duckdb.processor"]',
        '    s2["store<br/>postgres.writer"]',
        "    s0 --> s1",
        "    s1 --> s2",
        "    s0 -.-> s2",
    ]


def test_as_dot(tmp_path: Path) -> None:
    assert as_dot(loaded(tmp_path, TEXT)).splitlines() == [
        'digraph "orders" {',
        "    rankdir=LR;",
        '    "orders" [label="orders: mysql.extractor"];',
        '    "by_country" [label="by_country: duckdb.processor"];',
        '    "orders" -> "by_country";',
        '    "store" [label="store: postgres.writer"];',
        '    "by_country" -> "store";',
        '    "orders" -> "store" [style=dashed];',
        "}",
    ]


@pytest.mark.parametrize(
    ("said", "first"),
    [("", ""), ("description: D", "D"), ("doc: O", "O"), ("description: D\ndoc: O", "O"), ("doc: ''", "")],
)
@pytest.mark.parametrize(("ticks", "fence"), [("", "```"), ("``", "```"), ("```` ```", "`````")])
def test_docs(tmp_path: Path, said: str, first: str, ticks: str, fence: str) -> None:
    text = f"# {ticks}\n{said}\n{TEXT}"
    pipeline = loaded(tmp_path, text)
    source = f"Made of `orders.yaml` (sha256 `{pipeline.digest}`)."
    expected = [
        source,
        "",
        "```",
        *as_text(pipeline).splitlines(),
        "```",
        "",
        f"{fence}yaml",
        *text.splitlines(),
        fence,
    ]
    assert docs(pipeline).splitlines() == ([first, ""] if first else []) + expected
