"""Whose statement is ended when the wait for a MySQL server is broken off: without any server."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.interrupt import Work
from osiris_provider.connectors.mysql.client import COM_QUERY, COMPARED, Interruptible, with_interrupts, working
from osiris_provider.net.killed import StoppedError
from typing_extensions import Self

OWN, PORT = 7, 50_001
STATEMENT = "SELECT SLEEP(60)"
LONG = f"SELECT '{'x' * COMPARED}'"


class Server:
    """The other connection, which is asked what the server is doing."""

    def __init__(self, sessions: list[tuple[Any, ...]]) -> None:
        self.sessions = sessions
        self.ended: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def cursor(self) -> Server:
        return self

    def close(self) -> None:
        pass

    def execute(self, statement: str) -> None:
        if statement.startswith("KILL"):
            self.ended.append(statement)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.sessions


class Line:
    """PyMySQL's connection, as far as it counts here; its wait for an answer is broken off."""

    open = True
    encoding = "utf-8"
    error: BaseException = StoppedError()

    def query(self, statement: str | bytes) -> None:
        self._execute_command(COM_QUERY, statement.encode(self.encoding) if isinstance(statement, str) else statement)
        self.read()

    def commit(self) -> None:
        # PyMySQL encodes no text of its own before this.
        self._execute_command(COM_QUERY, "COMMIT")
        self.read()

    def read(self) -> None:
        self._read_packet()

    def thread_id(self) -> int:
        return OWN

    def _execute_command(self, command: int, sql: Any) -> None:
        assert (command, bool(sql)) == (COM_QUERY, True)

    def _read_packet(self) -> None:
        raise self.error

    def _force_close(self) -> None:
        self.open = False


class Client(Interruptible, Line):
    local_port = PORT


def session(number: int = OWN, port: int = PORT, statement: str | None = STATEMENT) -> tuple[Any, ...]:
    return number, "ann", f"10.0.0.1:{port}", "shop", "Query", 3, "executing", statement


def of_mariadb(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row with the column that MariaDB adds: how far the statement has got."""
    return *row, 0.0


def ended(*sessions: tuple[Any, ...], said: str | bytes = STATEMENT, is_open: bool = True) -> list[str]:
    """Return what a client that waits for a statement has a server end that works for these sessions."""
    server, client = Server(list(sessions)), Client()
    client.open_other, client.open = lambda: server, is_open
    with pytest.raises(StoppedError):
        client.query(said)
    assert not client.open
    return server.ended


OTHERS = [session(8), session(9, 1, None)]


@pytest.mark.parametrize(
    "own",
    [
        session(),
        session(statement=None),
        session(port=1),
        session(port=1, statement=f"  {STATEMENT}\n"),
    ],
    ids=["its port", "its port, done by now", "its statement through a proxy", "with blanks"],
)
@pytest.mark.parametrize("said", [STATEMENT, STATEMENT.encode(), bytearray(STATEMENT.encode())])
def test_conn_014_its_own_statement_is_ended(own: tuple[Any, ...], said: str | bytes) -> None:
    assert ended(*OTHERS, own, said=said) == [f"KILL QUERY {OWN}"]
    assert ended(*map(of_mariadb, (*OTHERS, own)), said=said) == [f"KILL QUERY {OWN}"]
    assert ended(own, said=said, is_open=False) == [f"KILL {OWN}"]


@pytest.mark.parametrize(
    "other",
    [session(8), session(port=1, statement="SELECT 1"), session(port=1, statement=None), session(port=1, statement="")],
    ids=["another number", "another statement", "none", "an empty one"],
)
@pytest.mark.parametrize("said", [STATEMENT, " "])
def test_conn_014_nothing_of_others_is_ended(other: tuple[Any, ...], said: str) -> None:
    """Behind one name may be several servers, each of which counts by itself."""
    assert ended(*OTHERS, other, said=said) == []


def test_a_statement_is_known_again_by_its_beginning() -> None:
    assert ended(session(port=1, statement=f"{LONG} and more"), said=LONG) == [f"KILL QUERY {OWN}"]
    assert ended(session(port=1, statement=f"{LONG[: COMPARED - 1]}y"), said=LONG) == []


@pytest.mark.parametrize(("running", "statements"), [("COMMIT", [f"KILL QUERY {OWN}"]), ("BEGIN", [])])
def test_what_pymysql_says_by_itself_is_known_again_too(running: str, statements: list[str]) -> None:
    server, client = Server([session(port=1, statement=running)]), Client()
    client.open_other = lambda: server
    with pytest.raises(StoppedError):
        client.commit()
    assert server.ended == statements


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_statement_is_known_again_in_the_character_set_of_its_connection(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "encoding", encoding)
    assert ended(session(port=1, statement="SELECT 'é'"), said="SELECT 'é'") == [f"KILL QUERY {OWN}"]


def test_on_a_unix_socket_the_list_of_the_server_has_localhost_for_a_port(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as line:
        listener.bind(path)
        listener.listen()
        line.connect(path)
        server, client = Server([(*session()[:2], "localhost", *session(statement=None)[3:])]), Line()
        vars(client)["_sock"] = line
        watched = with_interrupts(client, lambda: server, path)
        with pytest.raises(StoppedError):
            watched.query(STATEMENT)
    assert (watched is client, server.ended) == (True, [f"KILL QUERY {OWN}"])


@pytest.mark.parametrize("watched", [True, False])
def test_who_holds_a_lock_is_asked_where_one_may_be_waited_for(watched: bool) -> None:
    client = Client()
    client.open_other = lambda: Server([])
    with working(client, watched=watched) as work:
        assert isinstance(work, Work)
        assert (work.holders is not None) is watched
    with working(Client()) as work:
        assert isinstance(work, Work)
        assert work.holders is None


def test_what_nothing_has_read_of_a_result_is_not_read_when_the_line_is_closed() -> None:
    client, result = Client(), SimpleNamespace(unbuffered_active=True)
    vars(client)["_result"] = result
    with pytest.raises(StoppedError):
        client.query(STATEMENT)
    assert (client.open, result.unbuffered_active) == (False, False)


@pytest.mark.parametrize(("error", "statements"), [(StoppedError(), [f"KILL QUERY {OWN}"]), (ValueError(), [])])
def test_a_read_that_is_broken_off_ends_its_statement(error: BaseException, statements: list[str]) -> None:
    """What breaks it off is no error of the server's, which would go on."""
    server, client = Server([session()]), Client()
    client.open_other, client.error = lambda: server, error
    with pytest.raises(type(error)):
        client.read()
    assert server.ended == statements


def test_without_another_connection_the_client_is_closed_all_the_same() -> None:
    client = Client()
    with pytest.raises(StoppedError):
        client.query(STATEMENT)
    assert not client.open
    # There is no one to ask again.
    assert client._kill()  # noqa: SLF001 - what a wait for the server asks
