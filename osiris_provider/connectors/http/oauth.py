"""OAuth 2.0 client credentials (RFC 6749, 4.4): a token that is fetched, kept in memory, and renewed.

The client's secret goes to the token endpoint only, the token to the API's origin only. This module imports requests,
so it is itself imported only where a client is made.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote_plus, urlencode

from osiris_provider.connections.redact import safe_url
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.basic import basic
from osiris_provider.connectors.http.faults import HTTP_STATUS, SERVER_ERROR, HttpFaultError, status_fault
from osiris_provider.connectors.http.json_text import Number, parse_json
from osiris_provider.connectors.http.retry_after import retry_after_seconds
from osiris_provider.connectors.http.session import Answer, HttpSession
from osiris_provider.errors import Fault

if TYPE_CHECKING:
    import requests

MAX_ANSWER = 64 * 1024
ANSWER_SECONDS = 120.0
"""A token endpoint answers with a few hundred bytes."""
EARLY_SECONDS = 60.0
"""So long before its end a token is renewed, but not before half of its time."""
MAX_LIFETIME = 86_400.0

BAD_CLIENT = Fault(
    "oauth_client", "auth", "The token endpoint {address} does not accept client_id and client_secret. Check both."
)
BAD_SCOPE = Fault(
    "oauth_scope", "permission", "The token endpoint {address} does not grant this client the scope. Check field scope."
)
NOT_ALLOWED = Fault(
    "oauth_not_allowed",
    "permission",
    "The token endpoint {address} does not let this client log in by client credentials. Allow that grant there.",
)
BAD_TOKEN_REQUEST = Fault(
    "oauth_request",
    "unknown",
    "The token endpoint {address} does not understand the request. Check token_url, token_params and client_auth.",
    permanent=True,
)
NO_TOKEN = Fault(
    "oauth_no_token", "unknown", "What {address} answers holds no bearer token. Check field token_url.", permanent=True
)

CODES = {
    "invalid_client": BAD_CLIENT,
    "invalid_grant": BAD_CLIENT,
    "unauthorized_client": NOT_ALLOWED,
    "access_denied": NOT_ALLOWED,
    "invalid_scope": BAD_SCOPE,
    "unsupported_grant_type": NOT_ALLOWED,
    "invalid_request": BAD_TOKEN_REQUEST,
    "server_error": SERVER_ERROR,
    "temporarily_unavailable": SERVER_ERROR,
}
"""``error`` of RFC 6749, 5.2; the last two are of 4.1.2.1, and some token endpoints say them with status 400."""

_STATUSES = {
    **HTTP_STATUS,
    400: BAD_TOKEN_REQUEST,
    401: BAD_CLIENT,
    403: NOT_ALLOWED,
    404: BAD_TOKEN_REQUEST,
    405: BAD_TOKEN_REQUEST,
}
_BEARER = ("bearer", "bearertoken")
"""What ``token_type`` says of such a token; the second is Apigee's."""
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(frozen=True)
class ClientCredentials:
    """How to get a token.

    :param style: ``basic`` sends the client's id and secret in a header, ``body`` in the form.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None
    params: Mapping[str, str] = field(repr=False)
    style: Literal["basic", "body"]

    def headers(self) -> dict[str, bytes]:
        """Return the headers that carry id and secret; both are encoded as forms are (RFC 6749, 2.3.1)."""
        if self.style == "body":
            return {}
        return {"Authorization": b"Basic " + basic(quote_plus(self.client_id), quote_plus(self.client_secret))}

    def form(self) -> str:
        """Return the body of the request."""
        fields = {**self.params, "grant_type": "client_credentials"}
        if self.scope:
            fields["scope"] = self.scope
        if self.style == "body":
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return urlencode(fields)


class TokenFaultError(HttpFaultError):
    """The token endpoint gave no token. ``url`` is its own, not that of the API."""


class TokenAuth(OriginAuth):
    """Sends a bearer token to one origin, and gets one where there is none.

    :param url: whose origin the token is for.
    :param headers: further credentials for that origin.
    :param credentials: how to get a token.
    :param session: makes the session that asks the token endpoint.
    :param classify: returns the fault of what a client library raises.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, bytes],
        credentials: ClientCredentials,
        session: Callable[[str, OriginAuth], HttpSession],
        classify: Callable[[BaseException], Fault],
    ) -> None:
        super().__init__(url, headers)
        self._credentials = credentials
        self._session = session
        self._classify = classify
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Attach the token if the request goes to its origin."""
        if self.belongs_to(request.url or ""):
            request.headers["Authorization"] = b"Bearer " + self._current().encode()  # type: ignore[assignment] # as bytes
        return super().__call__(request)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token, so that messages can hide it."""
        return (self._token,) if self._token else ()

    def expire(self) -> bool:
        """Drop the token, because the API does not accept it any more; return whether there was one."""
        with self._lock:
            known, self._token = bool(self._token), ""
        return known

    def _current(self) -> str:
        with self._lock:
            if not self._token or time.monotonic() >= self._renew_at:
                self._token, lifetime = self._fetch()
                self._renew_at = time.monotonic() + max(lifetime - EARLY_SECONDS, lifetime / 2)
            return self._token

    def _fetch(self) -> tuple[str, float]:
        """Ask the token endpoint; return the token and for how many seconds it may be used."""
        credentials = self._credentials
        try:
            with self._session(
                credentials.token_url, OriginAuth(credentials.token_url, credentials.headers())
            ) as session:
                answer = session.ask(
                    "POST",
                    "",
                    MAX_ANSWER,
                    seconds=ANSWER_SECONDS,
                    data=credentials.form(),
                    headers={"Content-Type": "application/x-www-form-urlencoded"},
                )
            return _token_of(answer)
        except HttpFaultError as error:
            fault, wait = error.fault, error.retry_after
        except Exception as error:  # noqa: BLE001 - whatever the client library raises becomes a fault
            fault, wait = self._classify(error), None
        raise TokenFaultError(fault, wait, safe_url(credentials.token_url))


def _token_of(answer: Answer) -> tuple[str, float]:
    fields = _fields(answer)
    if not answer.is_success:
        fault = CODES.get(str(fields.get("error")))
        fault = fault or status_fault(answer.status, _STATUSES) or NO_TOKEN
        raise HttpFaultError(fault, retry_after_seconds(answer.headers))
    token, token_type = fields.get("access_token"), fields.get("token_type", "bearer")
    # The token goes into a header: what a peer says must not add others.
    if type(token) is not str or not _TOKEN.fullmatch(token) or str(token_type).lower() not in _BEARER:
        raise HttpFaultError(CODES.get(str(fields.get("error")), NO_TOKEN))
    return token, _lifetime(fields.get("expires_in"))


def _fields(answer: Answer) -> dict[str, Any]:
    try:
        parsed = parse_json(answer.body, answer.content_type) if answer.complete else None
    except HttpFaultError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}


def _lifetime(value: Any) -> float:
    """Return for how long a token may be used; without a word, until the API refuses it, and a day at most."""
    if isinstance(value, bool) or not isinstance(value, int | str | Number):
        return MAX_LIFETIME
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return MAX_LIFETIME
    return min(max(seconds, 0.0), MAX_LIFETIME) if math.isfinite(seconds) else MAX_LIFETIME
