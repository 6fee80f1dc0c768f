"""The transaction in which a query is described and read: opened, left open, committed or rolled back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from osiris_provider.drivers.postgres import partitions
from osiris_provider.drivers.postgres.session import Session, rolled_back_on_error
from psycopg2 import extensions

IDLE, WITHIN = extensions.TRANSACTION_STATUS_IDLE, extensions.TRANSACTION_STATUS_INTRANS


class RefusedError(psycopg2.Error):
    pgcode: Any = None


def refused(code: str | None) -> RefusedError:
    error = RefusedError()
    error.pgcode = code
    return error


def fail(error: Exception) -> None:
    raise error


class Connection:
    """Notes what it is asked; ``errors`` are raised at statements with these words."""

    def __init__(
        self, status: int = IDLE, errors: dict[str, Exception] | None = None, row_security: str = "on"
    ) -> None:
        self.info = SimpleNamespace(transaction_status=status)
        self.errors, self.row_security = errors or {}, row_security
        self.asked: list[str] = []
        self.closed = 0
        self.description = [("n", 23, None, None, None, None, None)]
        self.encoding = "UTF8"

    def cursor(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, *_: object) -> None:
        self.asked.append(statement)
        for words, error in self.errors.items():
            if words in statement:
                raise error

    def fetchone(self) -> Any:
        return (self.row_security,)

    def mogrify(self, query: str, params: Any) -> bytes:
        return (query % tuple(params)).encode()

    def commit(self) -> None:
        self.asked.append("commit")

    def rollback(self) -> None:
        self.asked.append("rollback")
        if "rollback" in self.errors:
            raise self.errors["rollback"]


def session_of(connection: Connection) -> Session:
    given: Any = connection
    return Session(given)


ISOLATION = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"


def test_a_transaction_of_its_own_sees_what_was_there_when_the_tables_were_locked() -> None:
    connection = Connection()
    session = session_of(connection)
    isolation, settings = connection.asked
    assert isolation == ISOLATION
    for setting in (
        "datestyle = 'ISO'",
        "intervalstyle = 'iso_8601'",
        "bytea_output = 'hex'",
        "extra_float_digits = 3",
    ):
        assert f"SET LOCAL {setting}" in settings
    session.finish(commit=True)
    session_of(connection).finish(commit=False)
    assert [one for one in connection.asked if one in ("commit", "rollback")] == ["commit", "rollback"]


@pytest.mark.parametrize("commit", [True, False])
def test_the_transaction_of_the_caller_stays_open(commit: bool) -> None:
    connection = Connection(WITHIN)
    session_of(connection).finish(commit=commit)
    assert not {ISOLATION, "commit", "rollback"} & set(connection.asked)
    assert len(connection.asked) == 1


def test_what_is_closed_is_not_ended_and_a_lost_line_is_no_other_error() -> None:
    connection = Connection(errors={"rollback": refused(None)})
    session = session_of(connection)
    with pytest.raises(ValueError, match="of the caller"), rolled_back_on_error(session):
        fail(ValueError("of the caller"))
    assert connection.asked[-1] == "rollback"
    connection.closed = 1
    del connection.asked[:]
    session.finish(commit=True)
    session.finish(commit=False)
    assert connection.asked == []


def test_what_fails_at_once_leaves_no_transaction() -> None:
    connection = Connection(errors={"datestyle": refused("57014")})
    with pytest.raises(RefusedError):
        session_of(connection)
    assert connection.asked[-1] == "rollback"


@pytest.mark.parametrize(
    ("query", "params", "text"),
    [
        (" SELECT 1 ;\n; \t", None, " SELECT 1"),
        ("SELECT '100%'", None, "SELECT '100%'"),
        ("SELECT '100%'", [], "SELECT '100%'"),
        ("SELECT '%s';", ["ä"], "SELECT 'ä'"),
    ],
)
def test_a_query_is_fit_to_stand_inside_another_statement(query: str, params: Any, text: str) -> None:
    assert session_of(Connection()).text(query, params) == text


@pytest.mark.parametrize(
    ("row_security", "errors", "is_described", "filtered"),
    [
        ("off", {}, True, False),
        ("on", {}, True, False),
        # Where policies would hide rows, it is read all the same, and said.
        ("on", {"row_security = off; ": refused("42501")}, True, True),
        # Neither SHOW nor what writes can be a subquery.
        ("on", {"osiris_query": refused("42601")}, False, False),
        ("off", {"osiris_query": refused("0A000")}, False, False),
    ],
)
def test_a_query_is_described_without_being_run(
    row_security: str, errors: dict[str, Exception], is_described: bool, filtered: bool
) -> None:
    connection = Connection(errors=errors, row_security=row_security)
    session = session_of(connection)
    columns = session.describe("SELECT 1 -- all")
    assert (columns is not None, session.filtered) == (is_described, filtered)
    described = [one for one in connection.asked if "osiris_query" in one]
    assert all(one.endswith("(\nSELECT 1 -- all\n) AS osiris_query LIMIT 0") for one in described)
    ended = "RELEASE SAVEPOINT" if is_described else "ROLLBACK TO SAVEPOINT"
    assert connection.asked[-1].startswith(ended)
    # What it was before.
    is_off = "row_security = off" in described[-1]
    assert ("row_security = on" in connection.asked[-1]) == (is_described and is_off)


def test_another_error_of_a_query_passes() -> None:
    with pytest.raises(RefusedError):
        session_of(Connection(errors={"osiris_query": refused("42P01")})).describe("SELECT 1")


@pytest.mark.parametrize("code", ["0A000", "42883", "42501", "22023", "42704", "55000"])
def test_a_server_that_shares_no_snapshot_is_read_over_one_connection(code: str) -> None:
    connection: Any = Connection(errors={"SNAPSHOT": refused(code), "pg_export_snapshot": refused(code)})
    for use in (
        lambda: partitions.take_snapshot(connection, "s"),
        lambda: partitions.export_snapshot(session_of(connection)),
    ):
        with pytest.raises(partitions.NotPartitionableError, match=code):
            use()


@pytest.mark.parametrize("code", ["57014", "57P01", None])
def test_another_error_is_no_reason_to_read_over_one_connection(code: str | None) -> None:
    connection: Any = Connection(errors={"SNAPSHOT": refused(code)})
    with pytest.raises(RefusedError):
        partitions.take_snapshot(connection, "s")
