"""When what a check sees comes to its end: certificates, passwords, tokens.

Where one is seen it is noted here; the check that is under way in the same thread reports it. To note takes no time and
raises nothing: an expiry is never a reason for a check to fail, or to be late.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone

from osiris_provider.net.certificate import not_after
from osiris_provider.net.deadline import MIN_TIMEOUT, Deadline

ASIDE_SECONDS = 1.0
"""That questions about expiries get at the most, and no more than half of what is left of a check."""
SERVER_CERTIFICATE = "TLS certificate"
CLIENT_CERTIFICATE = "client certificate"
LOGIN = "password of the account"
MAX_CERTIFICATE = 64 * 1024
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Expiry:
    """The end of something.

    :param what: fixed words, such as ``TLS certificate``.
    :param address: where it belongs, a public value; empty if that needs no saying.
    :param at: when, in UTC.
    """

    what: str
    address: str
    at: datetime


@dataclass
class Noted:
    """What a check has seen.

    :param certificates: what each is, its address, and the certificate as DER or PEM.
    :param others: what else comes to its end.
    :param aside_seconds: that questions about expiries took; they are not the server's latency.
    """

    certificates: list[tuple[str, str, bytes]] = field(default_factory=list)
    others: list[Expiry] = field(default_factory=list)
    aside_seconds: float = 0.0

    def expiries(self) -> list[Expiry]:
        """Return what comes to its end, soonest first. A certificate that cannot be read is left out."""
        known = {*self.others}
        for what, address, certificate in dict.fromkeys(self.certificates):
            # Whatever a peer sends or a file holds: it was good enough for TLS, and that is all that counts.
            with suppress(ValueError):
                known.add(Expiry(what, address, not_after(_der(certificate))))
        return sorted(known, key=lambda one: (one.at, one.what, one.address))


_noted: ContextVar[Noted | None] = ContextVar("osiris_noted_expiries", default=None)


@contextmanager
def noting(noted: Noted | None = None) -> Iterator[Noted]:
    """Collect what is noted within, in this thread.

    :param noted: gets it; by default a new one does.
    """
    noted = Noted() if noted is None else noted
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def note_all(seen: Noted) -> None:
    """Note what another check has seen that is a part of the one under way.

    :param seen: by that check.
    """
    noted = _noted.get()
    if noted is not None:
        noted.certificates += seen.certificates
        noted.others += seen.others
        noted.aside_seconds += seen.aside_seconds


def note(what: str, at: datetime, address: str = "") -> None:
    """Note when something comes to its end.

    :param what: fixed words, such as ``password of the account``.
    :param at: when, with a time zone.
    :param address: where it belongs, a public value.
    """
    noted = _noted.get()
    if noted is not None:
        noted.others.append(Expiry(what, address, at.astimezone(timezone.utc)))


def note_certificate(what: str, certificate: bytes | None, address: str = "") -> None:
    """Note a certificate; None is none.

    :param what: fixed words, such as ``TLS certificate``.
    :param certificate: DER or PEM.
    :param address: whose it is, a public value.
    """
    noted = _noted.get()
    if noted is not None and certificate and len(certificate) <= MAX_CERTIFICATE:
        noted.certificates.append((what, address, certificate))


def note_certificate_file(what: str, path: str | None) -> None:
    """Note the first certificate of a PEM file; one that cannot be read is left out.

    :param what: fixed words, such as ``client certificate``.
    :param path: of the file, or None; ``~`` is the user's home.
    """
    if path and _noted.get() is not None:
        with suppress(OSError), open(os.path.expanduser(path), "rb") as file:
            note_certificate(what, file.read(MAX_CERTIFICATE))


@contextmanager
def aside(deadline: Deadline) -> Iterator[Deadline]:
    """Ask about an expiry once all is proven: what fails within is left out, and what it takes is no latency.

    :param deadline: of the check.
    :return: the deadline of the question.
    """
    began = time.perf_counter()
    left = deadline.left()
    asking = deadline.part(min(0.5, ASIDE_SECONDS / left)) if left > MIN_TIMEOUT else deadline
    try:
        with suppress(Exception):
            yield asking
    finally:
        noted = _noted.get()
        if noted is not None:
            noted.aside_seconds += time.perf_counter() - began


def _der(certificate: bytes) -> bytes:
    begin = certificate.find(_BEGIN)
    if begin < 0:
        return certificate
    end = certificate.index(_END, begin) + len(_END)
    return ssl.PEM_cert_to_DER_cert(certificate[begin:end].decode("ascii"))
