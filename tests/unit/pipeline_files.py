"""Pipelines that tests write."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from osiris_provider.pipelines.pipeline import Pipeline, check_pipeline

ORDERS = """\
schedule: "@daily"
owner: sales
steps:
  - id: orders
    driver: mysql.extractor
    config: {connection: "@mysql.shop", table: orders, incremental: {column: updated_at}}
  - id: by_country
    driver: duckdb.processor
    inputs: [orders]
    config: {query: orders_by_country.sql}
  - id: store
    driver: postgres.writer
    inputs: [by_country]
    config: {connection: "@postgres.reports", table: by_country, write_mode: replace}
"""
SQL = "SELECT country, count(*) AS orders FROM orders GROUP BY country\n"


def write_pipeline(folder: Path, text: str = ORDERS, name: str = "orders.yaml", **sql: str) -> Path:
    """Write a pipeline and its ``.sql`` files, which are given by their names."""
    for file, query in {"orders_by_country": SQL, **sql}.items():
        (folder / f"{file}.sql").write_text(query, encoding="utf-8")
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def checked(folder: Path, text: str, **sql: str) -> tuple[Pipeline | None, list[str]]:
    """Return a pipeline, and its problems without the folder."""
    pipeline, problems = check_pipeline(write_pipeline(folder, text, **sql))
    return pipeline, [str(problem).removeprefix(f"{folder}/") for problem in problems]


def loaded(folder: Path, text: str = ORDERS, **sql: str) -> Pipeline:
    """Return a pipeline that has no problem."""
    pipeline, problems = checked(folder, text, **sql)
    assert not problems
    assert pipeline is not None
    return pipeline
