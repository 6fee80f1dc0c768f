"""Faults of the HTTP families, made with a server that answers as it is told."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trustme

from tests.faults.name_servers import NAME, name_server
from tests.faults.peers import NO_ROUTE, Manner, Peer, closed_port, drip, hang_up, reset, say, silent, unanswered_port
from tests.faults.scenario import Connection, Scenario
from tests.faults.sql import Certificates
from tests.servers.apis.http import HttpServer, RawReply, Reply, Request

JSON = {"Content-Type": "application/json"}
LOGIN_PAGE = "<!DOCTYPE html><html><form><input name=user><input name=password type=password></form></html>"
DRIP_SECONDS = 0.1

Answer = Callable[["Moody", Request], Reply | RawReply]
Prepared = Iterator[Connection]


class Moody(HttpServer):
    """Answers everything in the same mood.

    :param mood: makes the answer to a request.
    """

    def __init__(self, mood: Answer, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._mood = mood

    def answer(self, request: Request) -> Reply | RawReply:
        return self._mood(self, request)

    def dripping(self, text: bytes) -> Iterator[bytes]:
        """Yield one byte now and then."""
        for position in itertools.count():
            yield text[position % len(text) :][:1]
            if self.stopping.wait(DRIP_SECONDS):
                return


@dataclass(frozen=True)
class HttpWorld:
    """What the scenarios of one family start from.

    :param family: of the connections.
    :param at: makes a connection to an origin.
    :param healthy: starts an honest server and yields its origin and good credentials.
    :param wrong: fields with wrong credentials.
    :param certificates: of TLS servers, and who trusts them.
    """

    family: str
    at: Callable[[str], Connection]
    honest: Callable[[], HttpServer]
    wrong: dict[str, Any]
    certificates: Certificates


@contextmanager
def to_honest(world: HttpWorld, **fields: Any) -> Prepared:
    """Connect to an honest server."""
    with world.honest() as server:
        yield {**world.at(server.origin), **fields}


@contextmanager
def with_wrong_credentials(world: HttpWorld) -> Prepared:
    """Connect to an honest server with credentials that it does not know."""
    with world.honest() as server:
        yield {**world.at(server.origin), **world.wrong}


@contextmanager
def answered(world: HttpWorld, mood: Answer) -> Prepared:
    """Connect to a server in some mood."""
    with Moody(mood) as server:
        yield world.at(server.origin)


@contextmanager
def unreached(world: HttpWorld, port: Callable[[], Any]) -> Prepared:
    """Connect to a port on which no one answers."""
    with port() as number:
        yield world.at(f"http://127.0.0.1:{number}")


@contextmanager
def met_by(world: HttpWorld, manner: Manner, scheme: str = "http") -> Prepared:
    """Connect to a peer that misbehaves."""
    with Peer(manner) as peer:
        yield world.at(f"{scheme}://127.0.0.1:{peer.port}")


@contextmanager
def to_no_host(world: HttpWorld) -> Prepared:
    """Connect to a name that no one has."""
    yield world.at("https://no-such-host.invalid")


@contextmanager
def unnamed(world: HttpWorld, answers: bool) -> Prepared:
    """Connect to a name that no name server resolves."""
    with name_server(answers):
        yield world.at(f"https://{NAME}")


@contextmanager
def unroutable(world: HttpWorld) -> Prepared:
    """Connect to an address to which no route leads."""
    yield world.at(f"https://{NO_ROUTE}")


@contextmanager
def secured(
    world: HttpWorld, certificate: str = "good", host: str = "localhost", trusted: bool = True, wants: bool = False
) -> Prepared:
    """Connect to a TLS server, verifying; perhaps it wants a certificate of the client."""
    issued: trustme.LeafCert = getattr(world.certificates, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    if wants:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(world.certificates.trusted)
    ca = world.certificates.trusted if trusted else world.certificates.other
    with Moody(status_only(401), context) as server:
        yield {**world.at(f"https://{host}:{server.port}"), "ca_bundle": str(ca)}


def status_only(status: int, **headers: str) -> Answer:
    return lambda _, __: Reply.of_json({"error": "as told"}, status, headers)


def _always(reply: Reply) -> Answer:
    return lambda _, __: reply


def _redirect_away(server: Moody, request: Request) -> Reply:
    return Reply(302, b"", {"Location": f"http://localhost:{server.port}{request.path}"})


def _redirect_in_a_circle(_: Moody, request: Request) -> Reply:
    return Reply(302, b"", {"Location": request.path})


def _header_drip(server: Moody, _: Request) -> RawReply:
    return RawReply(itertools.chain([b"HTTP/1.1 200 OK\r\nX-A: "], server.dripping(b"b")))


def _body_drip(server: Moody, _: Request) -> Reply:
    return Reply(200, server.dripping(b"["), JSON)


def _body_stall(server: Moody, _: Request) -> RawReply:
    def pieces() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n[1"
        server.stopping.wait()

    return RawReply(pieces())


def _huge(server: Moody, _: Request) -> RawReply:
    size = 10 * 1024**3
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n["
    return RawReply(itertools.chain([head.encode()], _until_stopped(server)))


def _endless(server: Moody, _: Request) -> Reply:
    return Reply(200, itertools.chain([b"["], _until_stopped(server)), JSON)


def _until_stopped(server: Moody) -> Iterator[bytes]:
    while not server.stopping.is_set():
        yield b'{"a": 1},' * 1000


Row = tuple[str, str, Callable[[HttpWorld], Any]]


_ROWS: list[Row] = [
    ("healthy", "ok", to_honest),
    ("wrong credentials", "unauthorized", with_wrong_credentials),
    ("refused", "refused", partial(unreached, port=closed_port)),
    ("unknown host", "unknown_host", to_no_host),
    ("name server silent", "dns_silent", partial(unnamed, answers=False)),
    ("name server fails", "dns_failed", partial(unnamed, answers=True)),
    ("no route", "unreachable", unroutable),
    ("SYN never answered", "timed_out", partial(unreached, port=unanswered_port)),
    ("accepted, then silent", "timed_out", partial(met_by, manner=silent)),
    ("one byte every 0.5 s", "timed_out", partial(met_by, manner=drip(b"HTTP/1.1 "))),
    ("closed at once", "reset", partial(met_by, manner=hang_up)),
    ("reset at once", "reset", partial(met_by, manner=reset)),
    ("speaks SMTP", "garbage", partial(met_by, manner=say(b"220 smtp.example.com ESMTP\r\n"))),
    ("speaks noise", "garbage", partial(met_by, manner=say(bytes(range(128, 256)) + b"\r\n\r\n"))),
    ("headers drip", "timed_out", partial(answered, mood=_header_drip)),
    ("body drips", "timed_out", partial(answered, mood=_body_drip)),
    ("body stalls", "timed_out", partial(answered, mood=_body_stall)),
    ("endless body", "broken_json", partial(answered, mood=_endless)),
    ("10 GB body", "broken_json", partial(answered, mood=_huge)),
    ("TLS handshake never answered", "timed_out", partial(met_by, manner=silent, scheme="https")),
    ("TLS handshake drips", "timed_out", partial(met_by, manner=drip(b"\x16\x03\x03\x7a"), scheme="https")),
    (
        "TLS wanted, none there",
        "tls_refused",
        partial(met_by, manner=say(b"HTTP/1.1 400 x\r\n\r\n"), scheme="https"),
    ),
    ("certificate trusted", "unauthorized", secured),
    ("certificate of another authority", "certificate_untrusted", partial(secured, trusted=False)),
    ("certificate for another name", "certificate_wrong_name", partial(secured, host="127.0.0.1")),
    ("certificate expired", "certificate_expired", partial(secured, certificate="expired")),
    ("client certificate wanted", "client_certificate_required", partial(secured, wants=True)),
    *[
        (f"status {status}", fault, partial(answered, mood=status_only(status)))
        for status, fault in (
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "not_found"),
            (407, "proxy_auth"),
            (408, "request_timeout"),
            (429, "throttled"),
            (500, "server_error"),
            (503, "server_error"),
        )
    ],
    ("login page with status 200", "web_page", partial(answered, mood=_always(Reply.html(LOGIN_PAGE)))),
    ("broken JSON", "broken_json", partial(answered, mood=_always(Reply(200, b'{"status": "u', JSON)))),
    ("redirects in a circle", "redirect_loop", partial(answered, mood=_redirect_in_a_circle)),
    ("redirects to another host", "redirected", partial(answered, mood=_redirect_away)),
]


def scenarios(family: str, faults: dict[str, str], own: list[Row] | None = None) -> list[Scenario[HttpWorld]]:
    """Return all scenarios of an HTTP family.

    :param family: such as ``api``.
    :param faults: by name of a scenario, where the family's differ from the others'.
    :param own: what only this family can meet.
    """
    rows = [*_ROWS, *(own or [])]
    return [Scenario(name, family, faults.get(name, fault), make) for name, fault, make in rows]


def world_of(
    family: str, at: Callable[[str], Connection], honest: Callable[[], HttpServer], wrong: dict[str, Any]
) -> Callable[[Path], Any]:
    """Return what starts the world of an HTTP family; see :class:`HttpWorld`."""

    @contextmanager
    def world(directory: Path) -> Iterator[HttpWorld]:
        def connection(origin: str) -> Connection:
            return {"family": family, "alias": "test", **at(origin)}

        yield HttpWorld(family, connection, honest, wrong, Certificates(directory))

    return world
