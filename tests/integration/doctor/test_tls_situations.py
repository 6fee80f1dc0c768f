"""Situations of TLS and of proxies that users meet: category, fault, and that the sentence says where to look."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from osiris_provider.connectors import get_connector

from tests.faults.http import Moody, status_only
from tests.faults.peers import Manner, Peer, closed_port, hang_up
from tests.faults.sql import trustme_day

HOST = "localhost"
TIMES = 3
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
Change = Callable[[ssl.SSLContext], object]


class World:
    """What the situations are made of.

    :param directory: for files of certificates.
    :param stack: ends what was started.
    :param environ: changes the environment.
    """

    def __init__(self, directory: Path, stack: ExitStack, environ: pytest.MonkeyPatch) -> None:
        self.directory, self._stack, self.environ = directory, stack, environ
        self.authority = trustme.CA()
        self.ca = str(directory / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca)

    def context(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """Return the context of a server, with a good certificate unless another one is given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.authority.issue_cert(HOST)).configure_cert(context)
        return context

    def serve(self, tls: ssl.SSLContext | None, status: int = 401) -> int:
        """Start a server that always answers the same, and return its port."""
        return self._stack.enter_context(Moody(status_only(status), tls)).port

    def proxy(self, manner: Manner, scheme: str = "http") -> int:
        """Start a proxy that the environment names, and return its port."""
        port = self._stack.enter_context(Peer(manner)).port
        self.environ.setenv("HTTPS_PROXY", f"{scheme}://{HOST}:{port}")
        return port

    def enter(self, manager: AbstractContextManager[int]) -> int:
        """Start something, and return its port."""
        return self._stack.enter_context(manager)


def to(port: int, scheme: str = "https", host: str = HOST, **fields: Any) -> dict[str, Any]:
    return {"base_url": f"{scheme}://{host}:{port}", **fields}


def issued(world: World, first: int, last: int) -> dict[str, Any]:
    certificate = world.authority.issue_cert(HOST, not_before=trustme_day(first), not_after=trustme_day(last))
    return to(world.serve(world.context(certificate)))


def good(world: World) -> dict[str, Any]:
    return to(world.serve(world.context()))


def changed(world: World, change: Change) -> dict[str, Any]:
    context = world.context(world.authority.issue_cert(HOST, "127.0.0.1"))
    change(context)
    return to(world.serve(context))


def other_authority(world: World) -> dict[str, Any]:
    return to(world.serve(world.context(trustme.CA().issue_cert(HOST))))


def wrong_name(world: World) -> dict[str, Any]:
    return to(world.serve(world.context(world.authority.issue_cert("elsewhere.example.com"))))


