"""How long the event loop of a triggerer waits while it holds many checks: ``python -m benchmarks.airflow.triggers``.

``loop`` runs the triggers in a loop of its own, and an idle loop in another process for comparison: what the machine
itself keeps loops waiting. ``checks`` has as many sensors deferred to Airflow's triggerer, ``sleeps`` as many tasks
that wait for a date, by Airflow's own trigger, for comparison.

A third each of the connections lead to a real MariaDB, to a server that is silent, and to a port where nothing listens.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.peers import Peer, closed_port, silent
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import until

from benchmarks.airflow.lag import LAG_FILE, STEP
from benchmarks.document import ROOT

TRIGGERS = 500
DEFERRAL_SECONDS = 5.0
"""A task, at most: each is a process first."""
SETTLING_SECONDS = 30
WATCHED_SECONDS = 120


async def lags_until(over: asyncio.Future[Any]) -> list[float]:
    """Return the lags of the running loop, in seconds.

    :param over: measures until it is done.
    """
    delays = []
    while not over.done():
        before = time.perf_counter()
        await asyncio.sleep(STEP)
        delays.append(time.perf_counter() - before - STEP)
    return delays


async def run_triggers(file: str, number: int) -> list[float]:
    """Run triggers that check once, and return the lags meanwhile.

    :param file: the connections file.
    :param number: of triggers.
    """
    from osiris_provider.triggers.doctor import OsirisDoctorTrigger

    async def fired(index: int) -> None:
        async for _ in OsirisDoctorTrigger(connections=[f"@mysql.c{index}"], file=file, check_timeout=2).run():
            return

    await fired(0)  # imports
    waiting = asyncio.gather(*map(fired, range(number)))
    lags = await lags_until(waiting)
    await waiting
    return lags


async def stay_idle() -> list[float]:
    """Return the lags of a loop that does nothing until standard input ends."""
    return await lags_until(asyncio.get_running_loop().run_in_executor(None, sys.stdin.read))


def tell(name: str, lags: list[float]) -> None:
    """Write a line.

    :param name: of the loop.
    :param lags: in seconds.
    """
    ordered = sorted(1000 * lag for lag in lags)
    at = {"median": 0.5, "99 %": 0.99, "99.9 %": 0.999, "longest": 1.0}
    cells = (
        f"{label} {ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.1f} ms" for label, share in at.items()
    )
    sys.stdout.write(f"{name:24} {'  '.join(cells)}\n")


@contextmanager
def running_servers() -> Iterator[list[dict[str, Any]]]:
    """Start the servers; gives a connection to the real one, to the silent one and to none."""
    with ExitStack() as stack:
        server = stack.enter_context(MariaDBServer())
        login = {"host": "127.0.0.1", "user": server.app.user, "password": server.app.password}
        ports = server.app.port, stack.enter_context(Peer(silent)).port, stack.enter_context(closed_port())
        yield [{**login, "port": port} for port in ports]


def write_file(directory: Path, number: int, *connections: dict[str, Any]) -> Path:
    """Write a connections file and return its path.

    :param number: of connections, ``@mysql.c0`` and so on.
    :param connections: taken in turn.
    """
    family = {f"c{index}": connections[index % len(connections)] for index in range(number)}
    path = directory / "osiris_connections.yaml"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"version": 1, "connections": {"mysql": family}}))
    return draft.replace(path)


def measure_loop(directory: Path, number: int) -> None:
    """Run the triggers in a loop of this process, and print its lags and those of the idle loop."""
    with running_servers() as connections:
        file = write_file(directory, number, *connections)
        idle = [sys.executable, "-m", "benchmarks.airflow.triggers", "idle"]
        with subprocess.Popen(idle, stdin=subprocess.PIPE) as control:
            started = time.perf_counter()
            lags = asyncio.run(run_triggers(str(file), number))
            tell(f"{number} triggers, {time.perf_counter() - started:.1f} s", lags)
            sys.stdout.flush()
            control.communicate(b"")


def measure_airflow(directory: Path, number: int, what: str) -> None:
    """Have Airflow's triggerer hold the triggers, and print how late its loop was while a third of them fired."""
    lags = directory / "lags.jsonl"
    settings = {
        "OSIRIS_HOME": str(directory),
        "PYTHONPATH": str(ROOT),
        "CROWD": str(number),
        "CROWD_OF": what,
        LAG_FILE: str(lags),
    }
    with running_servers() as (well, quiet, down), PostgresServer() as postgres, ExitStack() as stack:
        write_file(directory, number, down)
        postgres.create_database("airflow")
        dags = Path(__file__).with_name("dags")
        airflow = stack.enter_context(AirflowServer(postgres.app_on("airflow"), dags, settings))
        admin = airflow.rest()
        tasks = f"/dags/crowd/dagRuns/{admin.trigger('crowd')}/taskInstances"

        def deferred() -> int:
            return int(admin.get(tasks, state="deferred", limit=1)["total_entries"])

        until(lambda: deferred() == number + 1, "deferral", number * DEFERRAL_SECONDS)
        time.sleep(SETTLING_SECONDS)
        # Whatever fires now waits for a scheduler, instead of for one of the two processors.
        airflow.kill("scheduler")
        began = time.monotonic()
        write_file(directory, number, well, quiet, down)
        time.sleep(WATCHED_SECONDS)
        fired = number + 1 - deferred()
    tell_late(f"{number} {what} in a triggerer, {fired} fired", lags, began)


def tell_late(name: str, file: Path, began: float) -> None:
    """Write a line.

    :param name: of the loop.
    :param file: what :class:`~benchmarks.airflow.lag.LagTrigger` has written.
    :param began: the monotonic time from which on the lags count.
    """
    delays = [late for late in map(json.loads, file.read_text().splitlines()) if late["at"] > began]
    others = [max(late["lag"] - late["collecting"], 0.0) for late in delays]
    collecting = max((late["collecting"] for late in delays), default=0.0)
    longest = max((late["lag"] for late in delays), default=0.0)
    sys.stdout.write(
        f"{name}: in {WATCHED_SECONDS} s the loop was late by more than {1000 * STEP:.0f} ms {len(delays)} times, by "
        f"{1000 * longest:.0f} ms at the longest; without garbage collection {1000 * max(others, default=0.0):.0f} ms "
        f"(the longest collection took {1000 * collecting:.0f} ms)\n"
    )


def main(how: str = "loop", number: str = str(TRIGGERS)) -> None:
    """Measure what the command line says."""
    if how == "idle":
        tell("idle loop", asyncio.run(stay_idle()))
        return
    with tempfile.TemporaryDirectory(prefix="osiris-triggers-") as directory:
        if how == "loop":
            measure_loop(Path(directory), int(number))
        else:
            measure_airflow(Path(directory), int(number), how)


if __name__ == "__main__":
    main(*sys.argv[1:])
