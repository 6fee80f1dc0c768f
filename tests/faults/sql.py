"""Faults that both SQL families can meet, made with real servers and a proxy before them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import trustme
from osiris_provider.connectors import get_connector

from tests.faults.name_servers import NAME, name_server
from tests.faults.peers import (
    NO_ROUTE,
    Cut,
    Manner,
    Peer,
    closed_port,
    drip,
    forward,
    hang_up,
    reset,
    say,
    silent,
    unanswered_port,
)
from tests.faults.scenario import Connection, Scenario
from tests.servers import Address, entry
from tests.servers.process import Server

Prepared = Iterator[Connection]

CERTIFICATE: Final = "server.pem"
KEY: Final = "server-key.pem"


class Certificates:
    """The certificates of the tests: an authority, one that no one trusts, and a server's, for ``localhost`` only.

    :param directory: where the authorities' PEM files are put.
    """

    def __init__(self, directory: Path) -> None:
        self.authority = authority = trustme.CA()
        self.trusted = directory / "ca.pem"
        self.other = directory / "other-ca.pem"
        authority.cert_pem.write_to_path(str(self.trusted))
        trustme.CA().cert_pem.write_to_path(str(self.other))
        self.good = authority.issue_cert("localhost")
        yesterday = trustme_day(-1)
        self.expired = authority.issue_cert("localhost", not_before=trustme_day(-9), not_after=yesterday)

    def files(self) -> dict[str, bytes]:
        """Return the files of a server: its certificate and its key."""
        return {CERTIFICATE: chain(self.good), KEY: self.good.private_key_pem.bytes()}


def trustme_day(days: int) -> Any:
    """Return the time so many days from now."""
    import datetime as dt

    return dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=days)


def chain(certificate: trustme.LeafCert) -> bytes:
    """Return a certificate and those that lead to its authority, as PEM."""
    return b"".join(blob.bytes() for blob in certificate.cert_chain_pems)


@dataclass(frozen=True)
class SqlWorld:
    """The running servers of one family.

    :param family: of the connections.
    :param plain: speaks no TLS.
    :param tls: speaks nothing else; its certificate is good for ``localhost`` only.
    :param certificates: of the TLS server, and who trusts it.
    :param encrypting: fields of a connection that encrypts without verifying.
    :param verifying: fields of a connection that verifies with a CA file.
    :param reload: makes the TLS server read its certificate again.
    """

    family: str
    plain: Server
    tls: Server
    certificates: Certificates
    encrypting: dict[str, Any]
    verifying: Callable[[Path], dict[str, Any]]
    reload: Callable[[], object]
    _counted: list[int] = field(default_factory=list, repr=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def at(self, address: Address, **fields: Any) -> Connection:
        """Return the connection of an address, with other fields over it."""
        return {"family": self.family, "alias": "test", **entry(address, **fields)}

    def answers(self) -> int:
        """Return how many of the client's turns in plain text a healthy check takes, those about expiries aside."""
        # Scenarios are made side by side, and the patch is everybody's.
        with self._counting:
            if not self._counted:
                self._counted.append(self._count_answers())
            return self._counted[0]

    def _count_answers(self) -> int:
        asides = patch(f"osiris_provider.connectors.{self.family}.expiry.note_password")
        with asides, Peer(forward(self.plain.port)) as peer:
            ok, verdict = get_connector(self.family).doctor(self.at(self.plain.app, port=peer.port), 10)
            assert ok, verdict
            return peer.answers


@contextmanager
def changed(world: SqlWorld, **fields: Any) -> Prepared:
    """Connect to the plain server with other fields."""
    yield world.at(world.plain.app, **fields)


@contextmanager
def unreached(world: SqlWorld, port: Callable[[], Any]) -> Prepared:
    """Connect to a port on which no one answers."""
    with port() as number:
        yield world.at(world.plain.app, port=number)


@contextmanager
def unnamed(world: SqlWorld, answers: bool) -> Prepared:
    """Connect to a name that no name server resolves."""
    with name_server(answers):
        yield world.at(world.plain.app, host=NAME)


@contextmanager
def met_by(world: SqlWorld, manner: Manner) -> Prepared:
    """Connect to a peer that misbehaves."""
    with Peer(manner) as peer:
        yield world.at(world.plain.app, port=peer.port)


@contextmanager
def cut_short(world: SqlWorld, then: Any, turn: int, spared: int = 0, *, tls: bool = False) -> Prepared:
    """Connect through a proxy that spoils an answer of the server.

    A negative turn counts from the last one in plain, and 0 is the first question about expiries.
    """
    server, fields = (world.tls, world.encrypting) if tls else (world.plain, {})
    number = turn if turn > 0 else world.answers() + 1 + turn
    with Peer(forward(server.port, Cut(then, number, spared))) as peer:
        yield world.at(server.app, port=peer.port, **fields)


