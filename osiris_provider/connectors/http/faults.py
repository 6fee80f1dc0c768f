"""What can go wrong with an HTTP peer: statuses, pages that are no data, and the exceptions of requests and urllib3."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from functools import cache

from osiris_provider.connectors import faults as transport
from osiris_provider.connectors.faults import GARBAGE, RESET, THROTTLED, TIMED_OUT, chain, transport_fault
from osiris_provider.errors import Fault

UNAUTHORIZED = Fault(
    "unauthorized", "auth", "{address} does not accept these credentials. Check the key, token or user."
)
FORBIDDEN = Fault(
    "forbidden",
    "permission",
    "{address} does not let these credentials do this. Grant the missing right; if they have it, ask whether a "
    "firewall before the server refuses this machine.",
)
NOT_FOUND = Fault(
    "not_found",
    "unknown",
    "{address} has nothing at this address. Check the base address and the path.",
    permanent=True,
)
GONE = Fault(
    "gone", "unknown", "What was at this address of {address} is gone for good. Check the path.", permanent=True
)
BAD_REQUEST = Fault(
    "bad_request",
    "unknown",
    "{address} does not understand the request. Check the path and its parameters.",
    permanent=True,
)
WRONG_METHOD = Fault(
    "wrong_method", "unknown", "{address} does not allow this method at this address. Check the path.", permanent=True
)
NOT_ACCEPTABLE = Fault(
    "not_acceptable", "unknown", "{address} cannot answer in JSON at this address. Check the path.", permanent=True
)
PAYMENT_REQUIRED = Fault(
    "payment_required", "permission", "{address} wants payment before it answers. Settle the account there."
)
LOCKED = Fault(
    "resource_locked", "permission", "{address} has locked what was asked for. Ask its operator to unlock it."
)
LEGAL_REASONS = Fault(
    "legal_reasons",
    "permission",
    "{address} may not answer this machine for legal reasons, such as the country that it is in. Ask its operator.",
)
REQUEST_TIMEOUT = Fault(
    "request_timeout",
    "timeout",
    "{address} gave up waiting for the request. Check the network between, then try again.",
)
SERVER_ERROR = Fault(
    "server_error", "network", "{address} failed on its own side. Try again later; if it stays so, see its status page."
)
REFUSED_REQUEST = Fault(
    "refused_request", "unknown", "{address} refused the request. Check the path and its parameters.", permanent=True
)
UNEXPECTED_STATUS = Fault(
    "unexpected_status",
    "unknown",
    "{address} answered with a status that is no result. Check the address.",
    permanent=True,
)
REDIRECTED = Fault(
    "redirected",
    "unknown",
    "{address} redirects to another address; credentials do not follow there. Put the final address into the "
    "connection.",
    permanent=True,
)
REDIRECTED_POST = Fault(
    "redirected_post",
    "unknown",
    "{address} redirects a POST, which is not sent again elsewhere. Put the final address into the connection.",
    permanent=True,
)
BAD_REDIRECT = Fault(
    "bad_redirect",
    "unknown",
    "{address} redirects to an invalid URL. Check the address in the connection.",
    permanent=True,
)
REDIRECT_LOOP = Fault(
    "redirect_loop", "unknown", "{address} redirects in a circle. Check the address in the connection.", permanent=True
)
LOGIN_PAGE = Fault(
    "login_page",
    "auth",
    "{address} sends the request to a login page: it does not accept these credentials. Check them.",
)
WEB_PAGE = Fault(
    "web_page",
    "unknown",
    "{address} answers with a web page instead of data: a login page, or the wrong address. Check both.",
    permanent=True,
)
BROKEN_JSON = Fault(
    "broken_json",
    "unknown",
    "What {address} answers is not valid JSON. Check the address and the path.",
    permanent=True,
)
TOO_LARGE = Fault(
    "answer_too_large",
    "unknown",
    "The answer of {address} is larger than 64 MiB. Ask for smaller pages.",
    permanent=True,
)
TOO_MANY_VALUES = Fault(
    "too_many_values",
    "unknown",
    "The answer of {address} holds more than 5 million values. Ask for smaller pages.",
    permanent=True,
)
SEVERAL_TEXTS = Fault(
    "several_texts",
    "unknown",
    "{address} answers with several JSON texts, one after the other. If there is one on each line, it is NDJSON: set "
    "config field format to ndjson.",
    permanent=True,
)
DUPLICATE_NAMES = Fault(
    "duplicate_names",
    "unknown",
    "{address} answers with an object that has the same name twice, so a value would be lost. Have it fixed there.",
    permanent=True,
)
BAD_ENCODING = Fault(
    "bad_encoding",
    "unknown",
    "What {address} answers is neither UTF-8 nor in a charset that it names. Have it answer in UTF-8.",
    permanent=True,
)
PENDING = Fault(
    "pending", "network", "{address} has accepted the request, and the result is not ready yet. Try again later."
)
SAYS_ERROR = Fault(
    "answer_is_error",
    "unknown",
    "{address} answers with a good status, but its JSON says that it is an error. Check the credentials and the path.",
)
NOT_CHECKED = Fault(
    "credentials_not_checked",
    "unknown",
    "{address} answers the same without valid credentials, so they are not proven. Ask it to require them.",
    permanent=True,
)
PROXY_AUTH = Fault(
    "proxy_auth",
    "auth",
    "The proxy on the way to {address} wants credentials. Put them into HTTPS_PROXY or HTTP_PROXY.",
)
PROXY_DENIED = Fault(
    "proxy_denied",
    "permission",
    "The proxy on the way to {address} refuses to connect to it. Have it allowed there, or name the host in NO_PROXY.",
)
PROXY_TLS = Fault(
    "proxy_tls",
    "network",
    "TLS with the proxy on the way to {address} failed. Check in HTTPS_PROXY whether it is an http:// or an https:// "
    "proxy, then its certificate; the CA file of the connection is for both.",
    permanent=True,
)
PROXY_FAILED = Fault(
    "proxy_failed",
    "network",
    "The proxy on the way to {address} cannot be reached, or refuses. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
)
CLIENT_CERTIFICATE = transport.CLIENT_CERTIFICATE.reworded(
    "{address} wants a client certificate, or does not accept the one that it gets. Family api has ssl_cert and "
    "ssl_key for it; of others, use an address that wants none, or a proxy that adds one.",
)
CERTIFICATE_ASKED_FOR = transport.CLIENT_CERTIFICATE.reworded(
    "{address} refuses the request, and has asked for a client certificate, which the connection does not have. Family "
    "api has ssl_cert and ssl_key for it; of others, use an address that wants none, or a proxy that adds one.",
)
NO_TLS = transport.TLS_REFUSED.reworded(
    "{address} answers without TLS, which https:// asks for. Check the port. Without TLS others on the way can read "
    "the credentials.",
)
TLS_ONLY = transport.TLS_REQUIRED.reworded(
    "{address} speaks TLS, and is asked without. Write https:// in the address of the connection."
)
BAD_ADDRESS = Fault("bad_address", "unknown", "The address of {address} is not a valid URL. Check it.", permanent=True)
BAD_PROXY = BAD_ADDRESS.reworded(
    "The proxy on the way to {address} cannot be used: its address is not a valid URL, or it is a SOCKS proxy, which "
    "needs PySocks and takes no key in the query. Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY."
)

HTTP_STATUS: dict[int, Fault] = {
    400: BAD_REQUEST,
    401: UNAUTHORIZED,
    402: PAYMENT_REQUIRED,
    403: FORBIDDEN,
    404: NOT_FOUND,
    405: WRONG_METHOD,
    406: NOT_ACCEPTABLE,
    407: PROXY_AUTH,
    408: REQUEST_TIMEOUT,
    410: GONE,
    423: LOCKED,
    429: THROTTLED,
    451: LEGAL_REASONS,
}
"""Statuses with a meaning of their own; the others go by their class, see :func:`status_fault`."""

_BY_CLASS = {3: REDIRECTED, 4: REFUSED_REQUEST, 5: SERVER_ERROR}
_BY_TUNNEL_STATUS = {"403": PROXY_DENIED, "407": PROXY_AUTH}
# http.client raises a bare OSError for a refused CONNECT; this text of its own is the only place with the status.
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


class HttpFaultError(Exception):
    """An answer that is no result.

    :param fault: what it means.
    :param retry_after: seconds that the peer asks to wait.
    :param url: what was asked, without its query.
    """

    def __init__(self, fault: Fault, retry_after: float | None = None, url: str | None = None) -> None:
        super().__init__(fault.slug)
        self.fault = fault
        self.retry_after = retry_after
        self.url = url


def status_fault(status: int, table: Mapping[int, Fault] = HTTP_STATUS) -> Fault | None:
    """Return the fault of a status, or None for 2xx.

    :param status: of an answer, redirects already followed.
    :param table: the family's statuses; what it lacks goes by its class.
    """
    if 200 <= status < 300:
        return None
    return table.get(status) or _BY_CLASS.get(status // 100, UNEXPECTED_STATUS)


def http_fault(error: BaseException) -> Fault | None:
    """Return the fault of what requests, urllib3 or http.client raised, by class and code, else None.

    :param error: what was raised.
    """
    errors = list(chain(error))
    answered = next((item.fault for item in errors if isinstance(item, HttpFaultError)), None)
    return (
        answered
        or _proxy_fault(errors)
        or _by_class(errors, _protocol_classes())
        or _line_fault(error)
        or _by_class(errors, _vague_classes())
    )


def _line_fault(error: BaseException) -> Fault | None:
    fault = transport_fault(error)
    return next((one for one in (CLIENT_CERTIFICATE, NO_TLS) if one == fault), fault)


def _proxy_fault(errors: list[BaseException]) -> Fault | None:
    import urllib3

    if not any(isinstance(item, urllib3.exceptions.ProxyError) for item in errors):
        return None
    refusal = tunnel_fault(errors)
    if refusal is None and any(isinstance(item, ssl.SSLError) for item in errors):
        return PROXY_TLS
    return refusal or (TIMED_OUT if any(isinstance(item, TimeoutError) for item in errors) else PROXY_FAILED)


def tunnel_fault(errors: Iterable[BaseException]) -> Fault | None:
    """Return the fault of a proxy that does not connect, else None.

    :param errors: a chain, as http.client and what wraps it have raised it.
    """
    refused = next((match for item in errors if type(item) is OSError and (match := _TUNNEL.match(str(item)))), None)
    return None if refused is None else _BY_TUNNEL_STATUS.get(refused[1], PROXY_FAILED)


def _by_class(errors: list[BaseException], table: list[tuple[type[BaseException], Fault]]) -> Fault | None:
    return next((fault for cls, fault in table for item in errors if isinstance(item, cls)), None)


@cache
def _protocol_classes() -> list[tuple[type[BaseException], Fault]]:
    """The classes that carry no code; the more special ones first."""
    import http.client

    import requests.exceptions
    import urllib3.exceptions

    return [
        (requests.exceptions.TooManyRedirects, REDIRECT_LOOP),
        (http.client.RemoteDisconnected, RESET),
        (urllib3.exceptions.InvalidChunkLength, GARBAGE),
        (http.client.IncompleteRead, RESET),
        (requests.exceptions.InvalidProxyURL, BAD_PROXY),
        (urllib3.exceptions.ProxySchemeUnknown, BAD_PROXY),
        (requests.exceptions.InvalidURL, BAD_ADDRESS),
        (requests.exceptions.InvalidSchema, BAD_ADDRESS),
        (requests.exceptions.MissingSchema, BAD_ADDRESS),
        (urllib3.exceptions.LocationValueError, BAD_ADDRESS),
        (urllib3.exceptions.DecodeError, GARBAGE),
        # Of an answer, such as two different lengths of it.
        (urllib3.exceptions.InvalidHeader, GARBAGE),
        (http.client.HTTPException, GARBAGE),
    ]


@cache
def _vague_classes() -> list[tuple[type[BaseException], Fault]]:
    """The classes that say something only where nothing in the chain says more."""
    import requests.exceptions
    import urllib3.exceptions

    return [
        (requests.exceptions.Timeout, TIMED_OUT),
        (urllib3.exceptions.TimeoutError, TIMED_OUT),
        # A body in chunks that ends between two of them.
        (urllib3.exceptions.ProtocolError, RESET),
    ]
