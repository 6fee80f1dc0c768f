"""Name resolution that keeps a deadline.

The system's ``getaddrinfo`` takes no deadline: a silent name server holds it for ten seconds and more, and
the thread that waits in it cannot be ended. c-ares asks the same servers (``resolv.conf``, ``hosts``, search domains)
and can be cancelled. The system's resolver is asked for nothing, so a name that only mDNS or LDAP knows has no address.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osiris_provider.net.deadline import Deadline

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""An address family, and what ``socket.connect`` takes for it."""


class NamesUnansweredError(TimeoutError):
    """No name server answered before the deadline."""


def addresses_of(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Return the addresses of a host, in the order in which they should be tried, without those that have no route.

    :param host: a name, or an IPv4 or IPv6 address.
    :param port: 1 to 65535.
    :param deadline: bounds the look-up.
    :raises socket.gaierror: the name has no address (``EAI_NONAME``), or DNS failed (``EAI_AGAIN``).
    :raises NamesUnansweredError: no name server answered in time.
    :raises OSError: this process can open no more files.
    """
    with contextlib.suppress(UnicodeError):
        if host.encode("idna") == b"*":
            # For glibc it is this machine, whatever its owner has meant.
            raise socket.gaierror(socket.EAI_NONAME, "an asterisk is no name")
    with contextlib.suppress(socket.gaierror, UnicodeError):
        return _numeric(host, port)
    addresses = _ask(host, port, deadline)
    # Where none of them can be reached, that is what is to be said.
    return [address for address in addresses if _has_route(*address)] or addresses


def address_text(address: tuple[Any, ...]) -> str:
    """Return an address as text, with the interface that one of IPv6 is for: ``fe80::1%2``.

    :param address: of :data:`Address`.
    """
    host, _, *more = address
    return f"{host}%{more[1]}" if more and more[1] else str(host)


def is_encodable(host: str) -> bool:
    """Return whether no label of a host is empty, or has more than 63 letters: a resolver would only not find it.

    :param host: a name, or an address, which has no such label.
    """
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _has_route(family: socket.AddressFamily, address: tuple[Any, ...]) -> bool:
    """Return whether this machine knows a way to an address; one without IPv6 knows none to ``::1`` of ``localhost``.

    To try such an address would take its share of the time, and what it says would hide what the others say.
    """
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            # Sends nothing.
            asking.connect(address)
    except OSError:
        return False
    return True


def _numeric(host: str, port: int) -> list[Address]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [(family, address) for family, _, _, _, address in answers]


def _ask(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Return the addresses that c-ares finds."""
    import pycares
    import pycares.errno as ares

    answered = threading.Event()
    answer: list[Any] = [None, ares.ARES_ETIMEOUT]

    def take(result: Any, error: int | None) -> None:
        answer[:] = [result, error]
        answered.set()

    try:
        name = host.encode("idna").decode("ascii")
        # Short tries, so that a dead first server leaves time to ask the second.
        opened = pycares.Channel(timeout=deadline.remaining() / 3, tries=2)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "the name is none") from None
    except pycares.AresError as failed:
        # It has no code. To begin takes files, of which there are no more.
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) from failed
    with contextlib.closing(opened) as channel:
        channel.getaddrinfo(name, port, callback=take)
        answered.wait(deadline.remaining())
    result, code = answer
    if result is not None:
        return [(socket.AddressFamily(node.family), _decoded(node.addr)) for node in result.nodes]
    if code in (ares.ARES_ETIMEOUT, ares.ARES_ECANCELLED, ares.ARES_EDESTRUCTION):
        message = f"no name server answered within {deadline.seconds:g} s"
        raise NamesUnansweredError(message)
    if code in (ares.ARES_ESERVFAIL, ares.ARES_EREFUSED, ares.ARES_ECONNREFUSED, ares.ARES_EBADRESP):
        raise socket.gaierror(socket.EAI_AGAIN, "name resolution failed")
    # Other sources of the system (mDNS, LDAP) are not asked: they would be asked without a deadline.
    raise socket.gaierror(socket.EAI_NONAME, "the name has no address")


def _decoded(address: tuple[Any, ...]) -> tuple[Any, ...]:
    host, *rest = address
    return (host.decode("ascii") if isinstance(host, bytes) else host, *rest)
