"""Base URLs, secrets and timeouts that the HTTP families take, and which lines others can read."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.api import ApiConnection
from osiris_provider.connectors.http.connection import (
    Endpoint,
    HeaderSecret,
    TextSecret,
    Timeout,
    checked_url,
    is_loopback,
    is_readable,
)
from pydantic import SecretStr, TypeAdapter, ValidationError

URLS = {
    "https://api.host/v1": "https://api.host/v1",
    " HTTP://api.host/v1// ": "HTTP://api.host/v1",
    "https://api.host:8443/a:b": "https://api.host:8443/a:b",
    "https://api.host/a@b": "https://api.host/a@b",
    "http://[::1]:80": "http://[::1]:80",
}


@pytest.mark.parametrize(("written", "kept"), URLS.items())
def test_conn_008_a_base_url_is_taken_as_written(written: str, kept: str) -> None:
    assert checked_url(written) == kept


NONE = "is not a URL"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("https://me@api.host", "user or password"),
        ("https://me:12/secret@api.host", "user or password"),
        ("https://:secret@api.host", "user or password"),
        ("https://api.host?key=secret", "query or fragment"),
        ("https://api.host/#secret", "query or fragment"),
        ("https://api.host/?", "query or fragment"),
        ("https://api.host/#", "query or fragment"),
        ("https://api.host/a b", NONE),
        ("https://api.host/a\tb", NONE),
        ("https://api.host\\v1", NONE),
        ("https://[::1", NONE),
        ("https:/api.host", NONE),
        ("", NONE),
    ],
)
def test_conn_008_what_is_no_base_url_is_said_without_it(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        checked_url(written)
    assert "secret" not in str(raised.value)


HERE = ["localhost", "127.0.0.1", "127.255.255.254", "::1"]
ELSEWHERE = ["localhost.example.com", "127.0.0.1.example.com", "127.1", "1127.0.0.1", "::11", "0.0.0.0", "", None]  # noqa: S104 - nothing is bound


def test_only_this_machine_is_this_machine() -> None:
    assert [is_loopback(host) for host in HERE] == [True] * len(HERE)
    assert [is_loopback(host) for host in ELSEWHERE] == [False] * len(ELSEWHERE)


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("http://api.host/v1", True),
        (" HTTP://api.host ", True),
        ("https://api.host", False),
        ("http://localhost:80", False),
        ("http://[::1]:80/v1", False),
        ("http://[::1", False),
        ("api.host", False),
    ],
)
def test_what_others_can_read(url: str, readable: bool) -> None:
    assert is_readable(url) is readable


def taken(kind: Any, value: Any) -> Any:
    """Return what a field of some type makes of a value, or what is wrong with it."""
    try:
        checked = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"].removeprefix("Value error, ")
    return checked.get_secret_value() if isinstance(checked, SecretStr) else checked


CONTROL = "holds a line break or another control character, which no HTTP header may carry"


def test_conn_011_secrets_that_can_be_sent() -> None:
    for text in ("", " ", "é", "~", "\x80", "\ud7ff", "\ue000", "🔑"):
        assert taken(HeaderSecret, text) == taken(TextSecret, text) == text
    for text in map(chr, [*range(0x20), 0x7F]):
        assert (taken(HeaderSecret, text), taken(TextSecret, text)) == (CONTROL, text)
    for text in ("a\ud800", "\udfff"):
        assert taken(HeaderSecret, text) == taken(TextSecret, text) == "is not valid UTF-8"


@pytest.mark.parametrize(("seconds", "fits"), [(0, False), (0.001, True), (3600, True), (3600.1, False)])
def test_conn_008_how_long_may_be_waited(seconds: float, fits: bool) -> None:
    assert (taken(Timeout, seconds) == seconds) is fits
    assert isinstance(taken(Timeout, float("inf")), str)
    assert isinstance(taken(Timeout, float("nan")), str)


def test_conn_016_user_and_password_are_quoted_in_a_url() -> None:
    login = {"user": "a/b", "password": "p@:/?é"}
    connection = ApiConnection.parse({"base_url": "https://api.host/go", **login})
    assert connection.as_url(redacted=False) == "https://a%2Fb:p%40%3A%2F%3F%C3%A9@api.host/go"
    assert connection.as_url(redacted=True) == "https://***@api.host/go"
    only = ApiConnection.parse({"base_url": "https://api.host", "token": "t"})
    assert only.url_with_identity("https://a/://b", redacted=False) == "https://:t@a/://b"


def test_an_endpoint_may_have_no_credentials() -> None:
    endpoint = Endpoint("https://api.host", 5, None)
    assert (endpoint.credentials, endpoint.headers, endpoint.query) == ({}, {}, {})


@pytest.mark.parametrize(("timeout", "seconds"), [(3, 3), (10, 10), (11, 10)])
def test_connecting_takes_ten_seconds_at_most(timeout: float, seconds: float) -> None:
    assert ApiConnection.parse({"base_url": "https://api.host", "timeout": timeout}).connect_seconds() == seconds
