"""The files of TLS that a connection names: read into a context, or what is wrong with which of them.

OpenSSL has one code for whatever is no PEM, in whichever of the files. So they are read one after the other.
"""

from __future__ import annotations

import ssl
from typing import Literal

MAX_PASSPHRASE = 1024
"""Bytes."""
_OF_ANOTHER = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
"""What OpenSSL says of the key of another certificate, of the same type and of another one."""
Role = Literal["ca", "cert", "key", "password", "crl"]


class TLSFileError(Exception):
    """A file of TLS is of no use, or its passphrase is not.

    :param role: what it is to be: the authorities, the client's certificate, its key, the passphrase of that, or a list
        of revoked certificates.
    :param problem: what is wrong and what to do, without the path: a secret may have been put into the wrong field.
    """

    def __init__(self, role: Role, problem: str) -> None:
        self.role = role
        self.problem = problem

    def text(self, field: str) -> str:
        """Return the message for a field.

        :param field: of the connection, that names the file or holds the passphrase.
        """
        return f"field {field}: {self.problem}."


def load_authorities(context: ssl.SSLContext, path: str) -> None:
    """Have a context trust the authorities of a PEM file.

    :raises TLSFileError: it cannot be read, or holds no certificate.
    """
    role: Role = "ca"
    problem = ""
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        problem = "the file is empty or holds no certificate in PEM format. Give the file of the authority"
    except OSError:
        problem = "the file cannot be read. Check its path and its rights"
    if problem:
        raise TLSFileError(role, problem)


def load_revoked(context: ssl.SSLContext, path: str) -> None:
    """Have a context refuse the revoked certificates of a PEM file, and those of authorities that have no list there.

    :raises TLSFileError: it cannot be read, or holds no such list.
    """
    role: Role = "crl"
    problem = "the file is empty or holds no list of revoked certificates in PEM format. Give that of the authority"
    try:
        context.load_verify_locations(path)
        is_list = context.cert_store_stats()["crl"] > 0
    except OSError:
        is_list = False
    if not is_list:
        raise TLSFileError(role, problem)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


def load_certificate(context: ssl.SSLContext, cert: str, key: str | None, password: str | None) -> None:
    """Have a context show a client certificate.

    :param cert: PEM file of it.
    :param key: PEM file of its key, if it is not in ``cert``.
    :param password: of the key; without it a key that has one is an error, not a question at the terminal.
    :raises TLSFileError: a file cannot be read or is another one, or the passphrase is wrong.
    """
    asked: list[bool] = []
    # Python takes no longer one, and raises what is no error of TLS.
    is_long = len((password or "").encode()) > MAX_PASSPHRASE

    def passphrase() -> str:
        asked.append(True)
        return "" if is_long else password or ""

    error: OSError
    try:
        context.load_cert_chain(cert, key, passphrase)
    except OSError as failed:
        error = failed
    else:
        return
    raise _reason(error, cert, key, password, is_encrypted=bool(asked))


def _reason(error: OSError, cert: str, key: str | None, password: str | None, *, is_encrypted: bool) -> TLSFileError:
    if not isinstance(error, ssl.SSLError):
        return TLSFileError("cert", "the file, or that of its key, cannot be read. Check paths and rights")
    if (error.reason or "").endswith(("_TOO_SMALL", "_TOO_WEAK")):
        return TLSFileError("cert", "OpenSSL refuses the certificate as too weak: RSA needs 2048 bits. Get a new one")
    if error.reason in _OF_ANOTHER:
        return TLSFileError("key", "the key is not that of the client certificate. Give the two that belong together")
    if is_encrypted:
        state = "is not the passphrase of the key" if password else "is missing, and the key is encrypted"
        return TLSFileError("password", f"{state}. Give the passphrase, or a key without one")
    try:
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), cert)
    except TLSFileError:
        return TLSFileError("cert", "the file is empty or holds no certificate in PEM format. Give the client's")
    if key is None:
        return TLSFileError("key", "is missing, and the file of the client certificate holds no key. Give its file")
    return TLSFileError("key", "the file is empty or holds no private key in PEM format. Give the certificate's key")
