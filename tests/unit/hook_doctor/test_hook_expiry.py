"""What expires comes from a check as a code and a time; nothing else that it sends is taken, and no verdict is lost."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from osiris_provider.hook_doctor import HookConnection, child
from osiris_provider.hook_doctor.base import HookType, LoggedIn
from osiris_provider.hook_doctor.expiry import CLIENT, OTHER, PASSWORD, SERVER, USER, note_ends, soonest
from osiris_provider.hook_doctor.watch import certificates
from osiris_provider.hook_doctor.wire import MORE
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import Expiry, Noted, noting

AT = datetime(2027, 1, 2, 3, 4, tzinfo=timezone.utc)
SECONDS = int(AT.timestamp())
EXPIRES = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=9)
CLIENT_EXPIRES = EXPIRES - timedelta(days=5)
TYPE = HookType(("bird",), "Bird", probe=lambda _: {})
CONNECTION = HookConnection("c", "bird", host="localhost", port=4711, password="s3cret-9f2c")


def noted_of(said: object, connection: HookConnection = CONNECTION) -> list[Expiry]:
    with noting() as noted:
        note_ends(said, connection)
    return noted.expiries()


def test_an_end_has_the_words_and_the_address_of_the_parent() -> None:
    codes = (SERVER, OTHER, CLIENT, PASSWORD, USER)
    at = {code: SECONDS + number for number, code in enumerate(codes)}
    assert noted_of(at) == [
        Expiry("TLS certificate", "localhost:4711", AT),
        Expiry("TLS certificate", "another server of connection c", AT + timedelta(seconds=1)),
        Expiry("client certificate", "", AT + timedelta(seconds=2)),
        Expiry("password of the account", "", AT + timedelta(seconds=3)),
        Expiry("user of the login", "", AT + timedelta(seconds=4)),
    ]
    without = replace(CONNECTION, host=None)
    assert noted_of({SERVER: SECONDS}, without) == [Expiry("TLS certificate", "the server of connection c", AT)]


@pytest.mark.parametrize(
    "said",
    [
        None,
        7,
        "server",
        [SERVER, SECONDS],
        {"s3cret-9f2c": SECONDS},
        *({SERVER: value} for value in ("s3cret-9f2c", str(SECONDS), True, 1.5, None, [SECONDS], 10**400, -(10**400))),
    ],
)
def test_what_is_no_end_is_passed_over(said: object) -> None:
    assert noted_of(said) == []


def test_of_many_certificates_the_first_end_is_said() -> None:
    ends = [(SERVER, AT), (SERVER, AT - timedelta(days=1)), (OTHER, AT), (SERVER, AT + timedelta(days=1))]
    assert soonest(ends) == {SERVER: SECONDS - 86_400, OTHER: SECONDS}


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a check call a hook that is fine."""
    monkeypatch.setattr(child, "hook_type", lambda _: TYPE)
    monkeypatch.setattr(child, "_hook_class", lambda _: (lambda **_: None, "bird_conn_id"))
    monkeypatch.setattr(child, "_hand_over", lambda _: None)


def broken_ends(*_: Any) -> Iterator[tuple[str, datetime]]:
    yield SERVER, AT
    raise RuntimeError


