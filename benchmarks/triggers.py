"""How long the event loop of a triggerer waits while it holds many deferred checks: ``python -m benchmarks.triggers``.

``python -m benchmarks.triggers loop`` runs the triggers in a loop of its own, and an idle loop in another process for
comparison: what the machine itself keeps loops waiting. ``airflow`` has them run by Airflow's triggerer, and tells
what its own watchdog says of the loop, in steps of 10 ms.

A third each of the connections lead to a real MariaDB, to a server that is silent, and to a port where nobody listens.
"""

from __future__ import annotations

import asyncio
import json
import re
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
from tests.servers.airflow_rest import until

TRIGGERS = 500
STEP = 0.01
"""Seconds that the loop is asked to sleep; what it sleeps longer is its lag."""
SETTLING_SECONDS = 60
"""Airflow parses the whole DAG again for each trigger that no worker has deferred, in the loop; that is not ours."""
WATCHED_SECONDS = 60
WATCHDOG_STEP = 0.1
"""Seconds that Airflow's watchdog sleeps."""


async def lags_until(over: asyncio.Future[Any]) -> list[float]:
    """Return the lags of the running loop, in seconds.

    :param over: measures until it is done.
    """
    found = []
    while not over.done():
        before = time.perf_counter()
        await asyncio.sleep(STEP)
        found.append(time.perf_counter() - before - STEP)
    return found


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
        idle = [sys.executable, "-m", "benchmarks.triggers", "idle"]
        with subprocess.Popen(idle, stdin=subprocess.PIPE) as control:
            started = time.perf_counter()
            lags = asyncio.run(run_triggers(str(file), number))
            tell(f"{number} triggers, {time.perf_counter() - started:.1f} s", lags)
            sys.stdout.flush()
            control.communicate(b"")


def measure_airflow(directory: Path, number: int) -> None:
    """Have Airflow's triggerer hold the triggers, and print how often its loop was late."""
    settings = {
        "OSIRIS_HOME": str(directory),
        "CROWD": str(number),
        "AIRFLOW__TRIGGERER__BLOCKED_MAIN_THREAD_WARNING_THRESHOLD": str(WATCHDOG_STEP + STEP),
        "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": str(number),
    }
    with running_servers() as (well, quiet, down), PostgresServer() as postgres, ExitStack() as stack:
        write_file(directory, number, down)
        postgres.create_database("airflow")
        dags = Path(__file__).with_name("dags")
        airflow = stack.enter_context(AirflowServer(postgres.app_on("airflow"), dags, settings))
        admin = airflow.rest()
        run = admin.trigger("crowd")
        deferred = f"/dags/crowd/dagRuns/{run}/taskInstances"
        until(lambda: admin.get(deferred, state="deferred", limit=1)["total_entries"] == number, "deferral", 300)
        time.sleep(SETTLING_SECONDS)
        # Whatever fires now waits for a scheduler, instead of for one of the two processors.
        airflow.kill("scheduler")
        log = airflow.logs / "triggerer.log"
        before = log.stat().st_size
        write_file(directory, number, well, quiet, down)
        time.sleep(WATCHED_SECONDS)
        with log.open("rb") as lines:
            lines.seek(before)
            text = lines.read().decode(errors="replace")
        still = admin.get(deferred, state="deferred", limit=1)["total_entries"]
    late = sorted(float(seconds) - WATCHDOG_STEP for seconds in re.findall(r"blocked for ([\d.]+) seconds", text))
    longest = f"at most {1000 * late[-1]:.0f} ms" if late else "never"
    sys.stdout.write(
        f"{number} triggers in a triggerer, {number - still} fired; in {WATCHED_SECONDS} s the loop was late by more "
        f"than {1000 * STEP:.0f} ms {len(late)} times of about {WATCHED_SECONDS / WATCHDOG_STEP:.0f}: {longest}\n"
    )


def main(how: str = "loop", number: str = str(TRIGGERS)) -> None:
    """Measure what the command line says."""
    if how == "idle":
        tell("idle loop", asyncio.run(stay_idle()))
        return
    with tempfile.TemporaryDirectory(prefix="osiris-triggers-") as directory:
        {"loop": measure_loop, "airflow": measure_airflow}[how](Path(directory), int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
