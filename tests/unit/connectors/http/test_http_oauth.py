"""OAuth 2.0 client credentials: what the token endpoint is asked, what its answers mean, and when it is asked again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import requests
from osiris_provider.connectors.http import oauth
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.faults import http_fault
from osiris_provider.connectors.http.oauth import ClientCredentials, TokenAuth, TokenFaultError
from osiris_provider.connectors.http.session import Answer, HttpSession
from osiris_provider.errors import UNKNOWN

from tests.unit.connectors.http.scripted import HOST, Said, Transport, headers_of, session_of, transport_of

LOGIN = "http://login.host/token"
TOKEN = "t0ken"
CLIENT = ClientCredentials(LOGIN + "?tenant=1", "me&", "s3cret é", None, {}, "basic")


class Endpoint:
    """A token endpoint that gives these answers in turn."""

    def __init__(self, *answers: Said) -> None:
        self._transport = Transport(*answers)

    def __call__(self, url: str, auth: OriginAuth) -> HttpSession:
        session = session_of(base_url=url, auth=auth)
        session.mount("http://", self._transport)
        return session

    @property
    def asked(self) -> list[requests.PreparedRequest]:
        return self._transport.sent


def granted(access_token: Any = TOKEN, status: int = 200, **fields: Any) -> Said:
    return Said(
        status, json.dumps({"access_token": access_token, **fields}).encode(), {"Content-Type": "application/json"}
    )


def auth_of(endpoint: Callable[[str, OriginAuth], HttpSession], credentials: ClientCredentials = CLIENT) -> TokenAuth:
    return TokenAuth(HOST, {"X-Key": b"k"}, credentials, endpoint, lambda error: http_fault(error) or UNKNOWN)


def sent(auth: TokenAuth, origin: str = HOST) -> str | None:
    request = requests.Request("GET", f"{origin}/v1", auth=auth).prepare()
    header = headers_of(request).get("Authorization")
    return header.decode() if isinstance(header, bytes) else header


FORM = "grant_type=client_credentials"


@pytest.mark.parametrize(
    ("style", "scope", "params", "form"),
    [
        ("basic", None, {}, FORM),
        ("basic", "read write", {"audience": "x"}, f"audience=x&{FORM}&scope=read+write"),
        ("body", "", {"grant_type": "password"}, f"{FORM}&client_id=me%26&client_secret=s3cret+%C3%A9"),
    ],
)
def test_what_the_token_endpoint_is_asked(
    style: Literal["basic", "body"], scope: str | None, params: dict[str, str], form: str
) -> None:
    endpoint = Endpoint(granted())
    credentials = ClientCredentials(LOGIN, "me&", "s3cret é", scope, params, style)
    auth = auth_of(endpoint, credentials)
    assert (sent(auth), auth.secrets) == ("Bearer t0ken", ("t0ken",))
    (request,) = endpoint.asked
    # The id and the secret, each encoded as in a form, and then both in Base64.
    basic = b"Basic bWUlMjY6czNjcmV0KyVDMyVBOQ==" if style == "basic" else None
    assert (request.method, request.url, request.body) == ("POST", LOGIN, form)
    assert headers_of(request).get("Authorization") == basic
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_token_goes_to_the_api_only() -> None:
    endpoint = Endpoint(granted())
    auth = auth_of(endpoint)
    assert (sent(auth, "http://elsewhere.host"), auth.secrets, endpoint.asked) == (None, (), [])
    assert headers_of(requests.Request("GET", HOST, auth=auth).prepare())["X-Key"] == b"k"


CODES = {
    "invalid_client": "oauth_client",
    "invalid_grant": "oauth_client",
    "unauthorized_client": "oauth_not_allowed",
    "access_denied": "oauth_not_allowed",
    "unsupported_grant_type": "oauth_not_allowed",
    "invalid_scope": "oauth_scope",
    "invalid_request": "oauth_request",
    "server_error": "server_error",
    "temporarily_unavailable": "server_error",
}
STATUSES = {
    400: "oauth_request",
    401: "oauth_client",
    403: "oauth_not_allowed",
    404: "oauth_request",
    405: "oauth_request",
    402: "payment_required",
    429: "throttled",
    503: "server_error",
}
REFUSED = [
    *[(Said(400, json.dumps({"error": code}).encode()), slug) for code, slug in CODES.items()],
    # Some say so with a status of success.
    *[(Said(200, json.dumps({"error": code}).encode()), slug) for code, slug in CODES.items()],
    (Said(400, b'{"error": ["what"]}'), "oauth_request"),
    *[(Said(status, b'{"error": "another"}'), slug) for status, slug in STATUSES.items()],
    *[(Said(status, b"<html>"), slug) for status, slug in STATUSES.items()],
    *[(granted(token), "oauth_no_token") for token in ("", "a b", "a\n", "é", 7, None, "a" * 16385)],
    *[(granted(token_type=kind), "oauth_no_token") for kind in ("mac", None)],
    (Said(200, b'["access_token"]'), "oauth_no_token"),
    (Said(200, b"access_token=t0ken"), "oauth_no_token"),
    (granted(padding="x" * 65536), "oauth_no_token"),
    (Said(302, b"", {"Location": "/other"}), "redirected_post"),
    (Said(302, b"", {"Location": "http://[::1"}), "bad_redirect"),
    (Said(307, b"", {"Location": "http://elsewhere.host/"}), "redirected"),
]


@pytest.mark.parametrize(("answer", "slug"), REFUSED)
def test_an_answer_without_a_token_says_why(answer: Said, slug: str) -> None:
    with pytest.raises(TokenFaultError, match=f"^{slug}$") as raised:
        sent(auth_of(Endpoint(answer)))
    assert (raised.value.url, raised.value.retry_after) == (LOGIN, None)


def test_a_limit_on_requests_says_how_long_to_wait() -> None:
    with pytest.raises(TokenFaultError, match="throttled") as raised:
        sent(auth_of(Endpoint(Said(429, headers={"Retry-After": "7"}))))
    assert raised.value.retry_after == 7


def test_a_token_endpoint_that_cannot_be_reached_is_what_the_client_library_says() -> None:
    def broken(_: str, __: OriginAuth) -> HttpSession:
        raise requests.ReadTimeout

    with pytest.raises(TokenFaultError, match="timed_out") as raised:
        sent(auth_of(broken))
    assert (raised.value.url, raised.value.__cause__) == (LOGIN, None)


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        (granted("a" * 16384), "a" * 16384),
        (granted(token_type="BEARER"), TOKEN),
        (granted(token_type="BearerToken"), TOKEN),
        (granted(status=201), TOKEN),
        (Said(200, b'{"access_token": "t", "scope": "\xe9"}', {"Content-Type": "text/json; charset=latin-1"}), "t"),
    ],
)
def test_a_token_is_taken_from_any_answer_that_has_one(answer: Said, token: str) -> None:
    assert sent(auth_of(Endpoint(answer))) == f"Bearer {token}"


DAY = 86_400
NONSENSE: list[Any] = [DAY + 1, 1e300, math.inf, math.nan, "soon", None, True, [], "9" * 400]
LIFETIMES: list[tuple[Any, float]] = [
    (3600, 3540),
    ("600", 540),
    (600.5, 540.5),
    (100, 50),
    (0, 0),
    (-5, 0),
    (DAY, DAY - 60),
    *[(value, DAY - 60) for value in NONSENSE],
]


@pytest.mark.parametrize(("expires_in", "seconds"), LIFETIMES)
def test_a_token_is_renewed_before_it_ends(expires_in: Any, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(oauth, "time", SimpleNamespace(monotonic=lambda: now[0]))
    endpoint = Endpoint(granted("first", expires_in=expires_in), granted("second", expires_in=expires_in))
    auth = auth_of(endpoint)
    assert sent(auth) == "Bearer first"
    for later, token in ((seconds - 1, "first"), (seconds, "second")):
        if later >= 0:
            now[0] = later
            assert sent(auth) == f"Bearer {token}"


def test_an_answer_of_the_token_endpoint_that_drips_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    ask = HttpSession.ask

    def note(session: HttpSession, *args: Any, **options: Any) -> Answer:
        given.append(options.get("seconds"))
        return ask(session, *args, **options)

    monkeypatch.setattr(HttpSession, "ask", note)
    assert sent(auth_of(Endpoint(granted()))) == "Bearer t0ken"
    assert given == [120]


def test_a_token_that_the_api_refuses_is_dropped() -> None:
    auth = auth_of(Endpoint(granted("first"), granted("second")))
    assert auth.expire() is False
    assert (sent(auth), auth.expire(), auth.secrets, auth.expire()) == ("Bearer first", True, (), False)
    assert sent(auth) == "Bearer second"
    session = session_of(Said(401), Said(200), auth=auth)
    assert (session.ask("GET", "", 10).status, session.secrets) == (200, ("second",))
    assert len(transport_of(session).sent) == 2
