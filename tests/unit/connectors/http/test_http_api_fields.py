"""Fields of family api that are wrong, and secrets that no header may carry."""

from __future__ import annotations

import os
from typing import Any

import pytest
from osiris_provider.connectors.api import ApiConnection, ApiConnector
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.testing.secrecy import assert_silent

TOKEN = "t0k3n-of-the-test"


def to(**fields: Any) -> dict[str, Any]:
    return {"family": "api", "alias": "test", "base_url": "https://api.example.com", **fields}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"token": f"Bearer {TOKEN}"}, "token"),
        ({"token": f"bearer {TOKEN}", "auth_scheme": None}, "token"),
        ({"token": f"Token {TOKEN}", "auth_scheme": "token"}, "token"),
        ({"api_key": f"ApiKey {TOKEN}", "auth_scheme": "ApiKey", "auth_header": "Authorization"}, "api_key"),
        ({"token": f"Bearer {TOKEN}", "auth_scheme": ""}, None),
        ({"api_key": f"Bearer {TOKEN}", "auth_header": "Authorization"}, None),
        ({"token": f"Bearer{TOKEN}"}, None),
        ({"token": "${UNSET}"}, None),
    ],
)
def test_a_word_that_would_be_sent_twice(fields: dict[str, Any], field: str | None) -> None:
    remarks = list(ApiConnector.remarks(to(**fields)))
    assert [name for name, _ in remarks] == [field] * (field is not None)
    assert TOKEN not in str(remarks)


@pytest.mark.parametrize("secret", ["a line\nbreak in it", "a carriage\rreturn in it", "a nul\0 in it", "a tab\there"])
@pytest.mark.parametrize("field", ["token", "api_key"])
def test_conn_011_secret_that_no_header_may_carry(field: str, secret: str) -> None:
    connection = to(**{field: secret})
    with pytest.raises(ConnectionConfigError, match=rf"field {field}: .*control character") as raised:
        ApiConnector().create_client(connection)
    ok, verdict = ApiConnector().doctor(connection)
    assert (ok, verdict["details"]["fault"]) == (False, "misconfigured")
    assert_silent(secret, raised.value, verdict)


def test_conn_011_secret_that_is_no_text() -> None:
    secret = os.fsdecode(b"not-utf8-\xff\xfe")
    for fields in ({"token": secret}, {"user": "me", "password": secret}):
        ok, verdict = ApiConnector().doctor(to(**fields))
        assert (ok, verdict["details"]["fault"]) == (False, "misconfigured")
        assert "not valid UTF-8" in verdict["message"]


@pytest.mark.parametrize("written", ["https://api.example.com/VAX", " https://api.example.com/VAX// "])
def test_conn_008_slashes_at_the_end_of_a_url_do_not_count(written: str) -> None:
    assert ApiConnection.parse(to(base_url=written)).base_url == "https://api.example.com/VAX"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"base_url": "https://me:secret1@api.example.com"}, "field base_url: must not hold user or password"),
        ({"base_url": "https://api.example.com/?key=secret1"}, "field base_url: must not have a query"),
        ({"base_url": "api.example.com"}, "field base_url: is not a URL"),
        ({"base_url": "ftp://api.example.com"}, "field base_url: is not a URL"),
        ({"base_url": "https://"}, "field base_url: is not a URL"),
        ({"base_url": "https://api.example.com:99999"}, "field base_url: is not a URL"),
        ({"base_url": "https://[::1"}, "field base_url: is not a URL"),
        ({"base_url": "https://a..example.com"}, "field base_url: is not a URL"),
        ({"base_url": f"https://{'a' * 64}.example.com"}, "field base_url: is not a URL"),
        ({"base_url": "https://api.example.com/a b"}, "field base_url: is not a URL"),
        ({"api_key": "secret1"}, "api_key and token are two ways"),
        ({"token": None, "password": "secret1"}, "field user: is required"),
        ({"token": None, "user": "a:b", "password": "secret1"}, "holds a colon"),
        ({"headers": {"X Bad": "secret1"}}, "letters, digits and hyphens"),
        ({"headers": {"X-Bad": "secret1\n"}}, "field headers: .*control character"),
        ({"timeout": 0}, "field timeout"),
        ({"timeout": float("inf")}, "field timeout"),
        ({"health_path": "https://elsewhere.example.com/"}, "a path under base_url"),
        ({"health_path": "//elsewhere.example.com/"}, "a path under base_url"),
        ({"auth_scheme": "Bärer"}, "auth_scheme is a plain word"),
        ({"auth_scheme": "Bearer\r\nX-Bad: y"}, "auth_scheme is a plain word"),
        ({"auth_scheme": "Bearer\x7f"}, "auth_scheme is a plain word"),
    ],
)
def test_conn_008_mistakes(fields: dict[str, Any], complaint: str) -> None:
    connection = to(**{"token": TOKEN, **fields})
    with pytest.raises(ConnectionConfigError, match=complaint) as raised:
        ApiConnector().create_client(connection)
    assert_silent("secret1", raised.value)


OAUTH = {"client_id": "me", "token_url": "https://login.example.com/"}


@pytest.mark.parametrize(
    "fields",
    [
        {"api_key": TOKEN},
        {"api_key": TOKEN, "api_key_in": "query"},
        {"api_key": TOKEN, "api_key_in": "cookie"},
        {"token": TOKEN},
        {"user": "me", "password": TOKEN},
        {"headers": {"Authorization": TOKEN}},
        {**OAUTH, "client_secret": TOKEN},
        {**OAUTH, "client_secret": "x", "token_params": {"key": TOKEN}},
        {"ssl_cert": "/cert.pem", "ssl_key_password": TOKEN},
    ],
    ids="-".join,
)
def test_conn_011_an_endpoint_can_be_logged(fields: dict[str, Any]) -> None:
    assert_silent(TOKEN, ApiConnection.parse(to(**fields)).endpoint())
