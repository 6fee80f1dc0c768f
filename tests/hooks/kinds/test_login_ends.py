"""When passwords and users of databases come to their end, as their server says; the servers are imitations.

What a real server answers to these questions is from its documentation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.asked import GRACE, left
from tests.hooks.case import PASSWORD
from tests.hooks.kinds.test_expiry import expires, report_of
from tests.hooks.servers.authority import believed, context
from tests.hooks.servers.http_apis import API, Answer
from tests.hooks.servers.imitated_databases import LOGIN, SERVICE, to_mssql, to_oracle, to_snowflake
from tests.hooks.servers.oracle import OracleServer
from tests.hooks.servers.sql_apis import snowflake
from tests.hooks.servers.tds import TDSServer
from tests.servers.process import HOST

NOW = datetime.now(timezone.utc).replace(microsecond=0)
PASSWORD_ENDS = NOW + timedelta(days=20, hours=3)
HERE = timedelta(hours=5, minutes=45)
"""What the clock of the imitated SQL Server is ahead of UTC."""


@pytest.fixture(scope="module", autouse=True)
def authority() -> Iterator[None]:
    with believed():
        yield


Ends = list[tuple[str, datetime]]
Serve = Callable[[], AbstractContextManager[HookConnection]]


@contextmanager
def oracle(**given: Any) -> Iterator[HookConnection]:
    with OracleServer(LOGIN, PASSWORD, SERVICE, **given) as server:
        yield to_oracle(HOST, server.port)


@contextmanager
def mssql(expiry: Any) -> Iterator[HookConnection]:
    with TDSServer(LOGIN, PASSWORD, expiry=expiry) as server:
        yield to_mssql(HOST, server.port)


@contextmanager
def snowflakes(answer: Callable[..., Answer]) -> Iterator[HookConnection]:
    with API(answer, context()) as api:
        yield to_snowflake(HOST, api.port)


def row(days: int | None, age: timedelta) -> tuple[int | None, datetime | None, datetime, datetime]:
    """Return what SQL Server says of a password of some age."""
    utc = NOW.replace(tzinfo=None)
    return days, utc + HERE - age if age else None, utc + HERE + timedelta(seconds=1), utc


def slowly(path: str, headers: Any, body: bytes) -> Answer:
    """Take too long to describe a user."""
    said = snowflake(path, headers, body, "3.5")
    if b"DESCRIBE" in body or "DAYS_TO_EXPIRY" in str(said):
        time.sleep(30)
    return said


def hour(at: datetime) -> datetime:
    return datetime.fromtimestamp(round(at.timestamp() / 3600) * 3600, timezone.utc)


AGE = timedelta(days=70, hours=1)
IN_20_DAYS = (NOW + HERE).date() - (NOW + HERE - AGE).date()
TOLD: dict[str, tuple[Serve, Ends]] = {
    "oracle": (
        partial(oracle, expiry=PASSWORD_ENDS.replace(tzinfo=None)),
        [("password of the account", PASSWORD_ENDS)],
    ),
    "oracle, never": (partial(oracle, expiry=None), []),
    "oracle, refused": (partial(oracle, expiry=942), []),
    "mssql": (
        partial(mssql, row(20, AGE)),
        [("password of the account", NOW - AGE + IN_20_DAYS + timedelta(days=20))],
    ),
    "mssql, today": (partial(mssql, row(0, AGE)), [("password of the account", NOW - AGE + IN_20_DAYS)]),
    "mssql, never": (partial(mssql, row(-1, AGE)), []),
    "mssql, no policy": (partial(mssql, row(None, AGE)), []),
    "mssql, nothing known": (partial(mssql, row(None, timedelta(0))), []),
    "mssql, refused": (partial(mssql, 229), []),
    "snowflake, never": (partial(snowflakes, partial(snowflake, days_left="null")), []),
    "snowflake, refused": (partial(snowflakes, snowflake), []),
}


def of_login(connection: HookConnection) -> Ends:
    return [one for one in expires(connection) if not one[0].startswith("TLS")]


@pytest.mark.parametrize("situation", TOLD)
def test_a_server_tells_when_the_password_ends_or_does_not(situation: str) -> None:
    serve, ends = TOLD[situation]
    with serve() as connection:
        assert of_login(connection) == ends


def test_snowflake_tells_when_its_user_ends_and_it_is_the_same_each_time() -> None:
    with snowflakes(partial(snowflake, days_left="9.53")) as connection:
        first, second = of_login(connection), of_login(connection)
    at = datetime.now(timezone.utc) + timedelta(days=9.53)
    assert first == second
    assert first in ([("user of the login", hour(at))], [("user of the login", hour(at - timedelta(minutes=1)))])


SLOW: dict[str, Serve] = {
    "oracle": partial(oracle, expiry=30.0),
    "mssql": partial(mssql, 30.0),
    "snowflake": partial(snowflakes, slowly),
}


@pytest.mark.parametrize("conn_type", SLOW)
@pytest.mark.parametrize("seconds", [1.5, 8.0])
def test_who_does_not_answer_that_is_healthy_in_time(conn_type: str, seconds: float) -> None:
    with SLOW[conn_type]() as connection:
        report_of(connection)
        began = time.monotonic()
        report = report_of(connection, seconds)
        took = time.monotonic() - began
        assert not left()
    assert report["category"] == "ok", report
    assert "expires" not in report["details"] or conn_type == "snowflake"
    assert took < min(seconds, 4.0) + GRACE, report
    # What the question takes is no latency of the server.
    assert report["latency_ms"] < (took - 0.5) * 1000
