"""Credentials, keys in the query and cookies belong to one origin: scheme, host and port."""

from __future__ import annotations

import pytest
import requests
from osiris_provider.connectors.http.auth import OriginAuth, origin_of
from osiris_provider.connectors.http.transport import QUERY_HEADER
from osiris_provider.connectors.http.urls import authority_of

from tests.unit.connectors.http.scripted import HOST, Said, headers_of, session_of, transport_of

OTHERS = ["http://api.host:8081", "https://api.host:8080", "http://api.hosts:8080", "http://www.api.host:8080"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://api.host", ("http", "api.host", 80)),
        ("HTTPS://API.host/v1?x#y", ("https", "api.host", 443)),
        ("http://api.host:443?x", ("http", "api.host", 443)),
        ("https://[::1]:1/", ("https", "[::1]", 1)),
        ("http://api.host:65535", ("http", "api.host", 65535)),
        ("http://api.host:65536", None),
        ("http://api.host:0", None),
        ("http://api.host:123456", None),
        ("http://api.host:", None),
        ("http://me@api.host", None),
        ("http://a..host", None),
        ("http://api.host/a\\b", None),
        ("http://api.host/a\x7fb", None),
        ("http://api.host/a\x1fb", None),
        ("ftp://api.host", None),
        ("//api.host", None),
    ],
)
def test_what_a_url_is_clear_about(url: str, origin: tuple[str, str, int] | None) -> None:
    assert authority_of(url) == origin
    if origin is not None:
        assert origin_of(url) == origin
    else:
        with pytest.raises(requests.exceptions.InvalidURL):
            origin_of(url)


def test_the_name_of_a_host_is_compared_as_it_is_connected_to() -> None:
    assert origin_of("http://bücher.example") == origin_of("http://XN--bcher-kva.example:80/")


@pytest.mark.parametrize("origin", [HOST, *OTHERS])
def test_credentials_are_sent_to_their_origin_only(origin: str) -> None:
    auth = OriginAuth(HOST, {"X-Key": b"s3cret"}, {"key": "s3cret &"})
    request = requests.Request("GET", f"{origin}/v1", auth=auth).prepare()
    # Neither the URL nor what it shows of itself holds the key.
    assert request.url == f"{origin}/v1"
    sent = {"X-Key": b"s3cret", QUERY_HEADER: "key=s3cret+%26"}
    assert {name: value for name, value in request.headers.items() if name in sent} == (sent if origin == HOST else {})


@pytest.mark.parametrize("target", [HOST, *OTHERS])
def test_no_header_with_a_credential_follows_a_redirect_to_another_origin(target: str) -> None:
    # What the caller gave, what the session has learned, and what the connection has.
    secret = {"Authorization": "s3cret", "Cookie": "sid=s3cret", "X-Key": "s3cret"}
    auth = OriginAuth(HOST, {"X-Key": b"s3cret"}, {"key": "s3cret"})
    request = requests.Request("GET", f"{HOST}/v1", headers={"Accept": "*/*", **secret}, auth=auth).prepare()
    request.url = f"{target}/v1"
    auth.strip(request)
    kept = {name for name in ("Accept", *secret, QUERY_HEADER) if name in request.headers}
    assert kept == ({"Accept", *secret, QUERY_HEADER} if target == HOST else {"Accept"})
    # One that has none of them is left as it is.
    auth.strip(request)


def test_a_key_in_a_cookie_goes_with_the_cookies_of_the_session() -> None:
    for cookies, sent in (({}, b"key=s3cret"), ({"sid": "1"}, b"key=s3cret; sid=1")):
        auth = OriginAuth(HOST, {"Cookie": b"key=s3cret"})
        request = requests.Request("GET", HOST, cookies=cookies, auth=auth).prepare()
        assert headers_of(request)["Cookie"] == sent
    plain = requests.Request("GET", HOST, cookies={"sid": "1"}, auth=OriginAuth(HOST, {"X-Key": b"k"})).prepare()
    assert plain.headers["Cookie"] == "sid=1"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/v1", "/v1"),
        ("/v1?a=1&b=2", "/v1?a=1&b=2"),
        ("/v1?a=1&key=k&b=2&a=3", "/v1?a=1&b=2&a=3"),
        ("/v1?key=k", "/v1"),
        ("/v1?key", "/v1"),
        ("/v1?key=k#top?key=k", "/v1#top?key=k"),
        ("/v1?a=1&k%65y=k#top", "/v1?a=1#top"),
        ("/v1?keys=k", "/v1?keys=k"),
    ],
)
def test_a_key_that_an_api_repeats_in_its_links_is_taken_out(path: str, kept: str) -> None:
    auth = OriginAuth(HOST, {}, {"key": "k"})
    assert auth.without_key(HOST + path) == HOST + kept
    for other in OTHERS:
        assert auth.without_key(other + path) == other + path
    assert OriginAuth(HOST, {}).without_key(HOST + path) == HOST + path


@pytest.mark.parametrize(
    ("origin", "cookie", "kept"),
    [
        (HOST, "sid=1", "sid=1"),
        (HOST, "sid=1; Path=/v1", "sid=1"),
        (HOST, "sid=1; Domain=elsewhere.example.com", None),
        *[(other, "sid=1", None) for other in OTHERS],
        # Cookies by themselves know no ports, and a host may set one for all of its domain.
        ("http://evil.api.host", "sid=1; Domain=api.host", None),
    ],
)
def test_only_cookies_that_the_origin_sets_for_itself_are_kept(origin: str, cookie: str, kept: str | None) -> None:
    session = session_of(Said(headers={"Set-Cookie": cookie}), Said())
    session.get(f"{origin}/v1/me")
    session.get("me")
    assert [request.headers.get("Cookie") for request in transport_of(session).sent] == [None, kept]


@pytest.mark.parametrize("origin", [HOST, *OTHERS])
def test_cookies_go_to_their_origin_only(origin: str) -> None:
    session = session_of(Said(headers={"Set-Cookie": "sid=1"}))
    session.get("me")
    sent = session.prepare_request(requests.Request("GET", f"{origin}/v1/me")).headers.get("Cookie")
    assert sent == ("sid=1" if origin == HOST else None)
