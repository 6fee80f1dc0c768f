"""A hostile MySQL server gets no file, no memory and no say before TLS."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.mysql.authentication import MAX_STEPS
from osiris_provider.connectors.mysql.login import MAX_LOGIN_PACKET
from osiris_provider.connectors.verdict import DoctorDetails
from osiris_provider.errors import DataError, NetworkError
from osiris_provider.hooks.bulk.mysql import load

from tests.faults.peers import Manner, Peer

from .rogue import OK, SALT, Script, frame, greeting, public_pem, rogue, rsa_key

CONNECTOR: Final = get_connector("mysql")
PASSWORD: Final = "correct horse battery"


def at(port: int, **fields: Any) -> dict[str, Any]:
    """Return a connection to a port of this machine."""
    address = {"host": "127.0.0.1", "port": port, "user": "app", "password": PASSWORD}
    return {"family": "mysql", "alias": "test", **address, **fields}


def verdict_on(manner: Manner, **fields: Any) -> DoctorDetails:
    """Return what doctor says of a peer."""
    with Peer(manner) as peer:
        ok, verdict = CONNECTOR.doctor(at(peer.port, **fields), 5)
    assert not ok
    return verdict


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "airflow.cfg"
    path.write_text("fernet_key = a secret of this machine")
    return path


def test_a_server_that_asks_for_a_file_does_not_get_it_from_doctor(file: Path) -> None:
    with rogue(Script("mysql_native_password", welcome=True, file=file)) as server:
        _, verdict = CONNECTOR.doctor(at(server.port), 5)
        assert (verdict["details"]["fault"], verdict["details"]["retryable"]) == ("file_requested", False)
        server.wait()
        assert b"fernet" not in b"".join(server.heard)


def test_a_server_that_asks_for_a_file_does_not_get_it_from_a_client(file: Path) -> None:
    with rogue(Script("mysql_native_password", welcome=True, file=file)) as server:
        connection = at(server.port)
        client = CONNECTOR.create_client({**connection, "port": server.port})
        with closing(client), pytest.raises(NetworkError) as raised:
            CONNECTOR.translate_errors(connection, lambda: client.cursor().execute("SELECT 1"))
        assert raised.value.fault.slug == "file_requested"
        server.wait()
        assert b"fernet" not in b"".join(server.heard)


ANSWERS: Final = (
    (b"@@SESSION.sql_mode", (b"", b"0", b"0", b"1", b"50", b"50", b"SYSTEM")),
    (b"local_infile", (b"1",)),
    (b"SHOW COLUMNS", (b"v", b"text", b"YES", b"", b"", b"")),
)


def test_a_server_that_asks_for_another_file_gets_the_one_that_is_loaded(file: Path, tmp_path: Path) -> None:
    loaded = tmp_path / "lines"
    loaded.write_bytes(b"what is to be loaded\n")
    script = Script("mysql_native_password", welcome=True, file=file, answers=ANSWERS)
    with rogue(script) as server, closing(CONNECTOR.create_client(at(server.port))) as client:
        with pytest.raises(DataError, match="the server took 0 of 1 rows"):
            load(client, "t", loaded)
        heard = b"".join(server.heard)
    assert b"LOAD DATA LOCAL" in heard
    assert b"what is to be loaded" in heard
    assert b"fernet" not in heard


@pytest.mark.parametrize(("length", "fault"), [(MAX_LOGIN_PACKET, "reset"), (MAX_LOGIN_PACKET + 1, "garbage")])
def test_a_long_greeting_is_not_waited_for(length: int, fault: str) -> None:
    """A packet may say that it has 16 MB and that more follow; a greeting has about a hundred bytes."""

    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(length.to_bytes(3, "little") + b"\0")
        # Who waits for the rest hears that the line has ended.
        sock.shutdown(socket.SHUT_WR)
        peer.stopping.wait()

    assert verdict_on(manner)["details"]["fault"] == fault


NO_STEPS: Final[dict[str, tuple[str, list[bytes]]]] = {
    "an unknown one": ("mysql_native_password", [b"\5"]),
    "an unknown one that says something": ("mysql_native_password", [b"\5x"]),
    "more for a method that has one answer": ("mysql_native_password", [b"\1\4"]),
    "more, and nothing": ("caching_sha2_password", [b"\1"]),
    "more that is neither of two": ("caching_sha2_password", [b"\1\7"]),
    "no key": ("caching_sha2_password", [b"\1\4", b"\5x"]),
}


@pytest.mark.parametrize("said", NO_STEPS)
def test_what_is_no_step_of_a_login_is_not_answered(said: str) -> None:
    method, steps = NO_STEPS[said]
    heard: SimpleQueue[bytes] = SimpleQueue()

    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(greeting(Script(method)), 0))
        for step in steps:
            packet = sock.recv(4096)
            sock.sendall(frame(step, packet[3] + 1))
        heard.put(sock.recv(4096))
        peer.stopping.wait()

    with Peer(manner) as peer:
        _, verdict = CONNECTOR.doctor(at(peer.port, allow_public_key_retrieval=True), 5)
        # The end of the peer would close the line under who still listens.
        assert heard.get(timeout=10) == b""
    assert verdict["details"]["fault"] == "garbage"


def test_a_client_knows_where_it_is_logged_in_and_as_whom() -> None:
    with rogue(Script("mysql_native_password", welcome=True)) as server:
        fields = at(server.port, database="shop", charset="latin2")
        with closing(CONNECTOR.create_client(fields)) as client:
            known = client.host, client.port, client.user.decode(), client.db.decode(), client.charset
        assert known == ("127.0.0.1", server.port, "app", "shop", "latin2")
        # The server may list its sessions by it.
        assert b"program_name\6osiris" in server.heard[0]


@pytest.mark.parametrize("counts_as_closed", [False, True])
def test_a_client_that_is_closed_says_goodbye_and_one_that_was_left_half_closed_is_closed(
    counts_as_closed: bool,
) -> None:
    """A signal may come while a line is being read: to close it is an error then, and it counts as closed."""
    with rogue(Script("mysql_native_password", welcome=True)) as server:
        client = CONNECTOR.create_client(at(server.port))
        client._closed = counts_as_closed  # noqa: SLF001 - PyMySQL's name
        CONNECTOR.close_client(client)
        assert not client.open
        server.wait()
        assert (b"\1" in server.heard) is not counts_as_closed
        CONNECTOR.close_client(client)


@pytest.mark.parametrize(
    ("packet", "number", "fault"),
    [
        # As MySQL 9.7 has sent it: "Got timeout writing communication packets".
        (b"\xff" + struct.pack("<H", 1161) + b"#08S01Got timeout writing", 1, "reset"),
        (b"\xff" + struct.pack("<H", 1040) + b"Too many connections", 0, "too_many_connections"),
        (greeting(Script()), 1, "garbage"),
    ],
    ids=["an answer", "a refusal", "no error"],
)
def test_an_error_in_the_place_of_the_greeting_counts_whatever_its_number(
    packet: bytes, number: int, fault: str
) -> None:
    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(packet, number))
        peer.stopping.wait()

    assert verdict_on(manner)["details"]["fault"] == fault


def test_a_server_that_asks_for_ever_is_left() -> None:
    asked = 0

    def manner(_: Peer, sock: socket.socket) -> None:
        nonlocal asked
        sock.sendall(frame(greeting(Script()), 0))
        while header := sock.recv(4, socket.MSG_WAITALL):
            sock.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)
            sock.sendall(frame(b"\xfemysql_native_password\0" + SALT + b"\0", (header[3] + 1) % 256))
            asked += 1

    assert verdict_on(manner)["details"]["fault"] == "garbage"
    assert asked <= MAX_STEPS + 1


def test_a_second_factor_is_told() -> None:
    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(greeting(Script("mysql_native_password")), 0))
        sock.recv(4096)
        sock.sendall(frame(b"\2authentication_webauthn\0" + SALT, 2))
        peer.stopping.wait()

    verdict = verdict_on(manner)
    assert (verdict["category"], verdict["details"]["fault"]) == ("auth", "second_factor")


def test_what_is_said_before_tls_does_not_count_inside_it() -> None:
    """Who sits in between adds "you are in" to the greeting of a server that would not let the client in."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    early = frame(OK, 2) + frame(OK, 1) * 3
    with rogue(Script(tls=context, early=early)) as server:
        ok, verdict = CONNECTOR.doctor(at(server.port), 5)
    assert (ok, verdict["category"]) == (False, "auth")


