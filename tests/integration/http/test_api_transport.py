"""What is under HTTP: TLS, proxies, and the one deadline over all of it."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.testing.connector import SLACK

from tests.faults.peers import (
    After,
    Cut,
    Manner,
    Peer,
    closed_port,
    drip,
    forward,
    hang_up,
    say,
    silent,
    unanswered_port,
)
from tests.servers.apis.fake_api import FakeApi

TOKEN = "t0k3n"
CREDENTIALS = {"Authorization": f"Bearer {TOKEN}".encode()}
TIMEOUT = 0.4
DRIP_SECONDS = TIMEOUT / 2.4
"""So often that a timeout of a single read never comes."""
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context


@pytest.fixture
def https(authority: trustme.CA) -> Iterator[FakeApi]:
    with FakeApi(CREDENTIALS, tls=server_context(authority, "127.0.0.1")) as server:
        yield server


def to(origin: str, path: str = "me", **fields: Any) -> dict[str, Any]:
    return {"family": "api", "alias": "t", "base_url": f"{origin}/v1", "health_path": path, "token": TOKEN, **fields}


def verdict_of(connection: dict[str, Any], timeout: float = 5) -> tuple[str, str]:
    ok, verdict = ApiConnector().doctor(connection, timeout)
    assert ok is (verdict["category"] == "ok")
    return verdict["category"], verdict["details"].get("fault", "ok")


def test_conn_017_private_authority(https: FakeApi, ca_file: str) -> None:
    assert verdict_of(to(https.origin, ca_bundle=ca_file)) == ("ok", "ok")
    assert verdict_of(to(https.origin)) == ("network", "certificate_untrusted")


def test_conn_017_clients_verify_too(https: FakeApi, ca_file: str) -> None:
    import requests

    connector = ApiConnector()
    with connector.create_client(to(https.origin, ca_bundle=ca_file)) as session:
        assert session.get("me").json() == {"name": "me"}
    with connector.create_client(to(https.origin)) as session, pytest.raises(requests.exceptions.SSLError):
        session.get("me")


def test_conn_017_https_elsewhere_is_verified_as_requests_does(
    https: FakeApi, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session of an http address has no authorities of its own, and a caller may name others."""
    import requests

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with ApiConnector().create_client(to("http://127.0.0.1:9")) as session:
        for verify in (True, "/nowhere/ca.pem"):
            with pytest.raises(OSError, match="certificate"):
                session.get(f"{https.origin}/v1/me", verify=verify)
        assert session.get(f"{https.origin}/v1/me", verify=ca_file).status_code == 401
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", ca_file)
    with ApiConnector().create_client(to("http://127.0.0.1:9")) as session:
        assert session.get(f"{https.origin}/v1/me").status_code == 401
    # One of an https address trusts the system's and its own, and not what comes with requests.
    with ApiConnector().create_client(to(https.origin)) as session:
        with pytest.raises(requests.exceptions.SSLError):
            session.get("me")
        assert session.get("me", verify=ca_file).status_code == 200


def test_conn_017_wrong_name(authority: trustme.CA, ca_file: str) -> None:
    with FakeApi(tls=server_context(authority, "elsewhere.example.com")) as server:
        assert verdict_of(to(server.origin, ca_bundle=ca_file)) == ("network", "certificate_wrong_name")


def test_conn_017_expired(authority: trustme.CA, ca_file: str) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    with FakeApi(tls=server_context(authority, "127.0.0.1", not_before=past, not_after=past)) as server:
        assert verdict_of(to(server.origin, ca_bundle=ca_file)) == ("network", "certificate_expired")


def test_conn_017_https_asked_of_an_http_port(ca_file: str) -> None:
    with FakeApi(CREDENTIALS) as server:
        origin = server.origin.replace("http://", "https://")
        assert verdict_of(to(origin, ca_bundle=ca_file)) == ("network", "tls_refused")


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_conn_017_ca_bundle_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    connection = to("https://127.0.0.1:9", ca_bundle=str(path))
    with pytest.raises(ConnectionConfigError, match="field ca_bundle"):
        ApiConnector().create_client(connection)
    assert verdict_of(connection) == ("unknown", "misconfigured")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("manner", [silent, drip(b"HTTP/1.1 200 OK\r\n" * 99, DRIP_SECONDS)], ids=["silent", "drip"])
