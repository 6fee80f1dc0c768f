"""Who answers first sends no credentials on: a login in the body of a request would follow a 307 or 308."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import category_of
from tests.hooks.servers.authority import context
from tests.hooks.servers.http_apis import API, Answer
from tests.hooks.servers.imitated_databases import to_clickhouse, to_snowflake
from tests.hooks.servers.sql_apis import clickhouse
from tests.servers.process import HOST

REDIRECTED = "unknown (redirected)"


pytestmark = pytest.mark.usefixtures("without_proxies")


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of another server, and all that has been sent there."""
    got: list[str] = []

    def answer(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with suppress(OSError):
            body = gzip.decompress(body)
        got.append(f"{path} {dict(headers)} {body!r}")
        return 200, {"versions": []}, False

    with API(answer, context()) as api:
        yield f"https://{HOST}:{api.port}/there", got


def sends_to(url: str, status: int) -> Callable[[str, Mapping[str, str], bytes], Answer]:
    """Return the answers of a server that redirects to itself first, and then elsewhere."""

    def answer(path: str, *_: object) -> Answer:
        location = url if path.startswith("/again") else "/again"
        return status, {}, False, {"Location": location}

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_snowflakes_password_stays_at_the_account(status: int) -> None:
    with elsewhere() as (url, got), API(sends_to(url, status), context()) as api:
        assert (category_of(to_snowflake(HOST, api.port)), got) == (REDIRECTED, [])


def test_a_refresh_token_stays_at_its_endpoint() -> None:
    with elsewhere() as (url, got), API(sends_to(url, 307), context()) as api:
        plain = to_snowflake(HOST, api.port)
        oauth = {
            "refresh_token": PASSWORD,
            "client_id": "c",
            "client_secret": "s3cret-of-the-client",
            "token_endpoint": f"https://{HOST}:{api.port}/oauth/token-request",
        }
        assert (category_of(replace(plain, extra={**plain.extra, **oauth})), got) == (REDIRECTED, [])


def test_databricks_is_not_who_answers_after_two_redirects() -> None:
    with elsewhere() as (url, got), API(sends_to(url, 307), context()) as api:
        connection = HookConnection("lake", "databricks", HOST, None, PASSWORD, api.port, "https")
        assert (category_of(connection), got) == (REDIRECTED, [])


def test_clickhouse_is_not_who_answers_everyone_elsewhere() -> None:
    """There without the credentials, which the client leaves behind: that proves nothing of them."""
    everyone = base64.b64encode(f"loader:{PASSWORD}".encode()).decode()

    def answer(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return clickhouse(path, {**headers, "Authorization": f"Basic {everyone}"}, body)

    with API(answer) as other:
        elsewhere = f"http://{HOST}:{other.port}"
        with API(lambda path, *_: (307, {}, False, {"Location": f"{elsewhere}{path}"})) as api:
            assert category_of(to_clickhouse(HOST, api.port)) == REDIRECTED