@pytest.mark.parametrize(
    ("fields", "advice"), [({}, "ssl: false connects without TLS"), ({"ssl": True}, "Check the port")]
)
def test_tls_that_fails_is_not_done_without(fields: dict[str, Any], advice: str) -> None:
    heard: list[bytes] = []

    def manner(_: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(greeting(Script(tls=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))), 0))
        heard.append(sock.recv(36))
        sock.sendall(b"\x15\x03\x01\x00\x02\x02\x28")
        heard.append(sock.recv(4096))

    with Peer(manner) as peer:
        _, verdict = CONNECTOR.doctor(at(peer.port, **fields), 5)
    assert (verdict["category"], verdict["details"]["fault"]) == ("network", "tls_failed")
    assert advice in verdict["message"]
    assert b"app" not in b"".join(heard)


NO_RSA_KEYS: Final = {
    "nothing": b"",
    "noise": b"\xff" * 300,
    "half of PEM": b"-----BEGIN PUBLIC KEY-----\n",
    "another kind of key": public_pem(ec.generate_private_key(ec.SECP256R1())),
}


@pytest.mark.parametrize("key", NO_RSA_KEYS)
def test_what_is_no_rsa_key_is_no_crash(key: str) -> None:
    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(greeting(Script()), 0))
        sock.recv(4096)
        sock.sendall(frame(b"\1\4", 2))
        sock.recv(4096)
        sock.sendall(frame(b"\1" + NO_RSA_KEYS[key], 4))
        peer.stopping.wait()

    with Peer(manner) as peer:
        _, verdict = CONNECTOR.doctor(at(peer.port, allow_public_key_retrieval=True), 5)
    assert verdict["details"]["fault"] == "garbage"


