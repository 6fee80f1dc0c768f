"""How long the page of health waits for its answers: ``.venv/bin/python -m benchmarks.airflow.health_page [--write]``.

A real API server, with the events of a fleet in its database: 500 connections, checked each hour for 30 days.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
from tests.servers import Address, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.health_events import engine_of, write_history

from benchmarks.document import put

PATH = "/osiris/health/connections"
AGAIN = 5.5
"""Seconds after which an answer is computed again."""
HEADS = ("database", "first answer", "until the month is whole", "computed again", "kept", "one connection")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    lines = [" | ".join(HEADS), " | ".join(["---"] + ["---:"] * (len(HEADS) - 1))]
    for name in ("SQLite", "PostgreSQL"):
        with _running(name, options.connections, options.days) as server:
            lines.append(" | ".join([name, *_measured(server, options.rounds)]))
            sys.stdout.write(f"{lines[-1]}\n")
    table = "\n".join(f"| {line} |" for line in lines)
    if options.write:
        events = options.connections * options.days * 24
        preface = _PREFACE.format(load=os.getloadavg()[0], cores=os.cpu_count())
        title = f"{options.connections} connections, {options.days} days of hourly checks: {events:,} events."
        put("The page of health", f"{preface}\n\n{title}\n\n{table}")


@contextmanager
def _running(name: str, connections: int, days: int) -> Iterator[AirflowServer]:
    """Run an API server that has just started, with a fleet in its database."""
    with ExitStack() as stack:
        metadata: Address | None = None
        if name == "PostgreSQL":
            postgres = stack.enter_context(PostgresServer())
            postgres.create_database("airflow")
            metadata = postgres.app_on("airflow")
        dags = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(AirflowServer(metadata, dags, components=("api-server",)))
        write_history(engine_of(server, metadata), connections, days)
        yield server


def _measured(server: AirflowServer, rounds: int) -> list[str]:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.rest('viewer').token}"

    def timed(path: str) -> tuple[float, requests.Response]:
        started = time.perf_counter()
        answer = session.get(server.origin + path, timeout=60)
        took = (time.perf_counter() - started) * 1000
        answer.raise_for_status()
        return took, answer

    first, answer = timed(PATH)
    filling = [first]
    while not answer.json()["complete"]:
        took, answer = timed(PATH)
        filling.append(took)
    number = answer.json()["connections"][0]["asset_id"]
    again, kept, one = [], [], []
    for _ in range(rounds):
        time.sleep(AGAIN)
        again.append(timed(PATH)[0])
        kept.append(timed(PATH)[0])
        one.append(timed(f"{PATH}/{number}")[0])
    fill = f"{len(filling)} answers, {_of(filling)}"
    return [f"{first:.0f} ms", fill, _of(again), _of(kept), _of(one)]


def _of(milliseconds: list[float]) -> str:
    return f"{statistics.median(milliseconds):.0f} ms (at most {max(milliseconds):.0f})"


_PREFACE = """\
Written by `.venv/bin/python -m benchmarks.airflow.health_page --write`: what a viewer waits for the answers
behind the page *Connections health*, over HTTP from a real API server on this machine, median and longest. The first
answer comes from a server that has just started; it has the last verdicts and today, and the days before come with the
next answers. After that an answer is computed again each 5 seconds at most, and kept in between. The load average of
the machine was {load:.1f} on {cores} cores."""


if __name__ == "__main__":
    main()
