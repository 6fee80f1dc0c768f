"""What can go wrong with a peer, classified by code, each with its category (CONN-010) and what to do next.

Families add their own tables (MySQL error codes, SQLSTATEs, HTTP statuses) made of the same
:class:`~osiris_provider.errors.Fault`; a slug is defined once, whatever the table.
Messages are plain sentences without square brackets (Airflow's command line eats those). Nothing that a peer said is
ever put into them.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from osiris_provider.errors import Fault
from osiris_provider.net.deadline import TooMuchDataError
from osiris_provider.net.dns import NamesUnansweredError
from osiris_provider.net.tls import CERTIFICATE_ALERTS

REFUSED = Fault(
    "refused", "network", "{address} refused the connection. Check host and port, and that the server is running."
)
UNREACHABLE = Fault("unreachable", "network", "There is no route to {address}. Check the network, VPN or firewall.")
UNKNOWN_HOST = Fault("unknown_host", "network", "The host name of {address} is not known to DNS. Check its spelling.")
DNS_FAILED = Fault(
    "dns_failed", "network", "DNS gave no answer for {address}. Check the resolver of this machine, then try again."
)
DNS_SILENT = Fault(
    "dns_silent",
    "timeout",
    "No name server answered for {address} within {timeout}. Check the resolver of this machine.",
)
RESET = Fault(
    "reset", "network", "{address} broke the connection off. Check that it is the right port, then its server log."
)
GARBAGE = Fault(
    "garbage", "network", "What answers at {address} does not speak the expected protocol. Check host and port.", True
)
TIMED_OUT = Fault(
    "timed_out", "timeout", "{address} did not answer within {timeout}. Check firewall and load, or allow more time."
)
NOT_ASKED = Fault(
    "not_asked",
    "timeout",
    "This machine did not get round to asking {address} within {timeout}. Check its load, or allow more time.",
)
TOO_MANY_FILES = Fault(
    "too_many_files",
    "unknown",
    "This process has as many files and connections open as it may, so {address} was not reached. Raise that limit "
    "(ulimit -n), or check fewer connections at a time.",
)
TOO_MUCH_DATA = Fault(
    "too_much_data",
    "network",
    "{address} sends without end what a check never asked for. Check host and port, and what it is that answers there.",
    True,
)
TLS_REFUSED = Fault(
    "tls_refused",
    "network",
    "{address} offers no TLS, but the connection asks for it. Switch TLS on there, or off in the connection.",
    True,
)
TLS_REQUIRED = Fault(
    "tls_required",
    "network",
    "{address} accepts only TLS connections. Switch TLS on in the connection's fields.",
    True,
)
TLS_FAILED = Fault(
    "tls_failed", "network", "The TLS handshake with {address} failed. Check the port and the TLS settings.", True
)
TLS_VERSION = Fault(
    "tls_version",
    "network",
    "{address} and this connection have no version of TLS in common; here it is 1.2 or later. Have a newer one "
    "switched on there.",
    True,
)
MISCONFIGURED = Fault(
    "misconfigured", "unknown", "The connection to {address} cannot be tried as it is. Correct its fields.", True
)
TLS_FILES = MISCONFIGURED.reworded(
    "A certificate, a key or a CA file of the connection to {address} holds something else, or they do not belong "
    "together. Check them."
)
CERTIFICATE_UNTRUSTED = Fault(
    "certificate_untrusted",
    "network",
    "The certificate of {address} is not signed by a trusted authority. Check the CA file of the connection.",
    True,
)
CERTIFICATE_CHAIN = CERTIFICATE_UNTRUSTED.reworded(
    "The authority that has signed the certificate of {address} is not known here, or the server does not send its "
    "intermediate certificates. Check the CA file of the connection, then the server's chain."
)
CERTIFICATE_SELF_SIGNED = CERTIFICATE_UNTRUSTED.reworded(
    "{address} shows a certificate that it has signed itself. If it is the right server, give that certificate as the "
    "CA file of the connection."
)
CERTIFICATE_WEAK = CERTIFICATE_UNTRUSTED.reworded(
    "The certificate of {address}, or that of its authority, is too weak for OpenSSL here. Renew it on the server, "
    "with a key of 2048 bits of RSA or more and SHA-256."
)
CERTIFICATE_PURPOSE = CERTIFICATE_UNTRUSTED.reworded(
    "The certificate of {address} is not one for servers: its extended key usage says so. Renew it, with serverAuth."
)
CERTIFICATE_REVOKED = Fault(
    "certificate_revoked",
    "network",
    "The authority has revoked the certificate of {address}. Renew it on the server; find out why before you trust it.",
    True,
)
REVOKED_UNKNOWN = CERTIFICATE_UNTRUSTED.reworded(
    "The list of revoked certificates that the connection to {address} names is out of date, or is not that of the "
    "server's authority. Get the newest."
)
CERTIFICATE_EXPIRED = Fault(
    "certificate_expired",
    "network",
    "The certificate of {address} has expired. Renew it on the server; if it still has time, check the clock of this "
    "machine.",
    True,
)
CERTIFICATE_NOT_YET_VALID = Fault(
    "certificate_not_yet_valid",
    "network",
    "The certificate of {address} is not valid yet. Check the clock of this machine, then that of who signed it.",
)
CERTIFICATE_WRONG_NAME = Fault(
    "certificate_wrong_name",
    "network",
    "The certificate of {address} was made for another name. Use the name that it carries as host.",
    True,
)
NAME_NOT_SERVED = CERTIFICATE_WRONG_NAME.reworded(
    "{address} has no certificate for the name that it was asked by, or was asked by its address alone. Use the name "
    "that it serves as host."
)
CLIENT_CERTIFICATE = Fault(
    "client_certificate_required",
    "auth",
    "{address} wants a client certificate, or does not accept the one that it gets. Set the right one, with its key.",
)
NO_SUCH_CONNECTION = Fault(
    "no_such_connection", "unknown", "There is no connection {address}. Add it, or correct the reference.", True
)
THROTTLED = Fault(
    "throttled", "network", "{address} limits the rate of requests, and the limit is reached. Try again later."
)

_BY_ERRNO = {
    errno.ECONNREFUSED: REFUSED,
    errno.EHOSTUNREACH: UNREACHABLE,
    errno.ENETUNREACH: UNREACHABLE,
    errno.EHOSTDOWN: UNREACHABLE,
    errno.ENETDOWN: UNREACHABLE,
    errno.EADDRNOTAVAIL: UNREACHABLE,
    errno.EAFNOSUPPORT: UNREACHABLE,
    errno.ECONNRESET: RESET,
    errno.ECONNABORTED: RESET,
    errno.EPIPE: RESET,
    errno.ENOTCONN: RESET,
    errno.ENETRESET: RESET,
    errno.ESHUTDOWN: RESET,
    errno.ETIMEDOUT: TIMED_OUT,
    errno.EMFILE: TOO_MANY_FILES,
    errno.ENFILE: TOO_MANY_FILES,
}
_BY_CLASS = {
    TooMuchDataError: TOO_MUCH_DATA,
    NamesUnansweredError: DNS_SILENT,
    TimeoutError: TIMED_OUT,
}
_BY_GAI = {
    socket.EAI_NONAME: UNKNOWN_HOST,
    getattr(socket, "EAI_NODATA", socket.EAI_NONAME): UNKNOWN_HOST,
    socket.EAI_AGAIN: DNS_FAILED,
    socket.EAI_FAIL: DNS_FAILED,
    socket.EAI_MEMORY: DNS_FAILED,
    socket.EAI_SYSTEM: DNS_FAILED,
}
_NO_PEM = (9, 0x80009)
"""OpenSSL's ERR_R_PEM_LIB, before version 3 and since."""
_BY_TLS_REASON = {
    **dict.fromkeys(CERTIFICATE_ALERTS, CLIENT_CERTIFICATE),
    # What came was no record of TLS.
    "WRONG_VERSION_NUMBER": TLS_REFUSED,
    "TLSV1_ALERT_PROTOCOL_VERSION": TLS_VERSION,
    "UNSUPPORTED_PROTOCOL": TLS_VERSION,
    "TLSV1_UNRECOGNIZED_NAME": NAME_NOT_SERVED,
    "TLSV1_ALERT_UNRECOGNIZED_NAME": NAME_NOT_SERVED,
}
# OpenSSL's X509_V_ERR_* of x509_vfy.h.
_BY_VERIFY_CODE = {
    2: CERTIFICATE_CHAIN,
    20: CERTIFICATE_CHAIN,
    21: CERTIFICATE_CHAIN,
    18: CERTIFICATE_SELF_SIGNED,
    26: CERTIFICATE_PURPOSE,
    66: CERTIFICATE_WEAK,
    67: CERTIFICATE_WEAK,
    68: CERTIFICATE_WEAK,
    3: REVOKED_UNKNOWN,
    11: REVOKED_UNKNOWN,
    12: REVOKED_UNKNOWN,
    23: CERTIFICATE_REVOKED,
    9: CERTIFICATE_NOT_YET_VALID,
    10: CERTIFICATE_EXPIRED,
    62: CERTIFICATE_WRONG_NAME,
    64: CERTIFICATE_WRONG_NAME,
}


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it came from, nearest first; libraries hang the cause on various hooks.

    :param error: any exception.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        waiting += [getattr(item, name, None) for name in ("original_exception", "inner_exception", "reason")]
        waiting += [item.__cause__, item.__context__]
        waiting += [arg for arg in item.args if isinstance(arg, BaseException)]
        waiting += _several(item)


