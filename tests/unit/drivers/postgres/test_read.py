"""What is said of a query before its rows, and the pieces in which they come."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres import partitions, read
from osiris_provider.drivers.postgres.config import PostgresQueryConfig

SAID = "the query has several statements, and only the rows of the last one are read"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1; SELECT 2", True),
        ("VALUES (1); SELECT 2;", True),
        ("table t;\nselect 2", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a; SELECT 2", True),
        ("  ((SELECT 1)); SELECT 2", True),
        ("SHOW all; SELECT 2", True),
        ("EXPLAIN SELECT 1; SELECT 2", True),
        ("FETCH ALL FROM c; SELECT 2", True),
        ("DELETE FROM t RETURNING 1; SELECT 2", True),
        ("SET a = 1; SELECT 1; SELECT 2", True),
        ("/* a */ SELECT 1; SELECT 2", True),
        ("-- a\nSELECT 1; SELECT 2", True),
        ("", False),
        (";", False),
        ("SELECT 1", False),
        ("SELECT 1; ; -- SELECT 2;", False),
        ("SET a = 1; SELECT 2", False),
        ("CREATE TABLE selected AS SELECT 1; SELECT 2", False),
        ("INSERT INTO t SELECT 1; SELECT 2", False),
        # In quotes, in comments and between dollars, ; ends nothing.
        ("SET a = 'RETURNING'; SELECT 2", False),
        ("SELECT ';SELECT 1;'", False),
        ('SELECT ";"', False),
        ("SELECT 1 -- ;\n", False),
        ("SELECT 1 /* ;\n; */ + 1", False),
        ("SELECT $$;$$ || $a$;$$;$a$", False),
        ("DO $b$ BEGIN RETURNING; END $b$; SELECT 2", False),
    ],
)
def test_rows_that_are_not_read_are_said(query: str, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read._say_unread("s", query)  # noqa: SLF001 - before a query is read
    assert (f"Step s: {SAID}" in caplog.text) == said


class Stream:
    schema = pa.schema([("n", pa.int64())])

    def __init__(self, *sizes: int) -> None:
        self.sizes, self.is_open = sizes, True

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for size in self.sizes:
            yield pa.record_batch({"n": range(size)})


def test_rows_come_in_pieces_of_at_the_most_so_many_after_one_that_has_the_schema() -> None:
    stream: Any = Stream(3, 0, 7)
    batches = list(read.batches(stream, 3))
    assert batches[0].schema == stream.schema
    assert [batch["n"].to_pylist() for batch in batches] == [[], [0, 1, 2], [0, 1, 2], [3, 4, 5], [6]]
    assert not stream.is_open


def plan(*kinds: str) -> list[Any]:
    node: dict[str, Any] = {}
    for kind in kinds:
        node = {"Node Type": kind, "Rows": 1, "Output": ["a"], "Plans": [{"Node Type": "Result"}, node]}
    return [{"Plan": node}]


class Session:
    def __init__(self, answer: Any) -> None:
        self.connection, self.answer, self.asked = self, answer, ""

    def cursor(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        self.asked = statement

    def fetchall(self) -> list[Any]:
        return [(self.answer,)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("Foreign Scan", "foreign table"),
        ("Limit", "LIMIT"),
        ("Sample Scan", "sample"),
        ("WindowAgg", "window function"),
        ("Seq Scan", None),
    ],
)
def test_a_query_that_may_give_other_rows_each_time_is_not_partitioned(kind: str, said: str | None) -> None:
    for at in (plan(kind), plan("Sort", kind), plan(kind, "Sort"), plan("Sort", kind, "Append")):
        session: Any = Session(at)
        if said is None:
            partitions._check_plan(session, "SELECT 1")  # noqa: SLF001 - before a query is read in partitions
        else:
            with pytest.raises(partitions.NotPartitionableError, match=said):
                partitions._check_plan(session, "SELECT 1")  # noqa: SLF001 - as above
        assert session.asked == "EXPLAIN (FORMAT JSON) SELECT 1"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"query": "SELECT 1;"}, ("SELECT 1", None, "auto", [], False)),
        ({"query": "SELECT %s", "params": [1]}, ("SELECT %s", [1], "auto", [], False)),
        ({"table": "s.t", "columns": ["a b"]}, ('SELECT "a b" FROM "s"."t"', None, "auto", [], False)),
        (
            {"query": "SELECT 1", "engine": "cursor", "text_columns": ["a"], "special_values": "null"},
            ("SELECT 1", None, "cursor", ["a"], True),
        ),
    ],
)
def test_what_a_config_asks_for(
    config: dict[str, Any], expected: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def open_stream(client: Any, query: str, params: Any, **options: Any) -> str:
        named = [options.pop(name) for name in ("engine", "text_columns", "lenient", "block_bytes")]
        assert not options
        asked.append((client, query, params, *named))
        return "stream"

    monkeypatch.setattr(read, "open_stream", open_stream)
    client: Any = "client"
    stream: Any = read.open_config(client, PostgresQueryConfig(**config), 7)
    assert stream == "stream"
    assert asked == [("client", *expected, 7)]
