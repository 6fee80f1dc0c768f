"""What waits for the server can be broken off, in cursors of any class; what does not wait is left alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from osiris_provider.connectors.postgres import client, connector
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.connectors.postgres.line import watched_class
from psycopg2.extras import DictCursor

ALWAYS = ("execute", "executemany", "callproc", "copy_expert", "copy_from", "copy_to")
ONLY_NAMED = ("fetchone", "fetchmany", "fetchall", "scroll")


def said(method: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: (method, self.name, args, kwargs)


class Cursor:
    """What psycopg2 has of a cursor; each method says that it was called, and how."""

    itersize = 2

    def __init__(self, name: str | None, connection: Any = None) -> None:
        self.name = name
        self.connection = connection or SimpleNamespace(closed=0)
        self.rows = [1, 2, 3]
        self.is_open = True

    def __iter__(self) -> Any:
        return iter(["its own"])

    def close(self) -> None:
        self.is_open = False


for _method in (*ALWAYS, *ONLY_NAMED):
    setattr(Cursor, _method, said(_method))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the connections that were waited for."""
    waits: list[Any] = []

    def wait_in(connection: Any, call: Callable[[], Any]) -> Any:
        waits.append(connection)
        return call()

    monkeypatch.setattr(client, "wait_in", wait_in)
    monkeypatch.setattr(client, "is_busy", lambda connection: connection.closed is None)
    return waits


def cursor(name: str | None, base: Any = Cursor, **options: Any) -> Any:
    return client._interruptible(base)(name, **options)  # noqa: SLF001 - as a connection makes its cursors


@pytest.mark.parametrize("name", [None, "named"])
@pytest.mark.parametrize("method", [*ALWAYS, *ONLY_NAMED])
def test_conn_014_what_waits_for_the_server_can_be_broken_off(name: str | None, method: str, waits: list[Any]) -> None:
    own = cursor(name)
    assert getattr(own, method)("a", size=2) == (method, name, ("a",), {"size": 2})
    # The rows of a cursor without a name are here already.
    assert waits == ([own.connection] if name or method in ALWAYS else [])


def test_a_class_of_cursors_is_changed_once() -> None:
    base: Any = DictCursor
    changed: Any = client._interruptible(base)  # noqa: SLF001 - as above
    assert changed is client._interruptible(changed) is client._interruptible(base)  # noqa: SLF001 - as above
    assert (changed.__name__, issubclass(changed, DictCursor)) == ("DictCursor", True)


class Rows(Cursor):
    def fetchmany(self, size: int) -> list[int]:
        given, self.rows = self.rows[:size], self.rows[size:]
        return given


def test_the_rows_of_a_named_cursor_come_in_pieces_that_can_be_broken_off(waits: list[Any]) -> None:
    named = cursor("named", Rows)
    assert list(named) == [1, 2, 3]
    # The last one says that there are no more.
    assert waits == [named.connection] * 3
    assert list(cursor(None, Rows)) == ["its own"]
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("name", "closed", "is_waited_for"),
    [("named", 0, True), (None, 0, False), ("named", 1, False), ("named", None, False)],
)
def test_to_close_a_cursor_waits_only_where_the_server_has_it(
    name: str | None, closed: int | None, is_waited_for: bool, waits: list[Any]
) -> None:
    own = cursor(name, connection=SimpleNamespace(closed=closed))
    own.close()
    assert not own.is_open
    assert len(waits) == is_waited_for


@pytest.mark.parametrize("make", [client.connection_class, watched_class])
def test_conn_011_a_connection_shows_no_parameter(make: Callable[[], type[Any]]) -> None:
    kind: Any = make()
    connection = kind.__new__(kind)
    assert repr(connection) == str(connection) == f"<{kind.__name__} to PostgreSQL, closed: {connection.closed}>"


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "closed", "expected"),
    [
        (ValueError(), 0, ["rollback"]),
        (ValueError(), 1, []),
        # The wait was broken off: the server is still at work, and a rollback would wait for it.
        (KeyboardInterrupt(), 0, ["close"]),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_after_an_error_the_server_rolls_back(
    error: BaseException, closed: int, expected: list[str], fails: bool
) -> None:
    done: list[str] = []

    def noted(what: str) -> Callable[[], None]:
        def do() -> None:
            done.append(what)
            if fails:
                raise psycopg2.OperationalError

        return do

    connection: Any = SimpleNamespace(closed=closed, rollback=noted("rollback"), close=noted("close"))
    try:
        fail(error)
    except BaseException:  # noqa: BLE001 - what it goes by is the error that is on its way
        client.undo(connection)
    assert done == expected


@pytest.mark.parametrize(("version", "knows"), [(139999, False), (140000, True), (170002, True)])
@pytest.mark.parametrize("fails", [False, True])
def test_conn_014_a_server_that_can_is_told_to_notice_that_this_process_has_died(
    version: int, knows: bool, fails: bool
) -> None:
    done: list[str] = []

    class Said:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def execute(self, statement: str) -> None:
            done.append(statement.split()[1])
            if fails:
                raise psycopg2.NotSupportedError

    connection: Any = SimpleNamespace(
        server_version=version, cursor=Said, commit=lambda: done.append("commit"), rollback=lambda: done.append("end")
    )
    connector._have_the_line_watched(connection)  # noqa: SLF001 - the last step of a login
    kept = ["client_connection_check_interval", *([] if fails else ["commit"])]
    assert done == ([*kept, "end"] if knows else [])


def test_who_holds_a_lock_is_asked_for_some_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def connect(**parameters: Any) -> Any:
        asked.append(parameters)
        raise psycopg2.OperationalError

    monkeypatch.setattr(psycopg2, "connect", connect)
    with pytest.raises(psycopg2.OperationalError):
        connector._holders(Parameters({"host": "h"}), "h:5432", 1)  # noqa: SLF001 - what a wait calls
    [known] = asked
    assert known["host"] == "h"
    assert 1 <= known["connect_timeout"] <= 10
