"""OAuth 2.0, and keys in the query or in a cookie: each secret goes where it belongs and shows nowhere."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from osiris_provider.connectors import close_all
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.connectors.http.connection import IN_CLEAR
from osiris_provider.drivers import get_driver
from osiris_provider.errors import ConnectionConfigError, ConnectorError, OsirisError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.secrecy import assert_silent

from tests.security.http.rogue import RogueHttp, api, redirect
from tests.servers.apis.http import RawReply, Reply, Request

SECRET = "cl13nt-s3cret:@/ &é"
KEY = "k3y-of-the-owner-&=?"


class TokenServer(RogueHttp):
    """A token endpoint that counts its tokens, and knows the client's secret in both places."""

    def __init__(self) -> None:
        super().__init__(self.grant)
        self.count = 0

    def grant(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        pair = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        given = pair.split(":") if pair else [form.get("client_id", ""), form.get("client_secret", "")]
        quoted = "cl13nt-s3cret%3A%40%2F+%26%C3%A9" if pair else SECRET
        if form.get("grant_type") != "client_credentials" or given != ["me", quoted]:
            return Reply.of_json({"error": "invalid_client"}, 401)
        self.count += 1
        return Reply.of_json({"access_token": self.token, "token_type": "Bearer", "expires_in": 3600})

    @property
    def token(self) -> str:
        return f"t0ken-number-{self.count}"


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


@pytest.fixture
def host(tokens: TokenServer) -> Iterator[RogueHttp]:
    """An API that takes the newest token only."""

    def script(request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {tokens.token}":
            return Reply.of_json({"detail": "who are you"}, 401)
        page = int(request.query.get("page", 1))
        return Reply.of_json([{"id": page}] if page < 4 else [])

    with RogueHttp(script) as server:
        yield server
        close_all()


def client_of(host: RogueHttp, tokens: RogueHttp, **fields: Any) -> dict[str, Any]:
    known = {"token_url": f"{tokens.origin}/oauth/token", "client_id": "me", "client_secret": SECRET}
    return api(host, **known, **fields)


def ids(connection: dict[str, Any], **config: Any) -> list[int]:
    config = {"resolved_connection": connection, "path": "items", "pagination": {"kind": "page"}, **config}
    reader = get_driver("api.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())["data"]
    actual: list[int] = reader.read_all()["id"].to_pylist()
    return actual


@pytest.mark.parametrize(
    "fields", [{}, {"client_auth": "body"}, {"scope": "read write", "token_params": {"audience": "x"}}]
)
def test_a_token_is_fetched_once_and_goes_to_the_api_only(
    host: RogueHttp, tokens: TokenServer, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert ids(client_of(host, tokens, **fields)) == [1, 2, 3]
    assert tokens.count == 1
    form = parse_qs(tokens.requests[0].body.decode())
    assert form.get("scope", ["none"]) == [fields.get("scope", "none")]
    assert form.get("audience", ["none"]) == [fields.get("token_params", {}).get("audience", "none")]
    assert_silent(SECRET, host.received, caplog.text)
    assert tokens.token not in tokens.received
    assert tokens.token not in caplog.text


def test_doctor_fetches_a_token_and_proves_it(host: RogueHttp, tokens: TokenServer) -> None:
    assert ApiConnector().doctor(client_of(host, tokens), 5)[0]
    assert [request.headers.get("authorization", "none") for request in host.requests] == [
        f"Bearer {tokens.token}",
        "none",
    ]
    ok, verdict = ApiConnector().doctor({**client_of(host, tokens), "client_secret": "wrong"}, 5)
    assert (ok, verdict["category"], verdict["details"]["fault"]) == (False, "auth", "oauth_client")
    assert f"{tokens.origin}/oauth/token" in verdict["message"]
    tokens.script = lambda _: Reply.of_json({"access_token": "of-another-api"})
    ok, verdict = ApiConnector().doctor(client_of(host, tokens), 5)
    assert (ok, verdict["category"], verdict["details"]["fault"]) == (False, "auth", "unauthorized")


def test_a_token_that_ends_before_its_time_is_renewed_once(host: RogueHttp, tokens: TokenServer) -> None:
    with ApiConnector().create_client(client_of(host, tokens)) as session:
        assert session.ask("GET", "me", 10).status == 200
        tokens.count += 1
        assert session.ask("GET", "me", 10).status == 200
        host.script = lambda _: Reply.of_json({}, 401)
        before = len(host.requests)
        assert session.ask("GET", "me", 10).status == 401
        assert len(host.requests) == before + 2


@pytest.mark.parametrize(
    ("reply", "category", "fault"),
    [
        (Reply.of_json({"error": "invalid_scope"}, 400), "permission", "oauth_scope"),
        (Reply.of_json({}, 401), "auth", "oauth_client"),
        (Reply.of_json({}, 429, {"Retry-After": "9"}), "network", "throttled"),
        (Reply.of_json({}), "unknown", "oauth_no_token"),
        (Reply.of_json({"access_token": "x\r\nX-Evil: 1"}), "unknown", "oauth_no_token"),
        (Reply.html("<html>log in</html>"), "unknown", "oauth_no_token"),
        (RawReply([]), "network", "reset"),
    ],
)
def test_a_token_endpoint_that_gives_no_token(
    host: RogueHttp, tokens: TokenServer, reply: Reply | RawReply, category: str, fault: str
) -> None:
    tokens.script = lambda _: reply
    ok, verdict = ApiConnector().doctor(client_of(host, tokens), 5)
    assert (ok, verdict["category"], verdict["details"]["fault"]) == (False, category, fault)
    assert tokens.origin in verdict["message"]
    assert host.requests == []
    assert_silent(SECRET, verdict)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_client_secret_does_not_follow_redirects(host: RogueHttp, tokens: TokenServer, status: int) -> None:
    with RogueHttp() as evil:
        tokens.script = lambda _: redirect(f"{evil.origin}/token", status)
        with pytest.raises(ConnectorError):
            ids(client_of(host, tokens, client_auth="body"))
        assert evil.requests == []
    assert host.requests == []


def test_a_token_shows_in_no_error(host: RogueHttp, tokens: TokenServer) -> None:
    host.script = lambda request: Reply.of_json({"error": f"bad {request.headers['authorization']} {SECRET}"})
    with pytest.raises(OsirisError, match="tells of an error") as raised:
        ids(client_of(host, tokens))
    assert_silent(tokens.token, raised.value)
    assert_silent(SECRET, raised.value)


def test_the_token_stays_at_its_origin(host: RogueHttp, tokens: TokenServer) -> None:
    with RogueHttp() as evil:
        with ApiConnector().create_client(client_of(host, tokens)) as session:
            session.get(f"{evil.origin}/v1/me")
            host.script = lambda _: redirect(f"{evil.origin}/v1/other")
            session.get("me")
        assert len(evil.requests) == 2
        assert tokens.token not in evil.received


WAYS = [
    {"api_key": KEY, "api_key_in": "query", "api_key_name": "key"},
    {"api_key": "k3y-of-the-owner", "api_key_in": "cookie"},
]


def keyed(request: Request) -> Reply:
    ok = request.query.get("key") == KEY or "api_key=k3y-of-the-owner" in request.headers.get("cookie", "")
    if not ok:
        return Reply.of_json({}, 401)
    page = int(request.query.get("page", 1))
    link = f"/v1/items?page={page + 1}&key={request.query.get('key', '')}"
    return Reply.of_json({"items": [{"id": page}], "next": link if page < 3 else None}, headers={"Set-Cookie": "sid=1"})


@pytest.mark.parametrize("fields", WAYS, ids=["query", "cookie"])
def test_a_key_in_the_query_or_in_a_cookie(fields: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RogueHttp(keyed) as host:
        connection = api(host, **fields)
        assert ApiConnector().doctor(connection, 5)[0]
        # The server repeats the key in its links, as some do.
        config: dict[str, Any] = {"records": "items", "pagination": {"kind": "link", "next_path": "next"}}
        assert ids(connection, **config) == [1, 2, 3]
        assert ids(connection, params={"x": "1"}, **config) == [1, 2, 3]
        assert all(len(request.every.get("key", [])) <= 1 for request in host.requests)
        assert not [request for request in host.requests if "x-osiris-query" in request.headers]
        with ApiConnector().create_client(connection) as session:
            assert_silent(fields["api_key"], session.get("items").url)
            with RogueHttp() as evil:
                host.script = lambda _: redirect(f"{evil.origin}/v1/me")
                session.get("items")
                session.get(f"{evil.origin}/v1/me")
                assert len(evil.requests) == 2
                assert_silent(fields["api_key"], evil.received)
                assert "x-osiris-query" not in evil.received
        close_all()
    assert "GET /v1/items" in caplog.text
    assert_silent(fields["api_key"], caplog.text, ApiConnector().build_dsn_redacted(connection))


@pytest.mark.parametrize("fields", WAYS, ids=["query", "cookie"])
def test_a_key_in_the_query_or_in_a_cookie_shows_in_no_error(fields: dict[str, Any]) -> None:
    with RogueHttp(lambda request: redirect(f"/v1/items?key={request.query.get('key', '')}")) as host:
        connection = api(host, **fields)
        with pytest.raises(ConnectorError) as looping:
            ids(connection)
        host.script = lambda _: RawReply([])
        ok, verdict = ApiConnector().doctor(connection, 5)
        assert not ok
        failed = pytest.raises(requests.exceptions.ConnectionError)
        with ApiConnector().create_client(connection) as session, failed as raised:
            session.get("items")
        close_all()
    assert_silent(fields["api_key"], looping.value, verdict, raised.value)


def test_doctor_tells_that_the_key_in_the_query_is_not_asked_for() -> None:
    with RogueHttp() as host:
        ok, verdict = ApiConnector().doctor(api(host, **WAYS[0]), 5)
        assert (ok, verdict["details"]["fault"]) == (False, "credentials_not_checked")
        assert [request.query for request in host.requests] == [{"key": KEY}, {}]


OTHER = "http://0.0.0.0"
"""This machine too, but no name of it that says so."""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"token": "t"}, True),
        ({"api_key": KEY, "api_key_in": "query"}, True),
        ({"headers": {"Authorization": "Bearer t"}}, True),
        ({"headers": {"Accept-Language": "de"}}, False),
        ({}, False),
    ],
)
def test_credentials_over_an_unencrypted_line_are_said(fields: dict[str, Any], says: bool) -> None:
    def script(request: Request) -> Reply:
        is_known = KEY in request.query.values() or "authorization" in request.headers
        return Reply.of_json({}, 200 if is_known or not says else 401)

    with RogueHttp(script) as host:
        port = host.origin.rpartition(":")[2]
        for origin, expected in ((f"{OTHER}:{port}", says), (host.origin, False)):
            connection = {"family": "api", "alias": "t", "base_url": origin, **fields}
            ok, verdict = ApiConnector().doctor(connection, 5)
            assert (ok, verdict["details"].get("note") == IN_CLEAR) == (True, expected), verdict
    written = {"base_url": f"{OTHER}:{port}", **fields}
    # Which of the headers is a secret only the API knows.
    assert (("base_url", IN_CLEAR) in ApiConnector.remarks(written)) is bool(fields)
    assert list(ApiConnector.remarks({**written, "base_url": "https://api.example.com"})) == []


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"client_id": "me"}, "belong together"),
        ({"token_url": "https://a.example.com"}, "belong together"),
        ({"scope": "read"}, "need token_url"),
        ({"token_url": r"https://a\@b", "client_id": "me", "client_secret": SECRET}, "field token_url"),
        ({"token_url": "https://a", "client_id": "me", "client_secret": SECRET, "token": "t"}, "two ways to log in"),
        ({"api_key_in": "query"}, "needs api_key"),
        ({"api_key": KEY, "api_key_in": "query", "auth_header": "X-Key"}, "in the place of auth_header"),
        ({"api_key": KEY, "api_key_in": "query", "api_key_name": "a b"}, "field api_key_name"),
        ({"api_key": "a;b", "api_key_in": "cookie"}, "no cookie can carry"),
        ({"api_key": KEY, "api_key_in": "body"}, "field api_key_in"),
    ],
)
def test_logins_that_make_no_sense_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConnectionConfigError, match=complaint) as raised:
        ApiConnector().create_client({"family": "api", "alias": "t", "base_url": "https://api.example.com", **fields})
    assert_silent(SECRET, raised.value)
    assert_silent(KEY, raised.value)


