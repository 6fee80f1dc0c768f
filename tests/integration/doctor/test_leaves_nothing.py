"""A thousand checks leave no thread, no open file and no session behind (CONN-009)."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import doctor_all, get_connector
from osiris_provider.connectors.verdict import DoctorDetails, Verdict

from tests.faults.mysql import as_root
from tests.faults.name_servers import NAME, name_server
from tests.faults.peers import Cut, Peer, closed_port, drip, forward, hang_up, say, silent, unanswered_port
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_shopify import FakeShopify
from tests.servers.apis.fake_supabase import FakeSupabase
from tests.servers.process import Server

CHECKS = 1000
TIMEOUT = 0.2
MAX_WAIT = 5.0
TOKEN = "the token of this test"

Connection = dict[str, Any]


@contextmanager
def healthy(mariadb: MariaDBServer, postgres: PostgresServer) -> Iterator[list[Connection]]:
    """Yield a healthy connection of each family."""
    with (
        FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}) as api,
        FakeShopify(TOKEN, bucket=1e6) as shopify,
        FakeSupabase(TOKEN, "anon") as supabase,
    ):
        yield [
            {"family": "mysql", **asdict(mariadb.app)},
            {"family": "postgres", **asdict(postgres.app)},
            {"family": "api", "base_url": f"{api.origin}/v1", "token": TOKEN, "health_path": "me"},
            {"family": "shopify", "shop_domain": shopify.origin, "access_token": TOKEN},
            {"family": "supabase", "url": supabase.origin, "service_role_key": TOKEN},
            {"family": "duckdb", "path": ":memory:"},
        ]


def at(connection: Connection, host: str, port: int, *, tls: bool = False) -> Connection:
    """Return the connection, pointed at another peer."""
    origin = f"{'https' if tls else 'http'}://{host}:{port}"
    to_mysql = {"host": host, "port": port, **({"ssl": True} if tls else {})}
    to_postgres = {"host": host, "port": port, **({"sslmode": "require"} if tls else {})}
    changes: dict[str, Connection] = {
        "mysql": to_mysql,
        "postgres": to_postgres,
        "api": {"base_url": origin},
        "shopify": {"shop_domain": origin},
        "supabase": {"url": origin},
    }
    return {**connection, **changes.get(connection["family"], {})}


@contextmanager
def troubled(good: list[Connection], servers: dict[str, Server]) -> Iterator[list[Connection]]:
    """Yield the connections of each family to all kinds of trouble; DuckDB has none that takes time."""
    remote = [one for one in good if one["family"] != "duckdb"]
    with ExitStack() as stack:
        manners = [silent, hang_up, drip(b"HTTP/1.1 "), say(b"N" * 40), say(b"\x16\x03\x03\x7a")]
        ports = [stack.enter_context(Peer(manner)).port for manner in manners]
        ports += [stack.enter_context(closed_port()), stack.enter_context(unanswered_port())]
        stack.enter_context(name_server(answers=False))
        actual = [at(one, "127.0.0.1", port) for one in remote for port in ports]
        actual += [at(one, "127.0.0.1", port, tls=True) for one in remote if "shop_domain" not in one for port in ports]
        actual += [at(one, NAME, 80) for one in remote if "shop_domain" not in one]
        for one in remote[:2]:
            for turn in (1, 2, 3):
                proxy = Peer(forward(servers[one["family"]].port, Cut("stall", turn)))
                actual.append(at(one, "127.0.0.1", stack.enter_context(proxy).port))
        yield actual


def check_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("osiris-doctor")]


def open_files() -> dict[str, str]:
    gc.collect()
    actual = {}
    for entry in Path("/proc/self/fd").iterdir():
        # iterdir has the directory itself open.
        with suppress(FileNotFoundError):
            actual[entry.name] = os.readlink(entry)
    return actual


def sessions(mariadb: MariaDBServer, postgres: PostgresServer) -> tuple[int, int]:
    """Return how many clients each server has, besides the one that asks."""
    ((theirs,),) = as_root(
        mariadb,
        "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command <> 'Daemon'",
    )
    with closing(postgres.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        row = cursor.fetchone()
    return int(str(theirs)), row[0] if row else -1


def awaited(condition: Callable[[], bool]) -> bool:
    """Return whether something becomes true within a few seconds."""
    end = time.monotonic() + MAX_WAIT
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def run(mariadb: MariaDBServer, postgres: PostgresServer, checks: int) -> list[Verdict]:
    servers: dict[str, Server] = {"mysql": mariadb, "postgres": postgres}
    with healthy(mariadb, postgres) as good, troubled(good, servers) as bad:
        kinds = [*good, *bad]
        targets = [{**kinds[number % len(kinds)], "alias": f"n{number}"} for number in range(checks)]
        before = sessions(mariadb, postgres)
        verdicts = doctor_all(targets, TIMEOUT)
        assert awaited(lambda: not check_threads()), check_threads()
        # While the proxies still stand: the servers must not owe it to them.
        assert awaited(lambda: sessions(mariadb, postgres) <= before), (before, sessions(mariadb, postgres))
    return verdicts


def test_conn_009_a_thousand_checks_leave_nothing_behind(mariadb: MariaDBServer, postgres: PostgresServer) -> None:
    # What is loaded or opened once a process is not left behind.
    run(mariadb, postgres, 100)
    threads, files = threading.active_count(), open_files()
    verdicts = run(mariadb, postgres, CHECKS)
    assert len(verdicts) == CHECKS
    assert {"ok", "timeout", "network"} <= {verdict.category for verdict in verdicts}
    assert awaited(lambda: threading.active_count() <= threads), threading.enumerate()
    assert awaited(lambda: len(open_files()) <= len(files)), set(open_files().values()) - set(files.values())


@pytest.mark.parametrize("timeout", [0.2, 0.5])
@pytest.mark.parametrize("manner", [silent, drip(b"H")], ids=["silent", "drip"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_conn_009_fractions_of_a_second(
    tls: bool, manner: Any, timeout: float, mariadb: MariaDBServer, postgres: PostgresServer
) -> None:
    """Of every family, side by side."""
    with healthy(mariadb, postgres) as good, Peer(manner) as peer, ThreadPoolExecutor(len(good)) as pool:
        remote = {one["family"]: one for one in good if one["family"] != "duckdb"}
        for family in remote:
            get_connector(family).load()
        hosts = {family: "localhost" if family == "shopify" else "127.0.0.1" for family in remote}
        asked = [at(one, hosts[family], peer.port, tls=tls) for family, one in remote.items()]
        actual = dict(zip(remote, pool.map(partial(asked_in_time, timeout=timeout), asked), strict=True))
        assert awaited(lambda: not check_threads())
    for family, (verdict, seconds) in actual.items():
        # A server that says H to MySQL's or PostgreSQL's hello is known by its first byte.
        if manner is silent or family not in ("mysql", "postgres"):
            assert (verdict["category"], verdict["details"]["fault"]) == ("timeout", "timed_out"), family
            assert f"within {timeout:g} s" in verdict["message"], family
            assert timeout * 0.9 <= seconds, family
        assert seconds <= timeout + 0.25, family


def asked_in_time(connection: Connection, timeout: float) -> tuple[DoctorDetails, float]:
    """Return doctor's verdict on a connection that is not well, and after how many seconds it came."""
    started = time.monotonic()
    ok, verdict = get_connector(connection["family"]).doctor(connection, timeout)
    seconds = time.monotonic() - started
    assert not ok
    return verdict, seconds