def test_no_challenge_is_no_crash() -> None:
    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(greeting(Script()), 0))
        sock.recv(4096)
        sock.sendall(frame(b"\xfesha256_password\0", 2))
        sock.recv(4096)
        sock.sendall(frame(b"\1" + public_pem(rsa_key()), 4))
        peer.stopping.wait()

    with Peer(manner) as peer:
        _, verdict = CONNECTOR.doctor(at(peer.port, allow_public_key_retrieval=True), 5)
    assert verdict["details"]["fault"] == "garbage"


@pytest.mark.parametrize("cut", [1, 4, 5, 20, 40, -1])
def test_a_greeting_cut_short_is_no_crash(cut: int) -> None:
    text = frame(greeting(Script())[:cut], 0)

    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(text)
        sock.recv(4096)
        sock.sendall(frame(b"\xff" + struct.pack("<H", 1045) + b"#28000no", 2))
        peer.stopping.wait()

    before = threading.active_count()
    assert verdict_on(manner)["details"]["fault"] in ("garbage", "wrong_password", "login_method")
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize("nulls", range(2, 6))
def test_a_column_whose_names_are_null_is_no_crash(nulls: int) -> None:
    """It has five: of its schema, of its table and its own, the latter also without aliases."""
    names = b"\xfb" * nulls + b"\0" * (5 - nulls)
    definition = b"\3def" + names + b"\x0c" + struct.pack("<HIBHB2x", 45, 255, 253, 0, 0)

    def manner(_: Peer, sock: socket.socket) -> None:
        sock.sendall(frame(greeting(Script("mysql_native_password")), 0))
        sock.recv(4096)
        sock.sendall(frame(OK, 2))
        while asked := sock.recv(4096):
            sock.sendall(frame(b"\1", 1) + frame(definition, 2) if b"SELECT" in asked else frame(OK, 1))

    assert verdict_on(manner)["details"]["fault"] == "garbage"