def _several(error: BaseException) -> Iterator[object]:
    """Yield the errors that one stands for: of each address that was tried, of each node of a cluster."""
    for name in ("errors", "exceptions"):
        several = getattr(error, name, None)
        yield from (
            several.values() if isinstance(several, dict) else several if isinstance(several, (list, tuple)) else ()
        )


def transport_fault(error: BaseException) -> Fault | None:
    """Return the fault of an operating system, DNS or TLS error anywhere in the chain, else None.

    :param error: what a client library raised.
    """
    return next((fault for item in chain(error) if (fault := _transport(item))), None)


def _transport(error: BaseException) -> Fault | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, CERTIFICATE_UNTRUSTED)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return RESET
    if isinstance(error, ssl.SSLError):
        if _is_of_files(error):
            return TLS_FILES
        return _BY_TLS_REASON.get(getattr(error, "reason", None) or "", TLS_FAILED)
    if isinstance(error, socket.gaierror):
        return _BY_GAI.get(error.errno or 0, UNKNOWN_HOST)
    if isinstance(error, OSError):
        fault = next((fault for kind, fault in _BY_CLASS.items() if isinstance(error, kind)), None)
        return fault or _BY_ERRNO.get(error.errno or 0)
    return RESET if isinstance(error, EOFError) else None


def _is_of_files(error: ssl.SSLError) -> bool:
    """Return whether it is of reading certificates and keys that are here; of a handshake it is never.

    OpenSSL has a library of its own for that, and a reason for what is no PEM; Python has neither for a CA in memory.
    """
    library = getattr(error, "library", "")
    return library == "X509" or error.errno in _NO_PEM or (error.errno == 0 and library is None)
