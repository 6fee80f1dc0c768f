"""The HTTP client's connections are made over our sockets, whose deadline covers all of a check."""

from __future__ import annotations

import errno
import socket
import threading
from typing import Any

import pytest
import requests
import urllib3
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.connectors.http import transport
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.faults import BAD_PROXY, http_fault
from osiris_provider.connectors.http.session import HttpSession
from osiris_provider.connectors.http.transport import DeadlineAdapter
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.dns import NamesUnansweredError
from osiris_provider.net.sockets import DeadlineSocket, open_socket
from osiris_provider.net.tls import DeadlineContext, tls_context
from osiris_provider.testing.secrecy import assert_silent

from tests.faults.peers import closed_port
from tests.security.http.rogue import RogueHttp, api
from tests.servers.apis.http import RawReply, Reply, Request

SECRET = "s3cret-of-the-proxy"


@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_connection_gets_the_deadline(scheme: str, proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int, Deadline]] = []

    def spy(host: str, port: int, deadline: Deadline) -> Any:
        opened.append((host, port, deadline))
        return open_socket(host, port, deadline)

    monkeypatch.setattr(transport, "open_socket", spy)
    monkeypatch.setenv("NO_PROXY", "")
    with closed_port() as closed:
        host, port = ("api.example.com", 8443) if proxy else ("127.0.0.1", closed)
        url, deadline = f"{scheme}://{host}:{port}", Deadline(5)
        proxies = {scheme: f"http://127.0.0.1:{closed}"} if proxy else {}
        session = HttpSession(url, OriginAuth(url, {}), (1, 1), tls_context(), deadline)
        with session, pytest.raises(requests.ConnectionError):
            session.get("users", proxies=proxies)
    assert opened == [("127.0.0.1", closed, deadline)]


@pytest.mark.parametrize(
    ("base", "url", "shown"),
    [
        ("https://api.example.com", "https://API.example.com:443/a", True),
        ("https://api.example.com", "https://api.example.com:8443/", False),
        ("https://api.example.com", "https://www.example.com/", False),
        ("https://X.example.com", "https://x.example.com/", True),
        ("https://[FE80::1]:8443", "https://[fe80::1]:8443/a", True),
        ("https://[fe80::1]:8443", "https://[fe80::2]:8443/a", False),
    ],
)
def test_a_client_certificate_is_for_one_server(base: str, url: str, shown: bool) -> None:
    own = tls_context()
    with HttpSession(base, OriginAuth(base, {}), (1, 1), tls_context(), Deadline(5), own) as session:
        adapter: Any = session.get_adapter(url)
        pool = adapter.poolmanager.connection_from_url(url)
    assert (pool.conn_kw["ssl_context"] is own) is shown


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_ipv6_address_is_connected_to_without_its_brackets(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int]] = []

    def refuse(host: str, port: int, _: Deadline) -> Any:
        opened.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(transport, "open_socket", refuse)
    url = f"{scheme}://[2001:db8::1]:8443"
    session = HttpSession(url, OriginAuth(url, {}), (1, 1), tls_context(), Deadline(5))
    with session, pytest.raises(requests.ConnectionError):
        session.get("users")
    assert opened == [("2001:db8::1", 8443)]


