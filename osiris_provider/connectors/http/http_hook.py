"""Connections of Airflow's type ``http``, as its HttpHook reads them, for the doctor of family ``api``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from osiris_provider.connectors.base import Attributes, OtherType
from osiris_provider.connectors.http.connection import IN_CLEAR, is_readable
from osiris_provider.connectors.http.faults import (
    BAD_REQUEST,
    BROKEN_JSON,
    FORBIDDEN,
    GONE,
    NOT_ACCEPTABLE,
    NOT_CHECKED,
    NOT_FOUND,
    REDIRECTED,
    REFUSED_REQUEST,
    SAYS_ERROR,
    UNAUTHORIZED,
    WEB_PAGE,
    WRONG_METHOD,
)
from osiris_provider.errors import ConnectionConfigError, Fault

_OPTIONS: Final = frozenset({"allow_redirects", "check_response", "max_redirects", "stream", "trust_env"})
"""Entries of ``extra`` that are no headers, and that a check has no use for."""
_LOGIN_OR_LINE: Final = frozenset({"cert", "proxies", "proxy", "srv_lookup"})
"""Those that say how the peer is reached, in ways that the family does not know."""

MAX_NAME: Final = 60
_TLS: Final = frozenset({"timeout", "verify", "verify_ssl"})


def _fields(attributes: Attributes) -> dict[str, Any] | None:
    extra = {name: value for name, value in attributes["extra"].items() if value is not None}
    verify = extra.pop("verify", extra.pop("verify_ssl", True))
    timeout = extra.pop("timeout", None)
    headers = {name: value for name, value in extra.items() if name not in _OPTIONS | _LOGIN_OR_LINE}
    for name, value in headers.items():
        if not isinstance(value, str):
            # The hook fails, too, without saying which.
            message = f"field extra.{name[:MAX_NAME]}: is sent as a header, so it has to be a text"
            raise ConnectionConfigError(message, field="extra")
    if any(extra.get(name) for name in _LOGIN_OR_LINE) or verify is False or not attributes["host"]:
        return None
    return {
        "base_url": _base_url(attributes),
        "user": attributes["login"],
        "password": attributes["password"] if attributes["login"] else None,
        "headers": headers or None,
        "ca_bundle": verify if isinstance(verify, str) else None,
        "timeout": timeout if isinstance(timeout, int | float) else None,
    }


def has_credentials(login: str | None, password: str | None, extra: Mapping[str, Any]) -> bool:
    """Return whether a connection may say who is there; else tasks do, or no one.

    :param login: of the connection.
    :param password: of the connection.
    :param extra: of which headers are made, that may be anything.
    """
    return bool(login or password or extra.keys() - _OPTIONS - _LOGIN_OR_LINE - _TLS)


def _answered(attributes: Attributes) -> frozenset[str]:
    named = has_credentials(attributes["login"], attributes["password"], attributes["extra"])
    return frozenset(fault.slug for fault in (_NONE_OF_ITS_OWN if named else (*_NONE_OF_ITS_OWN, *_FOR_OTHERS)))


def _note(attributes: Attributes) -> str | None:
    is_secret = has_credentials(attributes["login"], attributes["password"], attributes["extra"])
    return IN_CLEAR if attributes["host"] and is_secret and is_readable(_base_url(attributes)) else None


def _base_url(attributes: Attributes) -> str:
    host = str(attributes["host"])
    url = host if "://" in host else f"{attributes['schema'] or 'http'}://{host}"
    return f"{url}:{attributes['port']}" if attributes["port"] else url


_NONE_OF_ITS_OWN: Final[tuple[Fault, ...]] = (
    *(BAD_REQUEST, BROKEN_JSON, GONE, NOT_ACCEPTABLE, NOT_CHECKED, NOT_FOUND),
    *(REDIRECTED, REFUSED_REQUEST, SAYS_ERROR, WEB_PAGE, WRONG_METHOD),
)
"""What an API may say to a request that is none of its own."""
_FOR_OTHERS: Final[tuple[Fault, ...]] = (FORBIDDEN, UNAUTHORIZED)
"""And to who says nothing of himself: tasks may bring a token, or a class that logs in."""
HTTP: Final = OtherType(_fields, _answered, _note)
