"""Codes that more than one driver has: HTTP statuses, and the exceptions of requests, urllib3 and http.client.

Classes are known by name here, so that nothing has to be imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from osiris_provider.connectors import faults as transport
from osiris_provider.connectors.http import faults as http
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor import faults as hooks
from osiris_provider.hook_doctor.base import ELSE, Codes, HookType


def numbered(*groups: tuple[Fault, str]) -> dict[Any, Fault]:
    """Return the faults of numbers.

    :param groups: each a fault and its numbers: ``18456 18463-18468``.
    """
    known: dict[Any, Fault] = {}
    for fault, numbers in groups:
        for part in numbers.split():
            # A minus in front is one.
            first, _, last = part[1:].partition("-")
            begin = int(part[0] + first)
            known.update(dict.fromkeys(range(begin, int(last or begin) + 1), fault))
    return known


def named(*groups: tuple[Fault, str]) -> dict[Any, Fault]:
    """Return the faults of names.

    :param groups: each a fault and its names, with spaces between.
    """
    return {name: fault for fault, names in groups for name in names.split()}


STATUSES: dict[int, Fault] = {
    status: fault for status in range(300, 600) if (fault := http.status_fault(status)) is not None
}
"""Faults of HTTP statuses."""

NO_ANSWERS: Mapping[int, Fault] = {**STATUSES, **dict.fromkeys(range(200, 300), transport.GARBAGE)}
"""Faults of the statuses of answers that are not what was asked for: also of those that say that all is well."""

HTTP_CLASSES: Codes = {
    "HTTPError": STATUSES,
    "TooManyRedirects": http.REDIRECT_LOOP,
    "RedirectedElsewhereError": http.REDIRECTED,
    "ProxyError": http.PROXY_FAILED,
    "RemoteDisconnected": transport.RESET,
    "IncompleteRead": transport.RESET,
    # Its cause is a ValueError.
    "InvalidChunkLength": transport.GARBAGE,
    "InvalidURL": http.BAD_ADDRESS,
    "InvalidSchema": http.BAD_ADDRESS,
    "MissingSchema": http.BAD_ADDRESS,
    "LocationValueError": http.BAD_ADDRESS,
    "DecodeError": transport.GARBAGE,
    "Timeout": transport.TIMED_OUT,
    # A subclass of the next one; why it failed is in its cause.
    "NewConnectionError": {},
    "ConnectTimeoutError": transport.TIMED_OUT,
    "ReadTimeoutError": transport.TIMED_OUT,
    "HTTPException": transport.GARBAGE,
    # Of urllib3, which compares the name itself for some libraries; that of ssl has another name.
    "CertificateError": transport.CERTIFICATE_WRONG_NAME,
    # Of kafka-python, for hooks of which nothing else is known.
    "NoBrokersAvailable": transport.REFUSED,
}
"""For hooks that use requests: take it into a type's ``codes``, with ``response.status_code`` in ``codes_at``."""

OAUTH_ERRORS = named(
    (
        http.UNAUTHORIZED,
        (
            "account_restricted bad_client_secret deleted_client disabled_client expired_token interaction_required "
            "invalid_client invalid_grant invalid_rapt invalid_token login_required unauthorized_client"
        ),
    ),
    (
        http.FORBIDDEN,
        "access_denied admin_policy_enforced consent_required insufficient_scope org_internal policy_enforced",
    ),
    (
        transport.MISCONFIGURED,
        "invalid_audience invalid_request invalid_resource invalid_scope invalid_target unsupported_grant_type",
    ),
    (transport.THROTTLED, "quota_exceeded rate_limit_exceeded slow_down"),
    (http.SERVER_ERROR, "backend_error internal_failure server_error temporarily_unavailable"),
)
"""Errors of token endpoints: RFC 6749, 6750, 8628 and 8693, and what Google and Microsoft add."""


ENTRA_REFUSALS: Mapping[Any, Fault] = {
    **dict[Any, Fault](STATUSES),
    400: http.UNAUTHORIZED,
    ELSE: http.UNAUTHORIZED,
}
"""Of Entra ID: no such tenant or application, a wrong or expired secret; a status of 400 for most."""

ENTRA_CLASSES: Codes = {
    "ClientAuthenticationError": ENTRA_REFUSALS,
    "CredentialUnavailableError": sql.NO_PASSWORD,
    "ServiceRequestTimeoutError": transport.TIMED_OUT,
    "ServiceResponseTimeoutError": transport.TIMED_OUT,
    "ServiceRequestError": {ELSE: transport.RESET},
    "ServiceResponseError": {ELSE: transport.RESET},
    "IncompleteReadError": transport.RESET,
}
"""For libraries on azure-core, with ``status_code`` in ``codes_at``."""


def answer_of(error: BaseException) -> tuple[int, Any]:
    """Return status and JSON of the answer that an error or one of its causes has, as requests raises them.

    :param error: any exception.
    :return: the status is 0 if there is none, the JSON None.
    """
    responses = (getattr(one, "response", None) for one in transport.chain(error))
    response: Any = next((one for one in responses if one is not None), None)
    said = None
    with suppress(Exception):
        said = response.json()
    return int(getattr(response, "status_code", 0)), said


def url_address(url: str) -> tuple[str, int] | None:
    """Return host and port of a URL for one plain connect; None if a proxy is between, or there is no host.

    :param url: with its scheme.
    """
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    # A host that is a URL itself.
    if not host or not port or "//" in parts.path or (parts.scheme in getproxies() and not proxy_bypass(host)):
        return None
    return host, port


def known_faults(declared: HookType) -> Mapping[str, Fault]:
    """Return all faults that a check of a type can end with, by name: their slug, and a number for further wordings.

    :param declared: of the connection's type.
    """
    known: dict[str, Fault] = {}
    for fault in _all_faults(declared):
        name, number = fault.slug, 2
        while known.setdefault(name, fault).message != fault.message:
            name, number = f"{fault.slug}.{number}", number + 1
    return known


def name_of(fault: Fault, declared: HookType) -> str:
    """Return the name of a fault among those of a type; see :func:`known_faults`.

    :param fault: of a check.
    :param declared: of the connection's type.
    """
    known = known_faults(declared).items()
    return next((name for name, one in known if (one.slug, one.message) == (fault.slug, fault.message)), fault.slug)


def _all_faults(declared: HookType) -> Iterator[Fault]:
    for module in (transport, http, sql, hooks):
        yield from (fault for fault in vars(module).values() if isinstance(fault, Fault))
    for entry in declared.codes.values():
        yield from [entry] if isinstance(entry, Fault) else entry.values()
