"""When the server's certificate, the client's, and the password of a role expire.

libpq keeps its TLS to itself. ``PQsslStruct`` gives the line's own handle of OpenSSL, and the OpenSSL that libpq is
linked with reads the certificate: that of the very line on which the login was proven, without another connection.
Where libpq is built without OpenSSL, or its functions are not found, nothing is noted.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.postgres.library import libpq, tls_handle
from osiris_provider.connectors.postgres.line import wait
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import CLIENT_CERTIFICATE, LOGIN, SERVER_CERTIFICATE, aside, note, note_certificate

if TYPE_CHECKING:
    from psycopg2 import extensions

_VALID_UNTIL = """
    SELECT extract(epoch FROM rolvaliduntil) FROM pg_catalog.pg_roles
    WHERE rolname = session_user AND rolvaliduntil < 'infinity'
"""
_PEER_CERTIFICATE = ("SSL_get1_peer_certificate", "SSL_get_peer_certificate")
"""Names of the same in OpenSSL 3 and before."""


def note_certificates(connection: extensions.connection, address: str) -> None:
    """Note the certificates of both sides of an encrypted line.

    :param connection: logged in.
    :param address: of the server.
    """
    library = libpq()
    if library is None or not connection.info.ssl_in_use:
        return
    with suppress(AttributeError, StopIteration):
        handle = tls_handle(connection)
        if handle:
            theirs = next(getattr(library, name) for name in _PEER_CERTIFICATE if hasattr(library, name))
            note_certificate(SERVER_CERTIFICATE, _der(library, theirs, handle, is_owned=True), address)
            own = library.SSL_get_certificate
            note_certificate(CLIENT_CERTIFICATE, _der(library, own, handle, is_owned=False))


def note_password(connection: extensions.connection, deadline: Deadline) -> None:
    """Note the end of ``VALID UNTIL``, if the login was by password; the role itself may read it.

    :param connection: logged in, at the end of a check.
    :param deadline: of the check.
    """
    with aside(deadline) as asking:
        if connection.info.used_password:
            cursor = connection.cursor()
            cursor.execute(_VALID_UNTIL)
            wait(connection, asking)
            row = cursor.fetchone()
            if row:
                note(LOGIN, datetime.fromtimestamp(float(row[0]), timezone.utc))


def _der(library: Any, get: Any, handle: int, *, is_owned: bool) -> bytes | None:
    """Return a certificate of a line as DER; None if there is none.

    :param get: OpenSSL's function that returns it.
    :param is_owned: whether what it returns must be freed.
    """
    library.i2d_X509.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    library.X509_free.argtypes = get.argtypes = [ctypes.c_void_p]
    library.X509_free.restype, get.restype = None, ctypes.c_void_p
    certificate = get(handle)
    if not certificate:
        return None
    try:
        size = library.i2d_X509(certificate, None)
        if size <= 0:
            return None
        buffer = ctypes.create_string_buffer(size)
        end = ctypes.c_void_p(ctypes.addressof(buffer))
        library.i2d_X509(certificate, ctypes.byref(end))
        return buffer.raw
    finally:
        if is_owned:
            library.X509_free(certificate)
