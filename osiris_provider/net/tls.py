"""TLS client contexts whose sockets keep a deadline, and know why a server has ended a session."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Final

from osiris_provider.net.expiry import SERVER_CERTIFICATE, note_certificate
from osiris_provider.net.sockets import DeadlineSocket, address_of
from osiris_provider.net.tls_files import load_authorities, load_certificate

CERTIFICATE_ALERTS: Final = frozenset(
    f"{version}_ALERT_{alert}"
    for version in ("SSLV3", "TLSV1", "TLSV13")
    for alert in (
        "ACCESS_DENIED",
        "BAD_CERTIFICATE",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_REQUIRED",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN",
        "NO_CERTIFICATE",
        "UNKNOWN_CA",
        "UNSUPPORTED_CERTIFICATE",
    )
)
"""``ssl.SSLError.reason`` of the alerts that a server has for the certificate of a client, or for having none."""
_CERTIFICATE_REQUIRED: Final = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
_HANDSHAKE_FAILURE: Final = "SSLV3_ALERT_HANDSHAKE_FAILURE"
_BROKEN: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_PIECE: Final = 16 * 1024
_MAX_EARLY: Final = 64 * 1024


class AlertSSLSocket(ssl.SSLSocket):
    """A TLS socket that raises the alert with which a server has ended the session, not the broken line behind it.

    In TLS 1.3 a server refuses a client's certificate, or the lack of one, only after the client's handshake. A client
    that writes meanwhile finds the line broken, while the alert waits to be read.
    """

    _early = b""
    """What had come before the line broke, and is still to be read."""

    def do_handshake(self, *args: Any) -> None:
        """Shake hands."""
        try:
            super().do_handshake(*args)
        except ssl.SSLError as error:
            self._note(error)
            raise

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - the base class's name
        """Read and decrypt."""
        if self._early:
            piece, self._early = self._early[:len], self._early[len:]
            return piece if buffer is None else _put(piece, buffer)
        try:
            return super().read(len, buffer)
        except ssl.SSLError as error:
            self._note(error)
            raise

    def send(self, *args: Any) -> int:
        """Encrypt and send."""
        try:
            return super().send(*args)
        except _BROKEN as error:
            alert = self._unread_alert()
            if alert is None:
                raise
            raise alert from error

    def on_alert(self, reason: str) -> None:
        """Take note of an alert; for subclasses.

        :param reason: ``ssl.SSLError.reason``, such as one of :data:`CERTIFICATE_ALERTS`.
        """

    def _note(self, error: ssl.SSLError) -> None:
        if error.reason == _HANDSHAKE_FAILURE and self.cipher():
            # TLS 1.2 has no alert of its own for a certificate that is not there. Where a cipher is agreed upon, there
            # is no other reason left for this one.
            error.reason = _CERTIFICATE_REQUIRED
        if "_ALERT_" in (error.reason or ""):
            self.on_alert(error.reason)

    def _unread_alert(self) -> ssl.SSLError | None:
        """Return the alert that has come before the line broke; what else has come is kept for the next read."""
        timeout, early = self.gettimeout(), self._early
        if not self.cipher():
            return None
        self._early = b""
        try:
            # A line that is broken in one direction only would be waited for.
            self.setblocking(False)
            while len(early) < _MAX_EARLY and (piece := self.read(_PIECE)):
                early += piece
        except ssl.SSLError as error:
            return error if "_ALERT_" in (error.reason or "") else None
        except OSError:
            return None
        finally:
            self._early = early
            self.settimeout(timeout)
        return None


def _put(piece: bytes, buffer: Any) -> int:
    memoryview(buffer).cast("B")[: len(piece)] = piece
    return len(piece)


class DeadlineSSLSocket(DeadlineSocket, AlertSSLSocket):
    """A :class:`DeadlineSocket` over TLS; it takes over the deadline of the socket that it wraps."""

    suppresses_ragged_eofs = True
    was_cut = False
    """Whether the line has ended without TLS saying so: more may have been to come."""

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - the base class's name
        """Read and decrypt; a line that ends so has come to its end, as for :class:`ssl.SSLSocket`."""
        try:
            return super().read(len, buffer)
        except ssl.SSLEOFError:
            if not self.suppresses_ragged_eofs:
                raise
        self.was_cut = True
        return b"" if buffer is None else 0

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within the deadline."""
        self._bound()
        super().do_handshake(block)
        note_certificate(SERVER_CERTIFICATE, self.getpeercert(binary_form=True), self._address())

    def getpeername(self) -> Any:
        """Return the address of the peer.

        :raises ConnectionResetError: the line was broken meanwhile, and is closed: Python asks this while it makes the
            socket, and would leave it open.
        """
        try:
            return super().getpeername()
        except OSError:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None

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
        wrapped = super().wrap_socket(sock, server_side, False, False, server_hostname, session)
        try:
            if isinstance(wrapped, DeadlineSSLSocket):
                wrapped.deadline = deadline
                wrapped.peer = getattr(sock, "peer", None)
                wrapped.suppresses_ragged_eofs = suppress_ragged_eofs
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
    :raises TLSFileError: a file is of no use.
    """
    context = DeadlineContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        load_authorities(context, ca)
    else:
        context.load_default_certs()
    if cert:
        load_certificate(context, cert, key, password)
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