def test_conn_009_deadline_against_slow_peers(scheme: str, manner: Manner) -> None:
    with Peer(manner) as peer:
        assert_in_time(to(f"{scheme}://127.0.0.1:{peer.port}"))


def test_conn_009_deadline_against_unanswered_connects() -> None:
    with unanswered_port() as port:
        assert_in_time(to(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(("turn", "spared"), [(1, 0), (1, 100), (1, 1000), (2, 0), (2, 100)])
@pytest.mark.parametrize("then", ["stall", "drip"])
def test_conn_009_deadline_in_the_middle_of_tls(
    https: FakeApi, ca_file: str, turn: int, spared: int, then: After
) -> None:
    with Peer(forward(https.port, Cut(then, turn, spared, DRIP_SECONDS))) as peer:
        assert_in_time(to(f"https://127.0.0.1:{peer.port}", ca_bundle=ca_file))


def assert_in_time(connection: dict[str, Any], timeout: float = TIMEOUT) -> None:
    started = time.monotonic()
    category, fault = verdict_of(connection, timeout)
    waited = time.monotonic() - started
    assert (category, fault) == ("timeout", "timed_out")
    assert timeout * 0.9 <= waited <= timeout + SLACK
    for thread in threading.enumerate():
        if thread.name.startswith("osiris-doctor"):
            thread.join(1)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (hang_up, ("network", "reset")),
        (say(b"220 smtp.example.com ESMTP\r\n"), ("network", "garbage")),
        (say(bytes(range(256))), ("network", "garbage")),
        (say(b"HTTP/1.1 99999999999 OK\r\n\r\n"), ("network", "garbage")),
        (say(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000), ("network", "garbage")),
        (say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), ("network", "garbage")),
    ],
)
def test_conn_010_peers_that_are_no_http_servers(manner: Manner, expected: tuple[str, str]) -> None:
    with Peer(manner) as peer:
        assert verdict_of(to(f"http://127.0.0.1:{peer.port}"), 2) == expected


class _Tunnel:
    """A proxy that answers CONNECT with a status, and on 200 hands the bytes on to the server that was asked for."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[bytes] = []

    def __call__(self, peer: Peer, sock: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(65536)
        self.asked.append(head)
        sock.sendall(f"HTTP/1.1 {self.status} As You Wish\r\n\r\n".encode())
        if self.status == 200:
            port = int(head.split(b" ", 2)[1].rpartition(b":")[2])
            forward(port)(peer, sock)
        else:
            hang_up(peer, sock)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ("ok", "ok")),
        (407, ("auth", "proxy_auth")),
        (403, ("permission", "proxy_denied")),
        (502, ("network", "proxy_failed")),
    ],
)
def test_proxy_of_the_environment(
    https: FakeApi, ca_file: str, monkeypatch: pytest.MonkeyPatch, status: int, expected: tuple[str, str]
) -> None:
    tunnel = _Tunnel(status)
    with Peer(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        assert verdict_of(to(https.origin, ca_bundle=ca_file)) == expected
    assert tunnel.asked
    assert tunnel.asked[0].startswith(f"CONNECT 127.0.0.1:{https.port} HTTP/1.".encode())
    assert TOKEN.encode() not in tunnel.asked[0]


@pytest.mark.parametrize("manner", [silent, drip(b"HTTP/1.1 200 OK\r\n" * 99, DRIP_SECONDS)], ids=["silent", "drip"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "HTTP_PROXY"])
def test_conn_009_deadline_against_slow_proxies(manner: Manner, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = variable.partition("_")[0].lower()
    with Peer(manner) as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        assert_in_time(to(f"{scheme}://127.0.0.1:9"))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "HTTP_PROXY"])
def test_conn_009_deadline_against_dead_proxies(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = variable.partition("_")[0].lower()
    with unanswered_port() as port:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        assert_in_time(to(f"{scheme}://127.0.0.1:9"))


@pytest.mark.parametrize("manner", [silent, drip(b"\x16\x03\x03\x40\x00\x02", DRIP_SECONDS)], ids=["silent", "drip"])
def test_conn_009_deadline_behind_a_proxy(manner: Manner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy has said yes, and the handshake through its tunnel does not end."""
    with Peer(manner) as server, Peer(_Tunnel(200)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert_in_time(to(f"https://127.0.0.1:{server.port}"))


def test_proxy_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert verdict_of(to("https://127.0.0.1:9")) == ("network", "proxy_failed")
