"""How long the event loop of a triggerer waits while it holds many deferred checks: ``python -m benchmarks.triggers``.

A real MariaDB, a server that is silent and a port where nobody listens are each a third of the connections. The lag of
an idle loop in another process is printed beside: what the machine itself keeps loops waiting.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults.peers import Peer, closed_port, silent
from tests.servers import MariaDBServer

TRIGGERS = 500
STEP = 0.01
"""Seconds that the loop is asked to sleep; what it sleeps longer is its lag."""


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


async def run_triggers(file: str, aliases: list[str], number: int) -> list[float]:
    """Run triggers that check once, and return the lags meanwhile.

    :param file: the connections file.
    :param aliases: of mysql connections, taken in turn.
    :param number: of triggers.
    """
    from osiris_provider.triggers.doctor import OsirisDoctorTrigger

    async def fired(alias: str) -> None:
        async for _ in OsirisDoctorTrigger(connections=[f"@mysql.{alias}"], file=file, check_timeout=2).run():
            return

    await fired(aliases[0])  # imports
    waiting = asyncio.gather(*(fired(aliases[index % len(aliases)]) for index in range(number)))
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


def main(number: int = TRIGGERS) -> None:
    """Start servers, run the triggers, and print their lags and those of the idle loop."""
    with ExitStack() as stack:
        server = stack.enter_context(MariaDBServer())
        login = {"host": "127.0.0.1", "user": server.app.user, "password": server.app.password}
        ports = {
            "well": server.app.port,
            "silent": stack.enter_context(Peer(silent)).port,
            "down": stack.enter_context(closed_port()),
        }
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="osiris-triggers-"))
        file = Path(directory, "osiris_connections.yaml")
        connections = {alias: {**login, "port": port} for alias, port in ports.items()}
        file.write_text(json.dumps({"version": 1, "connections": {"mysql": connections}}))
        idle = [sys.executable, "-m", "benchmarks.triggers", "idle"]
        with subprocess.Popen(idle, stdin=subprocess.PIPE) as control:
            started = time.perf_counter()
            lags = asyncio.run(run_triggers(str(file), list(ports), number))
            tell(f"{number} triggers, {time.perf_counter() - started:.1f} s", lags)
            sys.stdout.flush()
            control.communicate(b"")


if __name__ == "__main__":
    if sys.argv[1:] == ["idle"]:
        tell("idle loop", asyncio.run(stay_idle()))
    else:
        main(*map(int, sys.argv[1:]))
