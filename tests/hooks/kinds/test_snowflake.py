"""Faults of the kinds that held-back sets had missed, of Snowflake: other servers, proxies, and refused tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import Says, expect, http_server
from tests.hooks.kinds.test_clouds import LIST, OTHER_API, WANTS_LOGIN, proxy
from tests.hooks.servers.authority import believed, context
from tests.hooks.servers.imitated_databases import to_snowflake
from tests.servers.process import HOST


@pytest.fixture(scope="module", autouse=True)
def surroundings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, believed():
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            patch.delenv(name, raising=False)
        yield


@pytest.mark.parametrize("says", [OTHER_API, LIST, Says(201, {})], ids=["an API", "a list", "another status"])
def test_snowflake_where_another_server_answers(says: Says) -> None:
    with http_server(says, context()) as port:
        expect(to_snowflake(HOST, port), "network")


def test_snowflake_by_a_proxy_that_wants_a_login() -> None:
    with proxy(WANTS_LOGIN) as port:
        plain = to_snowflake("ab12345.snowflakecomputing.invalid", 443)
        expect(replace(plain, extra={**plain.extra, "proxy_host": HOST, "proxy_port": port}), "auth")


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (Says(400, {"error": "invalid_grant"}), "auth"),
        (Says(401, {"error": "invalid_client"}), "auth"),
        (Says(400, {"error": "invalid_scope"}), "unknown"),
    ],
    ids=["a refresh token that has expired", "a client that is not known", "a scope that there is not"],
)
def test_snowflake_with(says: Says, expected: str) -> None:
    with http_server(says) as port:
        plain = to_snowflake(HOST, port)
        oauth = {
            "refresh_token": PASSWORD,
            "client_id": "c",
            "client_secret": "s",
            "token_endpoint": f"http://{HOST}:{port}/oauth/token-request",
        }
        expect(replace(plain, extra={**plain.extra, **oauth}), expected)
