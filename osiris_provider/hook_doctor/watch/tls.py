"""Whether it was for a certificate of ours that a server has ended a TLS session: often its client cannot say.

In TLS 1.3 a server refuses a certificate, or the lack of one, only after the handshake. A client that writes meanwhile
sees a line that is broken. In TLS 1.2 many servers say no more than that the handshake has failed.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

from osiris_provider.connectors.faults import CLIENT_CERTIFICATE, RESET, TLS_FAILED, transport_fault
from osiris_provider.errors import Fault
from osiris_provider.net.deadline import Deadline

_MAX_SECONDS = 2.0
_REQUEST = "CERTIFICATE_REQUEST"

_peers: list[tuple[Any, str | None, ssl.SSLContext]] = []
"""Of the last TLS session: address, name for SNI, and what has the client's certificate, if there is one."""
_requests: list[str] = []
"""For each server that has asked for a certificate, that it has."""


def watch_sessions() -> None:
    """Take note of whom TLS is spoken with, and who asks for a certificate; in this process only."""
    wrap = ssl.SSLContext.wrap_socket

    def watched(context: ssl.SSLContext, line: socket.socket, *given: Any, **named: Any) -> ssl.SSLSocket:
        with suppress(OSError):
            _peers[:] = [(line.getpeername(), named.get("server_hostname"), context)]
        # Python has no public place for it.
        context._msg_callback = _note  # type: ignore[attr-defined] # noqa: SLF001 - as above
        return wrap(context, line, *given, **named)

    ssl.SSLContext.wrap_socket = watched  # type: ignore[method-assign, assignment] # in this process only


def _note(_line: Any, direction: str, _version: Any, _content: Any, kind: Any, _data: bytes) -> None:
    if direction == "read" and getattr(kind, "name", "") == _REQUEST:
        _requests.append(_REQUEST)


def refined(fault: Fault, deadline: Deadline) -> Fault:
    """Return the fault of a certificate instead of one that says less, if that is what it was.

    :param fault: of a check in this process.
    :param deadline: bounds one more session, in which nothing is sent.
    """
    if not (_requests and _peers):
        return fault
    # A server asks for a certificate once all else is agreed upon.
    is_certificate = fault == TLS_FAILED or (fault == RESET and _is_refused(deadline))
    return CLIENT_CERTIFICATE if is_certificate else fault


def _is_refused(deadline: Deadline) -> bool:
    # Nothing is sent but the certificate, to the same server; one that accepts it has had another reason.
    address, name, context = _peers[0]
    try:
        seconds = min(max(deadline.left(), 0.001), _MAX_SECONDS)
        with (
            socket.create_connection(address[:2], seconds) as plain,
            context.wrap_socket(plain, server_hostname=name) as line,
        ):
            line.recv(1)
    except OSError as error:
        return transport_fault(error) in (CLIENT_CERTIFICATE, TLS_FAILED)
    return False
