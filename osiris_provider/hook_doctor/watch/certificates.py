"""When the certificates of both sides expire, of each TLS session that a library has by Python's ``ssl`` or pyOpenSSL.

They are those of the sessions of the check itself, verified or not. Libraries that have their TLS in C keep it to
themselves, and no other connection is made to ask.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.expiry import CLIENT, OTHER, SERVER
from osiris_provider.net.expiry import CLIENT_CERTIFICATE, MAX_CERTIFICATE, SERVER_CERTIFICATE, Noted

_noted = Noted()
"""Of all threads: some libraries connect in others than the one that asks."""


def watch_certificates() -> None:
    """Take note of the certificates of both sides; in this process only."""
    _watch(ssl.SSLSocket, _of_ssl)
    _watch(ssl.SSLObject, _of_ssl)
    openssl = sys.modules.get("OpenSSL.SSL")
    if openssl is not None:
        _watch(openssl.Connection, _of_openssl)
    load = ssl.SSLContext.load_cert_chain

    def watched(context: ssl.SSLContext, certfile: Any, *given: Any, **named: Any) -> None:
        load(context, certfile, *given, **named)
        with suppress(Exception), open(certfile, "rb") as file:
            _note(CLIENT_CERTIFICATE, "", file.read(MAX_CERTIFICATE))

    ssl.SSLContext.load_cert_chain = watched  # type: ignore[method-assign, assignment] # in this process only


def certificate_ends(connection: HookConnection, declared: HookType) -> Iterator[tuple[str, datetime]]:
    """Yield what certificates have been seen in this process: whose they are, and when they expire.

    :param connection: that was checked.
    :param declared: of the connection's type.
    """
    address = declared.address(connection)
    hosts = [host.lower() for host in (connection.host, address and address[0]) if host]
    for one in _noted.expiries():
        # A session without a name is the connection's, too.
        is_other = hosts and not any(one.address in host for host in hosts)
        yield CLIENT if one.what == CLIENT_CERTIFICATE else OTHER if is_other else SERVER, one.at


def _watch(kind: Any, peer_of: Callable[[Any], tuple[str | None, bytes | None]]) -> None:
    """Have the peers of a class of TLS lines noted when their handshake is done.

    :param peer_of: returns the name that a line's peer was asked for by, and its certificate as DER.
    """
    shake = kind.do_handshake

    def watched(line: Any, *given: Any, **named: Any) -> None:
        shake(line, *given, **named)
        with suppress(Exception):
            # Whatever keeps it from being read: the session is the library's.
            name, certificate = peer_of(line)
            _note(SERVER_CERTIFICATE, (name or "").lower(), certificate)

    kind.do_handshake = watched


def _note(what: str, name: str, certificate: bytes | None) -> None:
    if certificate and (what, name, certificate) not in _noted.certificates:
        _noted.certificates.append((what, name, certificate))


def _of_ssl(line: Any) -> tuple[str | None, bytes | None]:
    return line.server_hostname, line.getpeercert(True)


def _of_openssl(line: Any) -> tuple[str | None, bytes | None]:
    crypto: Any = sys.modules["OpenSSL.crypto"]
    name, certificate = line.get_servername(), line.get_peer_certificate()
    return name and name.decode(), certificate and crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
