"""Servers on Unix sockets of this machine: each fault is told by code, as it is of servers on a network."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.sql.dbapi import DiagnosedError, open_local
from osiris_provider.net.deadline import Deadline

from tests.faults.peers import Peer, hang_up, listening_at, say, silent
from tests.security.postgres.rogue import RoguePostgres

NAME = ".s.PGSQL.5432"


def nothing(_: Path) -> AbstractContextManager[object]:
    return nullcontext()


def ended(path: Path) -> AbstractContextManager[object]:
    listening_at(path).close()
    return nullcontext()


SITUATIONS: dict[str, tuple[Callable[[Path], AbstractContextManager[object]], str]] = {
    "there is none": (nothing, "no_socket"),
    "its server has ended": (ended, "refused"),
    "closed at once": (partial(Peer, hang_up), "reset"),
    "another protocol": (partial(Peer, say(b"HTTP/1.1 400 No\r\n\r\n")), "garbage"),
    "silent": (partial(Peer, silent), "timed_out"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_conn_010_what_a_socket_of_this_machine_leads_to(family: str, situation: str, tmp_path: Path) -> None:
    make, fault = SITUATIONS[situation]
    where = {"host": str(tmp_path)} if family == "postgres" else {"unix_socket": str(tmp_path / NAME)}
    fields = {"family": family, "alias": "local", "user": "ann", "password": "s3cret", **where}
    with make(tmp_path / NAME):
        _, verdict = get_connector(family).doctor(fields, 0.5)
    assert verdict["details"]["fault"] == fault
    assert str(tmp_path / NAME) in verdict["message"]


def fault_at(path: Path | str) -> str:
    with pytest.raises(DiagnosedError) as raised:
        open_local(str(path), Deadline(5))
    return raised.value.fault.slug


def datagrams(path: Path) -> socket.socket:
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.bind(str(path))
    return other


def test_a_path_that_leads_to_no_socket_of_a_server(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    for path in ("none", "none/x", "file/x", "circle", "x" * 500):
        assert fault_at(tmp_path / path) == "no_socket", path
    with datagrams(tmp_path / "other"):
        assert fault_at(tmp_path / "other") == "no_socket"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_socket_that_this_user_may_not_use(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, as whom tests may run, may use all."""

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert fault_at(tmp_path) == "socket_denied"


def _fill(path: Path, stack: ExitStack) -> None:
    while True:
        stack.enter_context(open_local(str(path), Deadline(5)))


def test_a_server_that_lets_no_more_wait(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(listening_at(tmp_path / NAME, 0))
        with pytest.raises(DiagnosedError) as raised:
            _fill(tmp_path / NAME, stack)
    assert raised.value.fault.slug == "too_many_connections"


def test_a_line_to_a_socket_keeps_its_deadline(tmp_path: Path) -> None:
    deadline = Deadline(5)
    with Peer(silent, tmp_path / NAME), open_local(str(tmp_path / NAME), deadline) as line:
        assert line.deadline is deadline
        deadline.end()
        with pytest.raises(TimeoutError):
            line.recv(1)
        with pytest.raises(TimeoutError):
            open_local(str(tmp_path / NAME), deadline)


def test_a_socket_with_an_abstract_name(tmp_path: Path) -> None:
    fields = {"family": "postgres", "alias": "local", "user": "ann", "password": "s3cret", "host": f"@{tmp_path}"}
    address, path = f"@{tmp_path / NAME}", Path(f"\0{tmp_path / NAME}")
    with RoguePostgres(path=path):
        assert get_connector("postgres").doctor(fields, 5)[0]
    with Peer(say(b"HTTP/1.1 400 No\r\n\r\n"), path):
        _, verdict = get_connector("postgres").doctor(fields, 5)
    assert (verdict["details"]["fault"], address in verdict["message"]) == ("garbage", True)
    _, verdict = get_connector("postgres").doctor(fields, 5)
    assert (verdict["details"]["fault"], address in verdict["message"]) == ("refused", True)
