"""TLS sockets that raise the alert with which a server has ended the session, whenever the client writes."""

from __future__ import annotations

import errno
import gc
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import noting
from osiris_provider.net.sockets import open_socket
from osiris_provider.net.tls import CERTIFICATE_ALERTS, DeadlineContext, DeadlineSSLSocket, shared_context, tls_context
from osiris_provider.net.tls_files import TLSFileError

from tests.faults.peers import Peer, at_once, reset
from tests.faults.sql import Certificates
from tests.integration.tls import client_files

HOST = "127.0.0.1"
TIMES = 10
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
NO_CERTIFICATE = "none"
Serve = Callable[[ssl.SSLSocket], object]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Listener:
    """A TLS server; ``ended`` is set when it has let go of a client."""

    def __init__(self, context: ssl.SSLContext, serve: Serve) -> None:
        self._context, self._serve = context, serve
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                at_once(client)
                with suppress(OSError), self._context.wrap_socket(client, server_side=True) as line:
                    self._serve(line)
                client.close()
                self.ended.set()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def listening(context: ssl.SSLContext, serve: Serve) -> Iterator[Listener]:
    with closing(Listener(context, serve)) as listener:
        yield listener


def server_context(certificates: Certificates, *, wants: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.good.configure_cert(context)
    if wants:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.trusted)
    return context


def client_context(certificates: Certificates, directory: Path, which: str) -> DeadlineContext:
    named: dict[str, Any] = {"ca": str(certificates.trusted)}
    if which != NO_CERTIFICATE:
        named |= client_files(certificates, directory, "cert", "key", which)
    return tls_context(**named)


@contextmanager
def connected(context: DeadlineContext, port: int) -> Iterator[ssl.SSLSocket]:
    plain = open_socket(HOST, port, Deadline(5))
    with context.wrap_socket(plain, server_hostname="localhost") as line:
        yield line


def talk(line: ssl.SSLSocket, after: threading.Event | None = None) -> None:
    assert after is None or after.wait(5)
    for _ in range(3):
        line.sendall(b"x" * 100)
    line.recv(1)


@pytest.mark.parametrize("when", ["at once", "late"])
@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
@pytest.mark.parametrize("which", [NO_CERTIFICATE, "of another authority", "expired", "not valid yet"])
def test_the_alert_is_raised_whenever_the_client_writes(
    which: str, version: ssl.TLSVersion, when: str, certificates: Certificates, tmp_path: Path
) -> None:
    heard: list[str] = []

    class Hearing(DeadlineSSLSocket):
        def on_alert(self, reason: str) -> None:
            heard.append(reason)

    context = client_context(certificates, tmp_path, which)
    context.minimum_version = context.maximum_version = version
    context.sslsocket_class = Hearing
    with listening(server_context(certificates, wants=True), lambda line: line.recv(1)) as server:
        for _ in range(TIMES):
            server.ended.clear()
            heard.clear()
            with pytest.raises(ssl.SSLError) as raised, connected(context, server.port) as line:
                talk(line, server.ended if when == "late" else None)
            assert raised.value.reason in CERTIFICATE_ALERTS
            assert heard == [raised.value.reason]


def reset_after(said: bytes) -> Serve:
    def serve(line: ssl.SSLSocket) -> None:
        line.sendall(said)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return serve


@pytest.mark.parametrize("said", [b"", b"an answer that came early"])
def test_without_an_alert_the_error_and_what_had_come_stay(
    said: bytes, certificates: Certificates, tmp_path: Path
) -> None:
    context = client_context(certificates, tmp_path, NO_CERTIFICATE)
    with (
        listening(server_context(certificates, wants=False), reset_after(said)) as server,
        connected(context, server.port) as line,
    ):
        with pytest.raises((ConnectionError, ssl.SSLEOFError)):
            talk(line, server.ended)
        timeout = line.gettimeout()
        assert timeout is not None
        assert timeout > 1
        if said:
            buffer = bytearray(3)
            assert line.recv_into(buffer) == 3
            assert bytes(buffer) + line.recv(5) + line.recv(100) == said


def test_a_line_that_this_side_has_ended_is_not_waited_for(certificates: Certificates, tmp_path: Path) -> None:
    context = client_context(certificates, tmp_path, NO_CERTIFICATE)
    over = threading.Event()
    with (
        listening(server_context(certificates, wants=False), lambda _: over.wait(5)) as server,
        connected(context, server.port) as line,
    ):
        socket.socket.shutdown(line, socket.SHUT_WR)
        began = time.monotonic()
        with pytest.raises(OSError) as raised:  # noqa: PT011 - what OpenSSL makes of it differs
            line.sendall(b"x")
        assert time.monotonic() - began < 2
        assert isinstance(raised.value, ssl.SSLEOFError) or raised.value.errno == errno.EPIPE
        over.set()


def wrap_late(context: DeadlineContext, port: int) -> None:
    # A reset that comes at once is noticed here already, now and then.
    with closing(open_socket(HOST, port, Deadline(5))) as plain:
        time.sleep(0.02)
        context.wrap_socket(plain, server_hostname=HOST)


