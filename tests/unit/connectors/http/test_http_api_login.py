"""How family api says who is there, and how doctor proves that it was believed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from osiris_provider.connectors.api import NEEDS_HEALTH_PATH, NOTHING_THERE, ApiConnection, ApiConnector
from osiris_provider.connectors.http.connection import ClientCertificate
from osiris_provider.connectors.http.faults import HttpFaultError
from osiris_provider.connectors.http.oauth import ClientCredentials
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connectors.http.scripted import HOST, Said, headers_of, session_of, transport_of

JSON = {"Content-Type": "application/json"}
OAUTH = {"token_url": "https://login.host/token", "client_id": "me", "client_secret": "s3cret"}


def model_of(**fields: Any) -> ApiConnection:
    return ApiConnection.parse({"family": "api", "alias": "t", "base_url": f"{HOST}/v1", **fields})


def basic(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


SENT: list[tuple[dict[str, Any], dict[str, str], tuple[str, str]]] = [
    ({}, {}, ("", "")),
    ({"api_key": "k"}, {"X-API-Key": "k"}, ("", "k")),
    ({"api_key": "k", "auth_header": "X-K", "auth_scheme": "Key"}, {"X-K": "Key k"}, ("", "k")),
    ({"api_key": "k", "api_key_in": "cookie"}, {"Cookie": "api_key=k"}, ("", "k")),
    ({"api_key": "k", "api_key_in": "cookie", "api_key_name": "sid"}, {"Cookie": "sid=k"}, ("", "k")),
    ({"api_key": "k", "api_key_in": "query"}, {}, ("", "k")),
    ({"token": "é"}, {"Authorization": "Bearer é"}, ("", "é")),
    ({"token": "t", "auth_scheme": ""}, {"Authorization": "t"}, ("", "t")),
    ({"token": "t", "auth_scheme": "My ~Word"}, {"Authorization": "My ~Word t"}, ("", "t")),
    ({"token": "t", "auth_header": "X-T"}, {"X-T": "Bearer t"}, ("", "t")),
    ({"user": "ann", "password": "p:w"}, {"Authorization": f"Basic {basic('ann:p:w')}"}, ("ann", "p:w")),
    ({"username": "ann"}, {"Authorization": f"Basic {basic('ann:')}"}, ("ann", "")),
    ({"token": "t", "headers": {"X-A": "1"}}, {"X-A": "1", "Authorization": "Bearer t"}, ("", "t")),
    ({"headers": {"Authorization": "x"}}, {"Authorization": "x"}, ("", "")),
    (OAUTH, {}, ("me", "s3cret")),
]


@pytest.mark.parametrize(("fields", "headers", "identity"), SENT)
def test_what_is_sent(fields: dict[str, Any], headers: dict[str, str], identity: tuple[str, str]) -> None:
    model = model_of(**fields)
    endpoint = model.endpoint()
    assert endpoint.credentials == {name: value.encode() for name, value in headers.items()}
    assert endpoint.query == ({"api_key": "k"} if fields.get("api_key_in") == "query" else {})
    assert (endpoint.base_url, endpoint.timeout, endpoint.ca_bundle) == (f"{HOST}/v1", 30, None)
    assert (model.identity(), model.logs_in) == (identity, bool(fields))
    assert model.as_url(redacted=True) == f"{HOST}/v1".replace("://", "://***@" if any(identity) else "://")
    assert (endpoint.oauth is None) is (fields is not OAUTH)


def test_the_query_and_the_token_endpoint_get_what_they_are_given() -> None:
    assert model_of(api_key="k", api_key_in="query", api_key_name="key").endpoint().query == {"key": "k"}
    oauth = ClientCredentials("https://login.host/token", "me", "s3cret", None, {}, "basic")
    assert model_of(**OAUTH).endpoint().oauth == oauth
    further = {"scope": "read write", "token_params": {"audience": "x"}, "client_auth": "body"}
    oauth = ClientCredentials("https://login.host/token", "me", "s3cret", "read write", {"audience": "x"}, "body")
    assert model_of(**OAUTH, **further).endpoint().oauth == oauth


def test_a_client_certificate_is_shown_on_an_encrypted_line_only() -> None:
    there = {"base_url": "HTTPS://api.host", "ca_bundle": "/ca.pem", "timeout": 5, "ssl_cert": "/c.pem"}
    endpoint = model_of(**there).endpoint()
    assert (endpoint.certificate, endpoint.ca_bundle, endpoint.timeout) == (ClientCertificate("/c.pem"), "/ca.pem", 5)
    full = model_of(**there, ssl_key="/k.pem", ssl_key_password="pw").endpoint().certificate
    assert full == ClientCertificate("/c.pem", "/k.pem", "pw")
    for field in ("ssl_key", "ssl_key_password"):
        with pytest.raises(ConnectionConfigError, match="need ssl_cert"):
            model_of(**{field: "/k.pem"})
    with pytest.raises(ConnectionConfigError, match="a base_url that begins with https://"):
        model_of(ssl_cert="/c.pem")


@pytest.mark.parametrize("missing", OAUTH)
def test_what_belongs_together_is_given_together(missing: str) -> None:
    with pytest.raises(ConnectionConfigError, match="belong together"):
        model_of(**{name: value for name, value in OAUTH.items() if name != missing})
    for further in ({"scope": "x"}, {"token_params": {"a": "b"}}):
        with pytest.raises(ConnectionConfigError, match="need token_url"):
            model_of(**further)


WAYS = {"api_key": "k", "token": "t", "user": "u"}


@pytest.mark.parametrize("one", [*WAYS, "client_id"])
@pytest.mark.parametrize("other", [*WAYS, "client_id"])
def test_there_is_one_way_to_log_in(one: str, other: str) -> None:
    given = {name: value for name, value in {**WAYS, **OAUTH}.items() if name in (one, other)}
    if "client_id" in given:
        given |= OAUTH
    if one == other:
        model_of(**given)
        return
    with pytest.raises(ConnectionConfigError, match=f"{one}.*{other}|{other}.*{one}") as raised:
        model_of(**given)
    assert "are two ways to log in; keep one" in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"user": "a:b"}, "user"),
        ({"password": "p"}, "user"),
        ({"auth_header": "X Key"}, "auth_header"),
        ({"headers": {"X Key": "x"}}, "headers"),
        ({"api_key": "k", "api_key_in": "query", "api_key_name": "a b"}, "api_key_name"),
        ({"api_key": "a;b", "api_key_in": "cookie"}, "api_key"),
        ({"api_key": "k", "api_key_in": "query", "auth_scheme": "x"}, None),
        ({"api_key_in": "query"}, None),
        ({"auth_scheme": "a\x1fb"}, None),
        ({"auth_scheme": "a\x7fb"}, None),
        ({"health_path": "HTTPS://elsewhere"}, None),
        ({"health_path": "//elsewhere"}, None),
    ],
)
def test_what_would_break_a_header_or_lead_elsewhere_is_refused(fields: dict[str, Any], blamed: str | None) -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        model_of(**fields)
    assert raised.value.field == blamed
    assert (blamed or next(reversed(fields))) in str(raised.value)


def takes(**fields: Any) -> bool:
    try:
        model_of(**fields)
    except ConnectionConfigError:
        return False
    return True


def test_a_cookie_carries_what_its_standard_says() -> None:
    characters = [*map(chr, range(0x20, 0x81)), "é"]
    refused = {character for character in characters if not takes(api_key=f"a{character}b", api_key_in="cookie")}
    # RFC 6265, 4.1.1.
    assert refused == {*' ",;\\\x7f\x80é'}


@pytest.mark.parametrize("word", ["AUTH", "Cookie", "Api-Key", "Password", "Secret", "Session", "Signature", "Token"])
def test_a_header_whose_name_is_of_credentials_has_to_be_proven(word: str) -> None:
    plain = {"Accept-Language": "de"}
    assert model_of(headers=plain).logs_in is False
    model = model_of(headers={**plain, f"X-{word}": "x"})
    assert (model.logs_in, model.plain_headers()) == (True, {"Accept-Language": b"de"})


PAGE = Said(200, b"<html>sign in", {"Content-Type": "text/html"})
GOOD = Said(200, b'{"name": "me"}', JSON)
PROVEN: list[tuple[list[Said], str]] = [
    ([GOOD, Said(401)], ""),
    ([GOOD, PAGE], ""),
    ([GOOD, Said(302, headers={"Location": "/login"})], ""),
    ([Said(204, headers=JSON), Said(403)], ""),
    ([Said(200, b"pong"), Said(401)], ""),
    # As much of it as doctor reads is no JSON.
    ([Said(200, b"[" + b"1," * 64 * 1024, JSON), Said(401)], ""),
    ([GOOD, GOOD], "credentials_not_checked"),
    ([GOOD, Said(204)], "credentials_not_checked"),
    ([GOOD, Said(429)], "throttled"),
    ([GOOD, Said(200, b'{"ok": false}', JSON)], ""),
    ([GOOD, Said(200, b"{", JSON)], "credentials_not_checked"),
    ([Said(200, b'{"ok": false, "error": "invalid_auth"}', JSON), Said(401)], "answer_is_error"),
    ([Said(200, b'{"success": false}', JSON), Said(401)], "answer_is_error"),
    ([Said(200, b'{"status": "error"}', JSON), Said(401)], "answer_is_error"),
    ([Said(200, b'{"ok": 0, "success": null, "status": "errors"}', JSON), Said(401)], ""),
    ([Said(200, b'{"ok": false}', {"Content-Type": "text/plain"}), Said(401)], ""),
    ([Said(401), GOOD], "unauthorized"),
    ([Said(404), GOOD], "not_found"),
    ([PAGE, Said(401)], "web_page"),
    ([Said(200, b"{", JSON), Said(401)], "broken_json"),
]


# These say that it is a matter of health_path.
WORDED = {"credentials_not_checked": NEEDS_HEALTH_PATH, "not_found": NOTHING_THERE}


@pytest.mark.parametrize(("answers", "slug"), PROVEN)
def test_conn_009_credentials_are_proven_by_the_difference_that_they_make(answers: list[Said], slug: str) -> None:
    model = model_of(token="s3cret", headers={"X-Plain": "1", "X-Secret": "s3cret"}, health_path="me")
    session = session_of(*answers)
    if slug:
        with pytest.raises(HttpFaultError, match=f"^{slug}$") as raised:
            ApiConnector().probe_with(model, session)
        assert slug not in WORDED or raised.value.fault.message == WORDED[slug].message
        return
    assert ApiConnector().probe_with(model, session) == {"status": answers[0].status}
    asked = transport_of(session).sent
    assert [request.url for request in asked] == [f"{HOST}/v1/me"] * 2
    # The second time as no one, with what the API needs of anybody.
    assert headers_of(asked[1])["X-Plain"] == b"1"
    assert "s3cret" not in str(headers_of(asked[1]))


@pytest.mark.parametrize("answer", [GOOD, PAGE, Said(204)])
def test_conn_009_without_credentials_one_answer_is_enough(answer: Said) -> None:
    session = session_of(answer)
    assert ApiConnector().probe_with(model_of(), session) == {"status": answer.status}
    assert len(transport_of(session).sent) == 1


@pytest.mark.parametrize(
    ("fields", "pair"),
    [
        ({"user": "ann", "password": "p:w"}, "ann:p:w"),
        ({"username": "ann", "password": "p:w"}, "ann:p:w"),
        # Some take a key for the user, and a mistake is none the less a secret.
        ({"user": "key"}, "key:"),
        ({"password": "p:w"}, ":p:w"),
        (OAUTH, "me:s3cret"),
        ({"client_secret": "s 3"}, ":s+3"),
    ],
)
def test_conn_011_what_is_sent_as_http_basic_is_a_secret_as_well(fields: dict[str, Any], pair: str) -> None:
    assert basic(pair) in ApiConnection.secret_texts(fields)


@pytest.mark.parametrize("fields", [{}, {"user": "", "client_secret": None}, {"token": "t", "client_id": "me"}])
def test_what_is_not_sent_as_http_basic_is_none(fields: dict[str, Any]) -> None:
    assert not [text for text in ApiConnection.secret_texts(fields) if text.endswith("=")]
