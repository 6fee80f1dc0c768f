"""TLS client contexts whose sockets keep a deadline."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable

from osiris_provider.net.expiry import SERVER_CERTIFICATE, note_certificate
from osiris_provider.net.sockets import DeadlineSocket, address_of


class DeadlineSSLSocket(DeadlineSocket, ssl.SSLSocket):
    """A :class:`DeadlineSocket` over TLS; it takes over the deadline of the socket that it wraps."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within the deadline."""
        self._bound()
        super().do_handshake(block)
        note_certificate(SERVER_CERTIFICATE, self.getpeercert(binary_form=True), self._address())

    def _address(self) -> str:
        """Return whose certificate it is; behind a proxy the socket was opened for another host and port."""
        name = self.server_hostname or ""
        return address_of(*self.peer) if self.peer is not None and name in ("", self.peer[0]) else name


class DeadlineContext(ssl.SSLContext):
    """A TLS client context whose sockets keep the deadline of the sockets that they wrap.

    It verifies certificate and host name unless the caller turns that off.
    """

    sslsocket_class = DeadlineSSLSocket

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Encrypt a connected socket; its ``deadline``, if it has one, passes to the new socket, handshake included."""
        deadline = getattr(sock, "deadline", None)
        wrapped = super().wrap_socket(sock, server_side, False, suppress_ragged_eofs, server_hostname, session)
        try:
            if isinstance(wrapped, DeadlineSSLSocket):
                wrapped.deadline = deadline
                wrapped.peer = getattr(sock, "peer", None)
            if do_handshake_on_connect:
                wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def tls_context(
    *,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    password: str | None = None,
    verify: bool = True,
) -> DeadlineContext:
    """Return a TLS client context (CONN-017).

    :param ca: PEM file of the authorities to trust instead of the system's.
    :param cert: PEM file of the client certificate.
    :param key: PEM file of its key, if it is not in ``cert``.
    :param password: of the key; without it a key that has one is an error, not a question at the terminal.
    :param verify: False encrypts without knowing whom one talks to.
    :raises OSError: a file is missing or is not PEM.
    """
    context = DeadlineContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    if cert:
        context.load_cert_chain(cert, key, password or "")
    return context


_shared: dict[object, DeadlineContext] = {}
_sharing = threading.Lock()


def shared_context(make: Callable[..., DeadlineContext], bundle: str | None = None) -> DeadlineContext:
    """Return the context that many checks use together, for as long as the system trusts the same authorities.

    To read those takes some 30 ms of a processor, during which no other thread runs: 64 checks that begin at the same
    moment would keep each other from answering in time.

    :param make: makes a context that trusts the system's authorities. No one may change what it returns.
    :param bundle: further authorities, given to ``make``.
    """
    paths = ssl.get_default_verify_paths()
    files = [path for path in (paths.cafile, paths.capath, bundle) if path and os.path.exists(path)]
    key = make, bundle, *((path, os.stat(path).st_mtime_ns) for path in files)
    with _sharing:
        if key not in _shared:
            _shared[key] = make(bundle) if bundle else make()
        return _shared[key]