@pytest.mark.parametrize("scheme", ["socks5", "SOCKS5H"])
def test_a_key_in_the_query_does_not_go_through_a_socks_proxy(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A package that need not be installed has the real one.
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", lambda *_, **__: urllib3.PoolManager())
    url = "https://127.0.0.1:1"
    auth = OriginAuth(url, {}, query={"key": "a-key"})
    with HttpSession(url, auth, (1, 1), tls_context(), Deadline(5)) as session:
        with pytest.raises(requests.exceptions.InvalidProxyURL, match="a key in the query does not go") as raised:
            session.get("users", proxies={"https": f"{scheme}://127.0.0.1:1"})
        assert "a-key" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "proxy", ["http://LOGIN@127.0.0.1:99999", "LOGIN@no such host:1", "http://LOGIN@[::1", "socks9://LOGIN@h"]
)
def test_a_proxy_that_is_none_is_not_taken_for_the_url(
    proxy: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    url = f"{scheme}://api.example.com"
    session = HttpSession(url, OriginAuth(url, {}), (1, 1), tls_context(), Deadline(5))
    with session, pytest.raises(requests.exceptions.InvalidProxyURL) as raised:
        session.get("users", proxies={scheme: proxy.replace("LOGIN", f"user:{SECRET}")})
    assert http_fault(raised.value) is BAD_PROXY
    assert_silent(SECRET, raised.value)


OF_SYSTEM = [
    (socket.gaierror(socket.EAI_NONAME, "no"), requests.ConnectionError, "unknown_host"),
    (NamesUnansweredError("no"), requests.ConnectTimeout, "dns_silent"),
    (TimeoutError("no"), requests.ConnectTimeout, "timed_out"),
    (ConnectionRefusedError(errno.ECONNREFUSED, "no"), requests.ConnectionError, "refused"),
    (OSError(errno.EHOSTUNREACH, "no"), requests.ConnectionError, "unreachable"),
    (OSError(errno.EMFILE, "no"), requests.ConnectionError, "too_many_files"),
]


@pytest.mark.parametrize(("error", "raised_as", "slug"), OF_SYSTEM)
def test_a_line_that_does_not_come_about_is_an_error_of_requests_that_keeps_its_code(
    error: OSError, raised_as: type[Exception], slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(transport, "open_socket", fail)
    url = "http://api.host"
    with HttpSession(url, OriginAuth(url, {}), (1, 1), None) as session, pytest.raises(raised_as) as raised:
        session.get("users")
    fault = http_fault(raised.value)
    assert fault is not None
    assert fault.slug == slug


@pytest.mark.parametrize(
    ("timeout", "connecting", "reading"), [((30, 40), 30, 40), ((30.5, 40), 30.5, 40), ((None, None), 60, None)]
)
@pytest.mark.parametrize("bounded", [False, True])
def test_without_a_deadline_a_line_goes_by_the_timeouts_of_the_request(
    bounded: bool, timeout: Any, connecting: float, reading: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadline = Deadline(90) if bounded else None
    given: list[Deadline] = []
    lines: list[DeadlineSocket] = []

    def spy(host: str, port: int, until: Deadline) -> DeadlineSocket:
        given.append(until)
        lines.append(open_socket(host, port, until))
        return lines[-1]

    monkeypatch.setattr(transport, "open_socket", spy)
    with (
        RogueHttp() as server,
        HttpSession(server.origin, OriginAuth(server.origin, {}), (1, 1), None, deadline) as session,
    ):
        assert session.get("users", timeout=timeout).json() == []
        assert lines[0].deadline is deadline
        if deadline is None:
            assert (given[0].seconds, lines[0].gettimeout()) == (connecting, reading)
        else:
            assert given == [deadline]


@pytest.mark.parametrize("bounded", [False, True])
def test_a_handshake_has_the_time_to_connect(bounded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    deadline = Deadline(90) if bounded else None
    noted: list[tuple[Deadline | None, float | None]] = []

    def note(_: DeadlineContext, line: DeadlineSocket, **__: Any) -> Any:
        noted.append((line.deadline, line.gettimeout()))
        raise ConnectionResetError(errno.ECONNRESET, "no")

    monkeypatch.setattr(DeadlineContext, "wrap_socket", note)
    with RogueHttp() as server:
        url = server.origin.replace("http:", "https:")
        session = HttpSession(url, OriginAuth(url, {}), (30, 40), tls_context(), deadline)
        with session, pytest.raises(requests.ConnectionError):
            session.get("users")
    ((until, timeout),) = noted
    assert until is deadline
    assert deadline or timeout == 30


def test_an_answer_that_is_bounded_is_not_bounded_any_more_once_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[DeadlineSocket] = []

    def spy(*given: Any) -> DeadlineSocket:
        lines.append(open_socket(*given))
        return lines[-1]

    monkeypatch.setattr(transport, "open_socket", spy)
    with RogueHttp() as server, HttpSession(server.origin, OriginAuth(server.origin, {}), (9, 9), None) as session:
        bounds: list[float | None] = []
        for seconds in (None, 30.0, 60.0, None):
            session.ask("GET", "users", 10, seconds=seconds)
            until = lines[0].until
            bounds.append(until.seconds if until else None)
        # All over the one line, whose bound is that of the newest answer.
        assert (bounds, len(lines)) == ([None, 30.0, 60.0, None], 1)


def test_bounds_of_answers_are_those_of_a_thread_and_end_with_the_answer() -> None:
    adapter = DeadlineAdapter(None, None)
    seen: list[float | None] = []
    with adapter.limited(5):
        with adapter.limited(2):
            seen.append(adapter._limit.seconds)  # noqa: SLF001 - what its lines read
        seen.append(adapter._limit.seconds)  # noqa: SLF001 - as above
        thread = threading.Thread(target=lambda: seen.append(adapter._limit.seconds))  # noqa: SLF001 - as above
        thread.start()
        thread.join()
    assert [*seen, adapter._limit.seconds] == [2, 5, None, None]  # noqa: SLF001 - as above


def test_a_line_that_is_cut_ends_whoever_waits_for_the_answer() -> None:
    def script(_: Request) -> Reply:
        session.get_adapter(server.origin).cut()  # type: ignore[attr-defined] # it is ours
        return Reply.of_json([])

    with (
        RogueHttp(script) as server,
        HttpSession(server.origin, OriginAuth(server.origin, {}), (9, 9), None) as session,
        pytest.raises(requests.ConnectionError),
    ):
        session.get("users")


def test_a_key_is_added_where_the_request_leaves() -> None:
    with RogueHttp() as server:
        auth = OriginAuth(server.origin, {}, {"key": "a &"})
        with HttpSession(server.origin, auth, (9, 9), None) as session:
            for path in ("users", "users?a=1"):
                assert "key" not in session.get(path).url
        assert [request.every for request in server.requests] == [{"key": ["a &"]}, {"a": ["1"], "key": ["a &"]}]
        assert not [request for request in server.requests if "x-osiris-query" in request.headers]


@pytest.mark.parametrize("verify", [True, "/bundle.pem", "/of/the/environment.pem", False])
@pytest.mark.parametrize("has_own", [False, True])
def test_what_is_trusted_is_what_the_connection_says_unless_the_caller_names_another_bundle(
    has_own: bool, verify: bool | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/of/the/environment.pem")
    monkeypatch.setattr("os.path.exists", lambda _: True)
    adapter = DeadlineAdapter(tls_context() if has_own else None, None)
    pool = urllib3.HTTPSConnectionPool("api.host")
    adapter.cert_verify(pool, "https://api.host", verify, None)
    assert pool.cert_reqs == ("CERT_REQUIRED" if verify else "CERT_NONE")
    is_own = has_own and verify in (True, "/of/the/environment.pem")
    assert bool(pool.ca_certs) is (bool(verify) and not is_own)
    assert pool.ca_cert_dir is None


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_tls_to_a_proxy_and_behind_it_trusts_what_the_connection_says(scheme: str) -> None:
    context = tls_context()
    adapter = DeadlineAdapter(context, None)
    manager = adapter.proxy_manager_for(f"{scheme}://proxy.host:3128")
    assert manager.connection_pool_kw["ssl_context"] is manager.proxy_config.ssl_context is context
    assert manager.pool_classes_by_scheme is adapter.poolmanager.pool_classes_by_scheme


def test_an_answer_in_chunks_is_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = RawReply([head, b"2\r\n[1\r\n", b"1\r\n]\r\n0\r\n\r\n"])
    with RogueHttp(lambda _: reply) as server, ApiConnector().create_client(api(server)) as session:
        assert session.get("users").json() == [1]