@pytest.mark.usefixtures("hook")
def test_an_answer_has_what_was_seen_and_is_there_without(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(child.examine(CONNECTION, Deadline(20))) == [{"details": {}}]
    monkeypatch.setattr(child, "certificate_ends", lambda *_: [(SERVER, AT)])
    assert list(child.examine(CONNECTION, Deadline(20))) == [{"details": {}, "expires": {SERVER: SECONDS}}]

    monkeypatch.setattr(child, "certificate_ends", broken_ends)
    assert list(child.examine(CONNECTION, Deadline(20))) == [{"details": {}}]


def some_ends(_: LoggedIn) -> Iterator[tuple[str, datetime]]:
    yield PASSWORD, AT


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (None, [{"details": {}}]),
        (some_ends, [{"details": {}, MORE: True}, {"expires": {PASSWORD: SECONDS}}]),
        (broken_ends, [{"details": {}, MORE: True}, {}]),
    ],
)
def test_when_a_login_ends_comes_after_the_answer(ends: Any, said: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    declared = replace(TYPE, probe=lambda _: LoggedIn(None), ends=ends)
    monkeypatch.setattr(child, "hook_type", lambda _: declared)
    assert list(child.examine(CONNECTION, Deadline(20))) == said


def test_what_is_asked_of_a_database_is_answered_by_names() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert LoggedIn(connection).ask("SELECT 1 AS One, NULL AS two UNION SELECT 3, 4 ORDER BY 1") == [
            {"one": 1, "two": None},
            {"one": 3, "two": 4},
        ]


class Files:
    """A server's certificate, and a client's in a file."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", not_after=EXPIRES).configure_cert(self.context)
        self.client = directory / "client.pem"
        authority.issue_cert("client", not_after=CLIENT_EXPIRES).private_key_and_cert_chain_pem.write_to_path(
            str(self.client)
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def port(files: Files) -> Iterator[int]:
    """Yield the port of a server that speaks TLS and says nothing."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                with suppress(OSError), files.context.wrap_socket(line, server_side=True) as encrypted:
                    encrypted.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def watching(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have TLS watched in this process, until the test ends; the server has its certificate already."""
    del files
    monkeypatch.setattr(certificates, "_noted", Noted())
    for kind, name in ((ssl.SSLSocket, "do_handshake"), (ssl.SSLObject, "do_handshake")):
        monkeypatch.setattr(kind, name, getattr(kind, name))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", ssl.SSLContext.load_cert_chain)
    certificates.watch_certificates()


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shake(port: int, name: str | None, *, deferred: bool = False) -> None:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        trusting().wrap_socket(plain, server_hostname=name, do_handshake_on_connect=not deferred) as line,
    ):
        if deferred:
            line.do_handshake()


def ends(connection: HookConnection = CONNECTION, declared: HookType = TYPE) -> list[tuple[str, datetime]]:
    return list(certificates.certificate_ends(connection, declared))


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize(
    ("name", "code"), [("localhost", SERVER), ("LocalHost", SERVER), (None, SERVER), ("elsewhere", OTHER)]
)
def test_the_certificate_of_a_session_is_its_servers(port: int, name: str | None, code: str, deferred: bool) -> None:
    shake(port, name, deferred=deferred)
    assert ends() == [(code, EXPIRES)]


@pytest.mark.parametrize(
    ("name", "sent", "expected"),
    [
        (b"LocalHost", True, [(SERVER, EXPIRES)]),
        (None, True, [(SERVER, EXPIRES)]),
        (b"elsewhere", True, [(OTHER, EXPIRES)]),
        (b"localhost", False, []),
    ],
)
def test_so_is_that_of_a_session_by_pyopenssl(
    name: bytes | None, sent: bool, expected: list[Any], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    shaken: list[tuple[Any, ...]] = []

    class Connection:
        def do_handshake(self, *given: Any) -> None:
            shaken.append(given)

        def get_servername(self) -> bytes | None:
            return name

        def get_peer_certificate(self) -> object:
            return self if sent else None

    crypto = SimpleNamespace(FILETYPE_ASN1=2, dump_certificate=lambda form, one: {2: known}[form] if one else None)
    monkeypatch.setitem(sys.modules, "OpenSSL.SSL", SimpleNamespace(Connection=Connection))
    monkeypatch.setitem(sys.modules, "OpenSSL.crypto", crypto)
    certificates.watch_certificates()
    monkeypatch.setattr(certificates, "_noted", Noted())
    Connection().do_handshake(5)
    assert (ends(), shaken) == (expected, [(5,)])


def test_without_a_host_each_server_is_the_connections(port: int) -> None:
    shake(port, "elsewhere")
    assert ends(replace(CONNECTION, host=None)) == [(SERVER, EXPIRES)]
    assert ends(replace(CONNECTION, host="https://Elsewhere/x")) == [(SERVER, EXPIRES)]
    known = replace(TYPE, endpoint=lambda _: ("elsewhere", 1))
    assert ends(replace(CONNECTION, host="x"), known) == [(SERVER, EXPIRES)]
    known = replace(TYPE, endpoint=lambda _: ("x", 1))
    assert ends(replace(CONNECTION, host="elsewhere"), known) == [(SERVER, EXPIRES)]


def test_a_certificate_is_kept_once_however_many_sessions_show_it(port: int) -> None:
    for _ in range(3):
        shake(port, "localhost")
    assert len(certificates._noted.certificates) == 1  # noqa: SLF001 - nothing else says what is kept


def test_a_session_of_another_thread_and_of_asyncio_is_seen(port: int) -> None:
    thread = threading.Thread(target=shake, args=(port, "localhost"))
    thread.start()
    thread.join(20)
    assert ends() == [(SERVER, EXPIRES)]

    async def connect() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(), server_hostname="elsewhere")
        writer.transport.abort()

    asyncio.run(connect())
    assert sorted(ends()) == [(OTHER, EXPIRES), (SERVER, EXPIRES)]


def test_a_clients_certificate_is_read_from_its_file(files: Files, tmp_path: Path) -> None:
    trusting().load_cert_chain(files.client)
    assert ends() == [(CLIENT, CLIENT_EXPIRES)]
    with pytest.raises(FileNotFoundError):
        trusting().load_cert_chain(tmp_path / "none.pem")


def test_a_certificate_that_cannot_be_had_breaks_no_session(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(ssl.SSLSocket, "getpeercert", broken)
    shake(port, "localhost")
    assert ends() == []


def test_an_answer_with_ends_is_small() -> None:
    said = soonest((code, AT) for code in (SERVER, OTHER, CLIENT) for _ in range(1000))
    assert len(json.dumps(said)) < 100
