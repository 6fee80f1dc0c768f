"""Which row the server does not take, and which column: by its numbers and names, whatever its language."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from osiris_provider.drivers.postgres.refusals import copied_row, is_bad_data, referring_rule, refusal, refusing
from osiris_provider.errors import DataError


class RefusedError(psycopg2.DatabaseError):
    """An error of the server, with what it says of it."""

    pgcode: Any = None
    diag: Any = None


def refused(code: str | None, **said: str) -> RefusedError:
    error = RefusedError("c4nary")
    names = ("context", "constraint_name", "message_detail", "column_name", "table_name")
    error.pgcode, error.diag = code, SimpleNamespace(**{**dict.fromkeys(names), **said})
    return error


def fail(error: psycopg2.Error) -> None:
    raise error


def test_what_is_about_no_row_stays_what_it_is() -> None:
    gone = psycopg2.OperationalError("the line is gone")
    with pytest.raises(psycopg2.OperationalError) as raised, refusing("t"):
        raise gone
    assert raised.value is gone


def test_what_is_about_a_row_is_an_error_of_ours_that_shows_no_value() -> None:
    with (
        pytest.raises(DataError, match=r"Table t: a row of the input: .*23514.*Nothing") as raised,
        refusing("t"),
    ):
        fail(refused("23514"))
    assert "c4nary" not in str(raised.value)
    assert raised.value.__cause__ is None
    with refusing("t"):
        pass


@pytest.mark.parametrize(
    ("code", "is_bad"),
    [("22P02", True), ("23505", True), ("44000", True), ("P0001", True), ("42601", False), (None, False)],
)
def test_errors_about_values(code: str | None, is_bad: bool) -> None:
    assert is_bad_data(refused(code)) == is_bad


@pytest.mark.parametrize(
    ("code", "rule"), [("23503", "constraint fk"), ("23001", "constraint fk"), ("23505", ""), ("23514", ""), (None, "")]
)
def test_a_row_to_which_others_refer_cannot_be_deleted(code: str | None, rule: str) -> None:
    assert referring_rule(refused(code, constraint_name="fk")) == rule


LINES, NAMES = [1, 2, 5], ["a", "ab", "a: b", "c\nd"]


@pytest.mark.parametrize(
    ("context", "row", "column"),
    [
        ('COPY t, line 1, column a: "c4nary"', 1, "a"),
        ("COPY t, line 2, column ab: null input", 2, "ab"),
        # A row may have several lines.
        ('COPY t, line 4, column a: b: "x"', 2, "a: b"),
        ('COPY t, line 5, column c\nd: "x"', 3, "c\nd"),
        ("COPY t, line 9", 3, ""),
        ('COPY t, line 1: "1,2"', 1, ""),
        ("COPY t, line 1, column z: 1", 1, ""),
        # In another language; and what else the server was at comes before.
        ("COPY t, Zeile 2, Spalte ab: „x“", 2, "ab"),
        ('JSON data, line 7: {"a\nCOPY t, line 2, column ab: x', 2, "ab"),
        ("PL/pgSQL function f() line 3 at RAISE\nCOPY t, line 1", 1, ""),
        # Of another table, or of none.
        ("COPY u, line 1, column a", 0, ""),
        ("SQL statement", 0, ""),
        ("", 0, ""),
    ],
)
def test_the_row_and_the_column_that_copy_names(context: str, row: int, column: str) -> None:
    assert copied_row(refused("22P02", context=context), "t", LINES, NAMES) == (row, column)


@pytest.mark.parametrize(
    ("code", "context", "is_of_a_row"),
    [
        # A regclass of no table, and a name of no schema: faults of a row where its column is named.
        ("42P01", "COPY t, line 1, column a: x", True),
        ("3F000", "COPY t, line 1, column a: x", True),
        ("42P01", "COPY t, line 1", False),
        ("57014", "COPY t, line 1, column a: x", False),
        (None, "COPY t, line 1, column a: x", False),
        ("22P02", "", True),
    ],
)
def test_an_error_of_a_statement_is_none_of_a_row(code: str | None, context: str, is_of_a_row: bool) -> None:
    assert (copied_row(refused(code, context=context), "t", LINES, NAMES) is not None) == is_of_a_row


@pytest.mark.parametrize(
    ("code", "said", "column", "named", "reason"),
    [
        ("22P02", {}, "b", "b", "it does not fit the type or a rule of the table"),
        ("22P02", {}, "", "(any)", "it does not fit the type"),
        ("23502", {"column_name": "c"}, "b", "c", "it does not fit the type"),
        ("23514", {"constraint_name": "positive"}, "", "(any)", "it breaks constraint positive"),
        (
            "23505",
            {"constraint_name": "t_pkey", "message_detail": "Schlüssel »(a, b)=(c4nary, 2)« existiert bereits."},
            "",
            "a, b",
            "duplicate key, in the table or in an earlier row (constraint t_pkey)",
        ),
        ("23505", {"message_detail": "Key (a)=(c4nary"}, "b", "b", "duplicate key"),
    ],
)
def test_a_row_that_is_refused_is_named_with_its_column_and_no_value(
    code: str, said: dict[str, str], column: str, named: str, reason: str
) -> None:
    error = refusal("t", refused(code, **said), (3, column), 1000)
    assert (error.table, error.column, error.row) == ("t", named, 1003)
    assert error.message.startswith(f"Table t: column {named}, row 1,003 of the input: ")
    assert reason in error.message
    assert f"(SQLSTATE {code})" in error.message
    assert "c4nary" not in error.message


def test_a_row_that_is_not_known_may_be_one_of_another_table() -> None:
    error = refusal("t", refused("23503", table_name="orders", constraint_name="fk"), (0, "a"))
    assert error.message.startswith("Table t: a row of table orders: it breaks constraint fk (SQLSTATE 23503).")