def without_intermediate(world: World) -> dict[str, Any]:
    leaf = world.authority.create_child_ca().issue_cert(HOST)
    path = world.directory / "leaf.pem"
    path.write_bytes(leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return to(world.serve(context))


def self_signed(world: World) -> dict[str, Any]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, trustme_day(-1), trustme_day(9))
        .add_extension(names, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = world.directory / "self-signed.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return to(world.serve(context))


def of_one_version(version: ssl.TLSVersion, context: ssl.SSLContext) -> None:
    # OpenSSL allows the old ones on its lowest level alone.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version


def by_name_only(context: ssl.SSLContext) -> None:
    context.sni_callback = lambda _, name, __: None if name == HOST else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def by_address(world: World) -> dict[str, Any]:
    port = changed(world, by_name_only)["base_url"].rpartition(":")[2]
    return to(port, host="127.0.0.1")


def plain_on_the_tls_port(world: World) -> dict[str, Any]:
    return to(world.serve(None))


def tls_on_the_plain_port(world: World) -> dict[str, Any]:
    return to(world.serve(world.context()), "http")


def answers_400_in_clear(context: ssl.SSLContext) -> Manner:
    """Treat who speaks no TLS as nginx and Go do."""

    def manner(peer: Peer, sock: socket.socket) -> None:
        if sock.recv(1, socket.MSG_PEEK) == b"\x16":
            with context.wrap_socket(sock, server_side=True) as line:
                line.recv(1)
            return
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        hang_up(peer, sock)

    return manner


@contextmanager
def _listening(manner: Manner) -> Iterator[int]:
    with Peer(manner) as peer:
        yield peer.port


def tls_on_a_port_that_says_400(world: World) -> dict[str, Any]:
    return to(world.enter(_listening(answers_400_in_clear(world.context()))), "http")


def as_nginx(world: World) -> dict[str, Any]:
    """It asks for a certificate, goes on without one, and answers 400."""
    context = world.context()
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(world.ca)
    return to(world.serve(context, 400))


def tls_400(world: World) -> dict[str, Any]:
    return to(world.serve(world.context(), 400))


def plain_400(world: World) -> dict[str, Any]:
    return to(world.serve(None, 400), "http")


def bundle_of_the_environment(world: World, content: bytes | None) -> dict[str, Any]:
    path = world.directory / "environment.pem"
    if content is not None:
        path.write_bytes(content)
    world.environ.setenv("REQUESTS_CA_BUNDLE", str(path))
    return good(world)


def tunnel(status: int, tls: ssl.SSLContext | None = None) -> Manner:
    """Answer CONNECT with a status, and on 200 hand the bytes on."""

    def manner(peer: Peer, sock: socket.socket) -> None:
        with tls.wrap_socket(sock, server_side=True) if tls else sock as line:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = line.recv(65536)
                if not piece:
                    return
                head += piece
            line.sendall(f"HTTP/1.1 {status} As You Wish\r\n\r\n".encode())
            if status == 200:
                with socket.create_connection((HOST, int(head.split(b" ", 2)[1].rpartition(b":")[2]))) as server:
                    _carry(line, server)
            else:
                hang_up(peer, line)

    return manner


def _carry(one: socket.socket, other: socket.socket) -> None:
    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=pump, args=(other, one), daemon=True)
    back.start()
    pump(one, other)
    back.join(5)


def through(world: World, status: int, scheme: str = "http", *, tls: bool = False) -> dict[str, Any]:
    world.proxy(tunnel(status, world.context() if tls else None), scheme)
    return good(world)


def through_an_untrusted_proxy(world: World) -> dict[str, Any]:
    world.proxy(tunnel(200, world.context(trustme.CA().issue_cert(HOST))), "https")
    return good(world)


def through_a_plain_proxy_by_tls(world: World) -> dict[str, Any]:
    # As real ones do, it answers what it does not understand.
    port = world.serve(None)
    world.environ.setenv("HTTPS_PROXY", f"https://{HOST}:{port}")
    return good(world)


def through_no_proxy_at_all(world: World) -> dict[str, Any]:
    port = world.enter(closed_port())
    world.environ.setenv("HTTPS_PROXY", f"http://{HOST}:{port}")
    return good(world)


def through_a_proxy_without_a_url(world: World) -> dict[str, Any]:
    world.environ.setenv("HTTPS_PROXY", "nonsense://proxy:1")
    return good(world)


def wrong_name_through_a_proxy(world: World) -> dict[str, Any]:
    world.proxy(tunnel(200))
    return wrong_name(world)


