"""Why a login failed of which libpq has only prose to say: the same steps with a socket of our own, whose errors have
codes. No credential is sent here.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
from contextlib import closing
from typing import Final

from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_REFUSED
from osiris_provider.connectors.postgres.auth import (
    CLEAR,
    ENCRYPTED,
    WAYS,
    allows,
    is_socket,
    requires_gss,
    socket_path,
)
from osiris_provider.connectors.postgres.faults import (
    AUTH_NOT_ALLOWED,
    CLEAR_PASSWORD,
    GSS_FAILED,
    GSS_REFUSED,
    NO_CHANNEL_BINDING,
    fault_of_sqlstate,
)
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.connectors.postgres.line import GSS_REQUEST
from osiris_provider.connectors.sql.dbapi import open_local
from osiris_provider.errors import ConnectionConfigError, Fault
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import open_socket
from osiris_provider.net.tls import DeadlineContext, tls_context
from osiris_provider.net.tls_files import TLSFileError, load_revoked

DEFAULT_ROOT = "~/.postgresql/root.crt"
UNASKED: Final = " "
"""Keeps OpenSSL under libpq from asking for the passphrase of a key at the terminal, and waiting there."""

_FILE_FIELDS: Final = {
    "ca": "sslrootcert",
    "cert": "sslcert",
    "key": "sslkey",
    "password": "sslpassword",
    "crl": "sslcrl",
}
_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_PROTOCOL = 196608
_LONGEST = 30_000
"""Bytes of a message; libpq takes no longer ones before the login either."""


def diagnose(parameters: Parameters, deadline: Deadline) -> Fault:
    """Return why a login over a line fails; errors of the socket and of TLS pass through, they have codes.

    :param parameters: of the line that was tried.
    :param deadline: bounds time and bytes.
    :raises OSError: the server was not reached, or its certificate was not accepted.
    """
    if is_socket(parameters):
        # The kernel's sign of an abstract name, for libpq's.
        path = re.sub("^@", "\0", socket_path(parameters))
        with closing(open_local(path, deadline)) as local:
            return _asked_for(local, parameters)
    mode = parameters["sslmode"]
    host = parameters.get("hostaddr") or parameters["host"]
    with closing(open_socket(host, int(parameters["port"]), deadline)) as sock:
        if requires_gss(parameters):
            sock.sendall(GSS_REQUEST)
            return {b"N": GSS_REFUSED, b"E": GSS_REFUSED, b"G": GSS_FAILED, b"": RESET}.get(sock.recv(1), GARBAGE)
        if mode == "disable":
            return _asked_for(sock, parameters)
        sock.sendall(_SSL_REQUEST)
        answer = sock.recv(1)
        if answer == b"":
            return RESET
        if answer not in (b"S", b"N"):
            return GARBAGE
        if answer == b"N":
            return TLS_REFUSED if mode in ENCRYPTED else _asked_for(sock, parameters)
        with closing(_context(parameters, mode).wrap_socket(sock, server_hostname=parameters["host"])) as encrypted:
            _check_key(parameters.get("sslkey"))
            return _asked_for(encrypted, parameters)


def _asked_for(sock: socket.socket, parameters: Parameters) -> Fault:
    """Say who is there and see what the server asks for; what follows would be the password."""
    names = {"user": parameters["user"], "database": parameters.get("dbname") or parameters["user"]}
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in names.items()) + b"\0"
    sock.sendall(struct.pack("!II", 8 + len(body), _PROTOCOL) + body)
    message_type, said = _message(sock)
    if message_type == b"v":
        message_type, said = _message(sock)
    if message_type == b"E":
        codes = [part[1:].decode("ascii", "replace") for part in said.split(b"\0") if part[:1] == b"C"]
        return (fault_of_sqlstate(codes[0], login=True) if codes else None) or RESET
    if message_type != b"R" or len(said) < 4:
        return RESET if message_type == b"" else GARBAGE
    (number,) = struct.unpack("!I", said[:4])
    way = WAYS.get(number, "")
    if not allows(parameters.get("require_auth", ""), way):
        return CLEAR_PASSWORD if way == CLEAR and parameters["sslmode"] == "disable" else AUTH_NOT_ALLOWED
    binds = b"SCRAM-SHA-256-PLUS" in said[4:].split(b"\0")
    return NO_CHANNEL_BINDING if parameters.get("channel_binding") == "require" and not binds else RESET


def _message(sock: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(sock, 5)
    if len(head) < 5:
        return b"", b""
    (size,) = struct.unpack("!I", head[1:])
    if not 4 <= size <= _LONGEST:
        return b"?", b""
    return head[:1], _exactly(sock, size - 4)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while piece := sock.recv(size - len(data)):
        data += piece
    return data


def _context(parameters: Parameters, mode: str) -> DeadlineContext:
    root = parameters.get("sslrootcert") or os.path.expanduser(DEFAULT_ROOT)
    # libpq verifies the authority with the other modes too, if there is a root certificate.
    verify = mode.startswith("verify") or os.path.exists(root)
    try:
        context = tls_context(
            ca=None if root == "system" else root,
            cert=parameters.get("sslcert") or None,
            key=parameters.get("sslkey") or None,
            password=_passphrase(parameters),
            verify=verify,
        )
        if verify and (revoked := parameters.get("sslcrl")):
            load_revoked(context, revoked)
    except TLSFileError as error:
        field = _FILE_FIELDS[error.role]
        raise ConnectionConfigError(error.text(field), field=field) from None
    # libpq's own limits, which are those of the connection.
    if oldest := _VERSIONS.get(parameters.get("ssl_min_protocol_version", "")):
        context.minimum_version = oldest
    if newest := _VERSIONS.get(parameters.get("ssl_max_protocol_version", "")):
        context.maximum_version = newest
    if mode != "verify-full":
        context.check_hostname = False
    return context


def check_revoked(path: str) -> None:
    """Make sure that a file is a list of revoked certificates: libpq passes over one that is not, and refuses nothing.

    :param path: of ``sslcrl``.
    :raises ConnectionConfigError: it is not.
    """
    try:
        load_revoked(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
    except TLSFileError as error:
        raise ConnectionConfigError(error.text("sslcrl"), field="sslcrl") from None


def _passphrase(parameters: Parameters) -> str | None:
    given = parameters.get("sslpassword")
    return None if given == UNASKED else given


def _check_key(path: str | None) -> None:
    # libpq alone is strict about this, and says so only in prose. A key of root may be for a group, too.
    if path and (status := os.stat(path)).st_mode & (0o077 if status.st_uid else 0o037):
        message = "field sslkey: others can read the file; run chmod 600 on it"
        raise ConnectionConfigError(message, field="sslkey")
