"""What doctor costs, and how long a fleet takes: ``python -m benchmarks.checks.doctor``, one line a figure."""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

from osiris_provider.connectors import doctor_all, get_connector
from osiris_provider.connectors.verdict import Verdict
from tests.servers import MariaDBServer, PostgresServer

TOKEN = "the token of the benchmark"  # noqa: S105 - no one else's
TIMEOUT = 2.0
WORKERS = 64
CONNECTIONS, SILENT = 500, 100
LIMIT_TIMES, LIMIT_MORE_MS = 1.15, 3.0

Connection = dict[str, Any]


class Timed(Connection):
    """A connection that knows when its check began to read it."""

    began = 0.0

    def items(self) -> Any:
        self.began = self.began or time.monotonic()
        return super().items()


API = """\
import sys
from tests.servers.apis.fake_api import FakeApi
with FakeApi({"Authorization": f"Bearer {sys.argv[1]}".encode()}) as api:
    print(api.origin, flush=True)
    sys.stdin.read()
"""


@contextmanager
def api() -> Iterator[str]:
    """Start an API in a process of its own, as in this one it would take turns with doctor; yield its origin."""
    command = [sys.executable, "-c", API, TOKEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


@contextmanager
def healthy() -> Iterator[dict[str, Connection]]:
    """Start the servers and yield a connection a family."""
    with MariaDBServer() as mariadb, PostgresServer() as postgres, api() as origin:
        yield {
            "mysql": {"family": "mysql", **asdict(mariadb.app)},
            "postgres": {"family": "postgres", **asdict(postgres.app)},
            "api": {"family": "api", "base_url": f"{origin}/v1", "token": TOKEN, "health_path": "me"},
        }


def silenced(connection: Connection, port: int) -> Connection:
    """Return a connection that leads to a silent listener instead."""
    where = {"base_url": f"http://127.0.0.1:{port}"} if "base_url" in connection else {"port": port}
    return {**connection, **where}


def positions(position: str) -> set[int]:
    """Return which of a fleet are silent."""
    first = {"first": 0, "last": CONNECTIONS - SILENT}.get(position)
    return set(range(0, CONNECTIONS, CONNECTIONS // SILENT) if first is None else range(first, first + SILENT))


def measure_many(connections: dict[str, Connection], position: str, port: int) -> str:
    kinds, silent = list(connections.values()), positions(position)
    one_of_each = [kinds[number % len(kinds)] for number in range(CONNECTIONS)]
    jobs = [silenced(one, port) if number in silent else one for number, one in enumerate(one_of_each)]
    targets = [Timed(one, alias=f"n{number}") for number, one in enumerate(jobs)]
    ended: dict[str, float] = {}
    started = time.monotonic()

    def keep(verdict: Verdict) -> None:
        ended[str(verdict.alias)] = time.monotonic()

    verdicts = doctor_all(targets, TIMEOUT, max_workers=WORKERS, on_verdict=keep)
    seconds = time.monotonic() - started
    latest = max(ended[one["alias"]] - one.began for one in targets) - TIMEOUT
    expected = ["timeout" if number in silent else "ok" for number in range(CONNECTIONS)]
    wrong = sum(verdict.category != category for verdict, category in zip(verdicts, expected, strict=True))
    return (
        f"fleet of {CONNECTIONS}, the {SILENT} silent ones {position}: {seconds:.2f} s (at most {2 * TIMEOUT + 1:g}), "
        f"latest verdict {latest:+.3f} s after its timeout (at most 0.25), {wrong} wrong"
    )


def bare_mysql(one: Connection) -> None:
    import pymysql

    account = {"user": one["user"], "password": one["password"].encode(), "database": one["database"]}
    with (
        closing(pymysql.connect(host=one["host"], port=one["port"], ssl_disabled=True, **account)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
        cursor.fetchone()


def bare_postgres(one: Connection) -> None:
    import psycopg2

    account = {"user": one["user"], "password": one["password"], "dbname": one["database"]}
    with (
        closing(psycopg2.connect(host=one["host"], port=one["port"], **account)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
        cursor.fetchone()


def bare_api(one: Connection) -> None:
    import requests

    url = f"{one['base_url']}/{one['health_path']}"
    requests.get(url, headers={"Authorization": f"Bearer {one['token']}"}, timeout=TIMEOUT).raise_for_status()


BARE: dict[str, Callable[[Connection], None]] = {"mysql": bare_mysql, "postgres": bare_postgres, "api": bare_api}


def examined(connection: Connection) -> None:
    ok, verdict = get_connector(connection["family"]).doctor(connection, TIMEOUT)
    if not ok:
        raise SystemExit(verdict["message"])


def milliseconds(call: Callable[[Connection], None], connection: Connection) -> float:
    started = time.perf_counter()
    call(connection)
    return (time.perf_counter() - started) * 1000


def measure_overhead(family: str, connection: Connection, rounds: int) -> str:
    calls = (BARE[family], examined)
    for call in calls:
        call(connection)
    taken = [[milliseconds(call, connection) for call in calls] for _ in range(rounds)]
    bare, ours = (statistics.median(column) for column in zip(*taken, strict=True))
    limit = max(bare * LIMIT_TIMES, bare + LIMIT_MORE_MS)
    return (
        f"healthy doctor, {family}: {ours:.2f} ms, bare {bare:.2f} ms: {ours / bare:.2f} x, {ours - bare:+.2f} ms "
        f"(at most {limit:.2f} ms; medians of {rounds})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks.doctor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="of each call (default: 200)")
    rounds = parser.parse_args().rounds
    with healthy() as connections, closing(socket.create_server(("127.0.0.1", 0), backlog=1024)) as listener:
        for family, connection in connections.items():
            sys.stdout.write(measure_overhead(family, connection, rounds) + "\n")
        for position in ("first", "in between", "last"):
            sys.stdout.write(measure_many(connections, position, listener.getsockname()[1]) + "\n")


if __name__ == "__main__":
    main()
