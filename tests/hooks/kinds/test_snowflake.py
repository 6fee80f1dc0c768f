"""Faults of the kinds that held-back sets had missed, of Snowflake: other servers, proxies, and refused tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import Says, category_of, expect, http_server
from tests.hooks.kinds.test_clouds import LIST, OTHER_API, WANTS_LOGIN, proxy
from tests.hooks.servers.authority import context
from tests.hooks.servers.http_apis import API
from tests.hooks.servers.imitated_databases import to_snowflake
from tests.hooks.servers.sql_apis import SELECTED, snowflake
from tests.servers.process import HOST

pytestmark = pytest.mark.usefixtures("without_proxies")


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


NAMED = {"warehouse": "LOAD", "database": "SHOP"}
OLD_NAMES = {f"extra__snowflake__{name}": value for name, value in NAMED.items()}


@pytest.mark.parametrize("named", [NAMED, OLD_NAMES], ids=["names", "old names"])
@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        (SELECTED, "ok ()"),
        ((None, "SHOP", "PUBLIC"), "permission (denied)"),
        (("LOAD", None, None), "permission (database_denied)"),
        (("LOAD", "SHOP", None), "permission (database_denied)"),
    ],
    ids=["all", "no warehouse", "no database", "no schema"],
)
def test_snowflake_begins_a_session_without_what_there_is_not(
    selected: Sequence[str | None], expected: str, named: dict[str, str]
) -> None:
    with API(partial(snowflake, selected=selected), context()) as api:
        plain = to_snowflake(HOST, api.port)
        assert category_of(replace(plain, extra={**plain.extra, **named})) == expected


def test_snowflake_without_what_the_connection_does_not_name() -> None:
    with API(partial(snowflake, selected=(None, None, None)), context()) as api:
        expect(to_snowflake(HOST, api.port), "ok")