@contextmanager
def secured(world: SqlWorld, trusted: bool = True, host: str = "localhost") -> Prepared:
    """Connect to the TLS server, verifying."""
    ca = world.certificates.trusted if trusted else world.certificates.other
    yield world.at(world.tls.app, host=host, **world.verifying(ca))


@contextmanager
def expired(world: SqlWorld) -> Prepared:
    """Connect to the TLS server while its certificate has expired."""
    files = {CERTIFICATE: world.certificates.expired, KEY: world.certificates.expired}
    good = world.certificates.files()
    try:
        (world.tls.data / CERTIFICATE).write_bytes(chain(files[CERTIFICATE]))
        (world.tls.data / KEY).write_bytes(files[KEY].private_key_pem.bytes())
        world.reload()
        yield world.at(world.tls.app, host="localhost", **world.verifying(world.certificates.trusted))
    finally:
        for name, content in good.items():
            (world.tls.data / name).write_bytes(content)
        world.reload()


@contextmanager
def unencrypted(world: SqlWorld, **fields: Any) -> Prepared:
    """Connect to the TLS server in plain text."""
    yield world.at(world.tls.app, **fields)


@contextmanager
def encrypted_to_plain(world: SqlWorld) -> Prepared:
    """Ask the plain server for TLS."""
    yield world.at(world.plain.app, **world.encrypting)


Make = Callable[[SqlWorld], Any]
Row = tuple[str, str, Make]


def scenarios(family: str, handshake_turn: int, own: list[Row]) -> list[Scenario[SqlWorld]]:
    """Return all scenarios of a SQL family.

    :param family: ``mysql`` or ``postgres``.
    :param handshake_turn: number of the client's turn that the server's half of the TLS handshake answers.
    :param own: what only this family can meet.
    """
    half_way = partial(cut_short, turn=handshake_turn, spared=20, tls=True)
    # The client's half ends the handshake and logs in; when the server's session tickets come is left to TLS.
    login_over_tls = partial(cut_short, turn=handshake_turn + 1, tls=True)
    rows: list[Row] = [
        ("healthy", "ok", changed),
        ("healthy, TLS verified", "ok", secured),
        ("wrong password", "wrong_password", partial(changed, password="no such password")),
        ("unknown user", "wrong_password", partial(changed, user="nobody_of_that_name")),
        ("refused", "refused", partial(unreached, port=closed_port)),
        ("unknown host", "unknown_host", partial(changed, host="no-such-host.invalid")),
        ("name server silent", "dns_silent", partial(unnamed, answers=False)),
        ("name server fails", "dns_failed", partial(unnamed, answers=True)),
        ("no route", "unreachable", partial(changed, host=NO_ROUTE)),
        ("SYN never answered", "timed_out", partial(unreached, port=unanswered_port)),
        ("accepted, then silent", "timed_out", partial(met_by, manner=silent)),
        ("one byte every 0.5 s", "timed_out", partial(met_by, manner=drip(b"\x4e"))),
        ("closed at once", "reset", partial(met_by, manner=hang_up)),
        ("reset at once", "reset", partial(met_by, manner=reset)),
        ("speaks HTTP", "garbage", partial(met_by, manner=say(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
        ("speaks noise", "garbage", partial(met_by, manner=say(bytes(range(200, 256)) * 40))),
        ("login never answered", "timed_out", partial(cut_short, then="stall", turn=-2)),
        ("login answered by drips", "timed_out", partial(cut_short, then="drip", turn=-2)),
        ("reset during login", "reset", partial(cut_short, then="reset", turn=-2)),
        ("closed during login", "reset", partial(cut_short, then="close", turn=-2)),
        ("query never answered", "timed_out", partial(cut_short, then="stall", turn=-1)),
        ("query answered half", "timed_out", partial(cut_short, then="stall", turn=-1, spared=9)),
        ("query answered by drips", "timed_out", partial(cut_short, then="drip", turn=-1)),
        ("reset during query", "reset", partial(cut_short, then="reset", turn=-1)),
        ("TLS wanted, none there", "tls_refused", encrypted_to_plain),
        ("TLS handshake stalls half-way", "timed_out", partial(half_way, then="stall")),
        ("TLS handshake drips", "timed_out", partial(half_way, then="drip")),
        ("TLS handshake reset", "reset", partial(half_way, then="reset")),
        ("login over TLS never answered", "timed_out", partial(login_over_tls, then="stall")),
        ("certificate of another authority", "certificate_untrusted", partial(secured, trusted=False)),
        ("certificate for another name", "certificate_wrong_name", partial(secured, host="127.0.0.1")),
        ("certificate expired", "certificate_expired", expired),
        *own,
    ]
    return [Scenario(name, family, fault, make) for name, fault, make in rows]