def test_a_line_that_was_reset_before_the_handshake_is_closed(certificates: Certificates, tmp_path: Path) -> None:
    """Python would leave it open; such a warning fails the tests."""
    context = client_context(certificates, tmp_path, NO_CERTIFICATE)
    with Peer(reset) as peer:
        for _ in range(TIMES):
            with pytest.raises(ConnectionResetError):
                wrap_late(context, peer.port)
    gc.collect()


def test_no_cipher_in_common_is_no_matter_of_certificates(certificates: Certificates, tmp_path: Path) -> None:
    context = client_context(certificates, tmp_path, NO_CERTIFICATE)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    server_side = server_context(certificates, wants=True)
    server_side.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
    with (
        listening(server_side, lambda line: line.recv(1)) as server,
        pytest.raises(ssl.SSLError) as raised,
        connected(context, server.port),
    ):
        pass
    assert raised.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


def test_a_certificate_that_is_accepted_lets_all_through(certificates: Certificates, tmp_path: Path) -> None:
    context = client_context(certificates, tmp_path, "good")
    with (
        listening(server_context(certificates, wants=True), lambda line: line.sendall(line.recv(4))) as server,
        connected(context, server.port) as line,
    ):
        line.sendall(b"ping")
        assert line.recv(4) == b"ping"
        assert line.getpeername() == (HOST, server.port)


def test_a_session_keeps_the_deadline_and_the_certificate_is_noted_by_the_name_that_was_asked_for(
    certificates: Certificates,
) -> None:
    context = tls_context(verify=False)
    with listening(server_context(certificates, wants=False), lambda line: line.recv(1)) as server:
        here = f"{HOST}:{server.port}"
        for name, address in ((None, here), (HOST, here), ("localhost", "localhost")):
            deadline = Deadline(5)
            plain = open_socket(HOST, server.port, deadline)
            with noting() as noted, context.wrap_socket(plain, server_hostname=name) as line:
                assert isinstance(line, DeadlineSSLSocket)
                assert (line.deadline, line.peer) == (deadline, (HOST, server.port))
            assert [(what, where) for what, where, _ in noted.certificates] == [("TLS certificate", address)]
        # Whoever asks for it shakes hands by itself, and a socket of another kind has no deadline.
        other = socket.create_connection((HOST, server.port))
        with context.wrap_socket(other, do_handshake_on_connect=False, server_hostname=HOST) as line:
            assert isinstance(line, DeadlineSSLSocket)
            assert (line.cipher(), line.deadline, line.peer) == (None, None, None)
            with noting() as noted:
                line.do_handshake()
            assert [where for _, where, _ in noted.certificates] == [HOST]


@pytest.mark.parametrize("verify", [False, True])
def test_who_does_not_verify_encrypts_all_the_same(verify: bool, certificates: Certificates) -> None:
    context = tls_context(verify=verify, ca=str(certificates.trusted))
    assert context.check_hostname is verify
    assert context.verify_mode == (ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    assert context.cert_store_stats()["x509_ca"] == verify
    assert tls_context().cert_store_stats()["x509_ca"] > 0


def test_a_line_that_ends_without_a_word_of_tls_has_ended(certificates: Certificates, tmp_path: Path) -> None:
    def end(line: ssl.SSLSocket) -> None:
        socket.socket.shutdown(line, socket.SHUT_RDWR)

    context = client_context(certificates, tmp_path, NO_CERTIFICATE)
    with listening(server_context(certificates, wants=False), end) as server, connected(context, server.port) as line:
        assert line.recv(1) == b""


def test_alerts_have_the_names_that_openssl_gives_them() -> None:
    known = {one.name.removeprefix("ALERT_DESCRIPTION_") for one in ssl.AlertDescription}
    # Of TLS 1.3 and of SSL 3, which Python's list does not have.
    known |= {"CERTIFICATE_REQUIRED", "NO_CERTIFICATE"}
    assert {name.partition("_ALERT_")[2] for name in CERTIFICATE_ALERTS} <= known


def test_checks_share_a_context_until_a_file_of_it_changes(certificates: Certificates, tmp_path: Path) -> None:
    bundles: list[tuple[str, ...]] = []

    def make(*bundle: str) -> DeadlineContext:
        bundles.append(bundle)
        return DeadlineContext(ssl.PROTOCOL_TLS_CLIENT)

    bundle, missing = tmp_path / "bundle.pem", str(tmp_path / "missing.pem")
    bundle.write_bytes(certificates.trusted.read_bytes())
    asked = [None, str(bundle), missing]
    contexts = [shared_context(make, path) for path in asked]
    assert [shared_context(make, path) for path in asked] == contexts
    assert len({*contexts}) == 3
    os.utime(bundle, ns=(0, 0))
    assert shared_context(make, str(bundle)) not in contexts
    assert bundles == [(), (str(bundle),), (missing,), (str(bundle),)]


@pytest.mark.parametrize("missing", ["cert", "key"])
def test_files_that_have_gone_meanwhile_are_those_of_the_certificate(missing: str, tmp_path: Path) -> None:
    (tmp_path / "here.pem").touch()
    paths = {name: str(tmp_path / ("gone.pem" if name == missing else "here.pem")) for name in ("cert", "key")}
    with pytest.raises(TLSFileError) as raised:
        tls_context(verify=False, cert=paths["cert"], key=paths["key"])
    assert raised.value.role == "cert"