BASIC = [
    {"username": "u", "password": SECRET},
    {"username": "u", "password": "c4nary\tpa55"},
    {"token": "t0ken-" + "abcdefgh" * 200},
]
"""Secrets that stand in a request in another form, or are longer than what is shown of an error."""


@pytest.mark.parametrize("fields", BASIC, ids=["Basic", "a tab", "a long token"])
def test_what_an_api_repeats_of_a_request_shows_in_no_error(fields: dict[str, Any]) -> None:
    def script(request: Request) -> Reply:
        said = f"bad header {request.headers['authorization']} of {fields.get('password', '')}"
        return Reply.of_json({"error": said})

    with RogueHttp(script) as host, pytest.raises(OsirisError, match=r"tells of an error.*bad header ") as raised:
        ids(api(host, **fields))
    close_all()
    (sent,) = {request.headers["authorization"].partition(" ")[2] for request in host.requests}
    assert sent[:20] not in str(raised.value)
    assert_silent(fields.get("password", sent), raised.value)
    assert "c4nary" not in str(raised.value)


def test_the_client_secret_is_known_as_it_is_sent() -> None:
    redact = ApiConnector.model.redactor(
        {"token_url": "https://a.example.com", "client_id": "me", "client_secret": SECRET}
    )
    sent = base64.b64encode(b"me:cl13nt-s3cret%3A%40%2F+%26%C3%A9").decode()
    assert redact(f"<Basic {sent}>") == "<Basic ***>"
    # What is no text of UTF-8 is none of an error either.
    assert (
        ApiConnector.model.redactor({"user": "u", "password": "\ud800x", "client_secret": "\ud800y"})("\ud800x")
        == "***"
    )