UNAUTHORIZED = ("auth", "unauthorized", "does not accept these credentials")
"""The server has answered, by whatever way."""
OF_THE_ENVIRONMENT = ("unknown", "misconfigured", "REQUESTS_CA_BUNDLE")
SITUATIONS: dict[str, tuple[Callable[[World], dict[str, Any]], tuple[str, str, str]]] = {
    "all is right": (good, UNAUTHORIZED),
    "another authority": (other_authority, ("network", "certificate_untrusted", "Check the CA file")),
    "no intermediate": (without_intermediate, ("network", "certificate_untrusted", "its intermediate certificates")),
    "self-signed": (self_signed, ("network", "certificate_untrusted", "signed itself")),
    "wrong name": (wrong_name, ("network", "certificate_wrong_name", "made for another name")),
    "expired": (partial(issued, first=-9, last=-1), ("network", "certificate_expired", "has expired")),
    "not valid yet": (partial(issued, first=1, last=9), ("network", "certificate_not_yet_valid", "not valid yet")),
    "TLS 1.0 only": (
        partial(changed, change=partial(of_one_version, ssl.TLSVersion.TLSv1)),
        ("network", "tls_version", "no version of TLS in common"),
    ),
    "TLS 1.3 only": (partial(changed, change=partial(of_one_version, ssl.TLSVersion.TLSv1_3)), UNAUTHORIZED),
    "SNI needed, a name": (partial(changed, change=by_name_only), UNAUTHORIZED),
    "SNI needed, an address": (by_address, ("network", "certificate_wrong_name", "by its address alone")),
    "plain on the TLS port": (plain_on_the_tls_port, ("network", "tls_refused", "answers without TLS")),
    "TLS on the plain port": (tls_on_the_plain_port, ("network", "tls_required", "Write https://")),
    "TLS on a port that says 400": (tls_on_a_port_that_says_400, ("network", "tls_required", "Write https://")),
    "400 with TLS": (tls_400, ("unknown", "bad_request", "does not understand the request")),
    "400 for want of a certificate": (
        as_nginx,
        ("auth", "client_certificate_required", "asked for a client certificate"),
    ),
    "400 without TLS": (plain_400, ("unknown", "bad_request", "does not understand the request")),
    "bundle of the environment missing": (partial(bundle_of_the_environment, content=None), OF_THE_ENVIRONMENT),
    "bundle of the environment empty": (partial(bundle_of_the_environment, content=b""), OF_THE_ENVIRONMENT),
    "bundle of the environment a text": (partial(bundle_of_the_environment, content=b"hello\n"), OF_THE_ENVIRONMENT),
    "proxy connects": (partial(through, status=200), UNAUTHORIZED),
    "proxy wants credentials": (partial(through, status=407), ("auth", "proxy_auth", "The proxy on the way to")),
    "proxy refuses": (partial(through, status=403), ("permission", "proxy_denied", "The proxy on the way to")),
    "proxy has no way": (partial(through, status=502), ("network", "proxy_failed", "The proxy on the way to")),
    "proxy by TLS": (partial(through, status=200, scheme="https", tls=True), UNAUTHORIZED),
    "proxy by TLS refuses": (
        partial(through, status=403, scheme="https", tls=True),
        ("permission", "proxy_denied", "The proxy on the way to"),
    ),
    "proxy by TLS, named as a plain one": (
        partial(through, status=200, tls=True),
        ("network", "proxy_failed", "The proxy on the way to"),
    ),
    "plain proxy, named as one by TLS": (through_a_plain_proxy_by_tls, ("network", "proxy_tls", "TLS with the proxy")),
    "proxy with another authority": (through_an_untrusted_proxy, ("network", "proxy_tls", "TLS with the proxy")),
    "proxy down": (through_no_proxy_at_all, ("network", "proxy_failed", "The proxy on the way to")),
    "proxy that is no URL": (through_a_proxy_without_a_url, ("unknown", "bad_address", "The proxy on the way to")),
    "wrong name through a proxy": (wrong_name_through_a_proxy, ("network", "certificate_wrong_name", "another name")),
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with ExitStack() as stack:
        yield World(tmp_path, stack, monkeypatch)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("situation", SITUATIONS)
def test_conn_010_what_doctor_says_of_a_situation(situation: str, world: World) -> None:
    make, (category, fault, said) = SITUATIONS[situation]
    connection = {"family": "api", "alias": "test", "health_path": "me", "token": "t0k3n", "ca_bundle": world.ca}
    connection |= make(world)
    for _ in range(TIMES):
        _, verdict = get_connector("api").doctor(connection, 10)
        assert (verdict["category"], verdict["details"].get("fault")) == (category, fault), verdict["message"]
        assert said in verdict["message"]
