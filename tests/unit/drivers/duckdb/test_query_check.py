"""What is said of a processor's query before there is any data, and of the process that looks at it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.drivers.duckdb import query_check
from osiris_provider.drivers.duckdb.query_check import check_query

Tables = Mapping[str, Sequence[str] | None]
E: Tables = {"e": ["x", "Y y"]}


@pytest.mark.parametrize(
    ("query", "tables", "params", "columns"),
    [
        ("SELECT 1 AS a, 2 AS b", {}, None, ["a", "b"]),
        ("\n -- all\nSELECT * FROM e; -- all\n", E, None, ["x", "Y y"]),
        ('SELECT "Y Y" || x AS a, x::DATE + 1 AS b FROM E', E, None, ["a", "b"]),
        ("SELECT ?::DATE AS d, ? AS x", {}, [dt.date(2024, 1, 1), 1], ["d", "x"]),
        ("SELECT $a AS d", {}, {"a": 1}, ["d"]),
        ("SELECT count(*) AS n FROM Duckdb_Tables, information_schema.tables", {}, None, ["n"]),
        # An input whose columns are not known, and of several statements one may be about what another made.
        ("SELECT nope FROM e JOIN f USING (x)", {"e": ["x"], "f": None}, None, None),
        ("SELECT 1 AS a; SELECT 2 AS b", {}, None, None),
        ("CREATE TEMP TABLE t AS SELECT 1 AS x; SELECT * FROM t", {}, None, None),
        ("SELECT 1; SELECT count(*) FROM range(1000000000000) r(i) WHERE i % 7 = 3", {}, None, None),
    ],
)
def test_columns_of_a_query(query: str, tables: Tables, params: Any, columns: list[str] | None) -> None:
    check = check_query(query, tables, params, alone=True)
    assert (check.problem, check.columns) == (None, columns)
    assert 0 < check.seconds < query_check.SECONDS


UNKNOWN = "the SQL does not fit its inputs: Referenced column"


@pytest.mark.parametrize(
    ("query", "tables", "line", "problem"),
    [
        ("nope\nFROM e", E, 1, "the SQL cannot be parsed: syntax error"),
        ("SELECT x\n  FRM e", E, 2, "the SQL cannot be parsed: syntax error"),
        ("SELECT\nnope FROM e", E, 2, UNKNOWN),
        ("\n\n  SELECT x,\n  nope FROM e", E, 4, UNKNOWN),
        ("SELECT x, \nx + nope FROM e", E, 2, UNKNOWN),
        ("SELECT x,\ne.nope FROM e", E, 2, "the SQL does not fit its inputs: Values list"),
        ("SELECT x,\n sumof(x) FROM e", E, 2, "the SQL does not fit its inputs: Scalar Function"),
        ("SELECT *\nFROM nowhere", {}, 2, "the SQL asks for table 'nowhere', which is no input. Inputs are: none"),
        ("FROM XYZ", {"e": [], "f": None}, 1, "the SQL asks for table 'XYZ', which is no input. Inputs are: e, f"),
    ],
)  # fmt: skip
def test_a_problem_has_the_line_of_the_query(query: str, tables: Tables, line: int, problem: str) -> None:
    check = check_query(query, tables, None, alone=True)
    said = check.problem or ""
    assert said.startswith(problem)
    assert "\n" not in said
    assert (check.line, check.columns) == (line, None)


@pytest.mark.parametrize("query", ["SELECT nope FROM nowhere", "SELECT * FROM s.t", "SELECT 1 +\n'a'::INT[]"])
def test_what_the_data_may_explain_is_no_problem(query: str) -> None:
    assert check_query(query, E, None, alone="nowhere" not in query).problem is None


@pytest.mark.parametrize("source", ["read_csv('{}')", "'{}'"])
def test_no_file_is_looked_into(tmp_path: Path, source: str) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("s3cret\n1\n")
    check = check_query(f"SELECT * FROM {source.format(path)}", {}, None, alone=True)
    assert (check.problem, check.columns) == (None, None)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[query_check._Child]:
    child = query_check._Child()  # noqa: SLF001 - of the test's own
    monkeypatch.setattr(query_check, "_CHILD", child)
    yield child
    child.end()


def problem() -> str | None:
    return check_query("SELECT 1 AS a", {}, None, alone=True).problem


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_gives_no_answer_is_ended(
    child: query_check._Child, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    if sent == signal.SIGSTOP:
        monkeypatch.setattr(query_check, "_WAIT_SECONDS", 0)
    process = child._start()  # noqa: SLF001 - as above
    os.kill(process.pid, sent)
    assert problem() == ("the SQL could not be checked: the process of DuckDB that binds it ended with exit code -9")
    assert child._process is None  # noqa: SLF001 - as above


def test_a_process_that_cannot_be_started_is_a_problem(
    child: query_check._Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert problem() == "the SQL could not be checked: No such file or directory"
    assert child._process is None  # noqa: SLF001 - as above


NO_COLUMN = 'Binder Error: {"exception_message":"Table e does not have a column named z","position":"%d"}'


@pytest.mark.parametrize(
    ("answer", "problem", "line"),
    [
        ({"ended": "it has ended"}, "it has ended", 1),
        ({"parse": "in words only"}, "the SQL cannot be parsed: in words only", 1),
        ({"parse": ""}, "the SQL cannot be parsed: unknown", 1),
        ({"parse": "Error: {no JSON"}, "the SQL cannot be parsed: Error: {no JSON", 1),
        ({"parse": 'Error: {"exception_message":"a\\nb","position":"2"}'}, "the SQL cannot be parsed: a", 2),
        ({"parse": 'Error: {"exception_message":"a","position":"-9"}'}, "the SQL cannot be parsed: a", 1),
        ({"bind": "in words only"}, None, 1),
        ({"bind": 'Error: {"exception_message":"a","error_subtype":"NO_MATCHING_FUNCTION"}'}, None, 1),
        *(
            (
                {"bind": f'Error: {{"exception_message":"a","error_subtype":"{subtype}"}}'},
                "does not fit its inputs: a",
                1,
            )
            for subtype in ("COLUMN_NOT_FOUND", "MISSING_ENTRY")
        ),
        # Of the statement that was bound, which has words before the query.
        ({"bind": NO_COLUMN % 9}, "does not fit its inputs: Table e does not have", 1),
        ({"bind": NO_COLUMN % 11}, "does not fit its inputs: Table e does not have", 2),
        ({"unknown": "f"}, "which is no input. Did you mean", 2),
        ({"columns": ["a"]}, None, 1),
        ({}, None, 1),
    ],
)
def test_what_the_process_answers_is_said_of_the_query(
    answer: dict[str, Any], problem: str | None, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mapping[str, Any]] = []

    class Child:
        def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
            asked.append(request)
            return answer

    monkeypatch.setattr(query_check, "_CHILD", Child())
    check = check_query("a\nf", {"ff": ["x"], "e": ["y"]}, [1], alone=True)
    assert (problem or "") in (check.problem or "")
    assert (check.problem is None, check.line, check.columns) == (problem is None, line, answer.get("columns"))
    assert check.seconds == query_check.SECONDS
    check_query("a", {"e": None}, None, alone=False)
    assert [(one["query"], one["tables"], one["params"], one["alone"]) for one in asked] == [
        ("a\nf", ["ff", "e"], [1], True),
        ("a", ["e"], None, False),
    ]
    assert [len(one["views"] or ()) for one in asked] == [2, 0]


class Interrupted:
    def readline(self) -> str:
        raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_an_answer_that_was_not_waited_for_is_not_that_of_the_next_query(child: query_check._Child) -> None:
    process = child._start()  # noqa: SLF001 - as above
    output, process.stdout = process.stdout, Interrupted()  # type: ignore[assignment] # what is used of it
    with pytest.raises(KeyboardInterrupt):
        problem()
    assert output is not None
    output.close()
    assert process.returncode == -signal.SIGKILL
    assert child._process is None  # noqa: SLF001 - as above
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
