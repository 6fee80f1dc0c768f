"""How long checks of many connections by their hooks take, and their memory: ``python -m benchmarks.checks.hooks``.

It runs where the providers are: with the Python that ``scripts/test-hooks`` makes. Of each type that these tests know,
in turn: a closed port, an unknown host, a peer that answers nothing and one that hangs up. Memory is what all processes
together hold (PSS: what several share counts once), at its most; Airflow is in none but those that check.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import Any

from osiris_provider.connectors import doctor_all
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hook_doctor.processes import servers
from osiris_provider.testing.peers import Peer

from benchmarks.document import ROOT, put

CHECKS, TIMEOUT = 200, 5.0
MEBIBYTE = 1024.0
TITLE = "Checks of many connection types"
LIST = "--list"
Connections = list[dict[str, Any]]


def listed(addresses: list[tuple[str, int]], count: int) -> Connections:
    """Return connections that differ in type and address, as the tests of each type have them."""
    from tests.hooks.servers.imitations import IMITATIONS
    from tests.hooks.servers.real import REAL

    cases = list({case.conn_type: case for case in (*REAL, *IMITATIONS)}.values())
    actual: Connections = []
    for number in range(count):
        one = cases[number % len(cases)].at(*addresses[number // len(cases) % len(addresses)])
        slots = ("conn_type", "host", "login", "password", "port", "schema")
        given = {name: value for name in slots if (value := getattr(one, name)) is not None}
        actual.append({"family": "airflow", "alias": f"c{number}", **given, "extra": dict(one.extra)})
    return actual


def connections(addresses: list[tuple[str, int]], count: int) -> Connections:
    """Return the same from another process: what the tests import is no part of what is measured."""
    command = [sys.executable, "-m", "benchmarks.checks.hooks", LIST, json.dumps(addresses), "--checks", str(count)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    actual: Connections = json.loads(said.stdout.splitlines()[-1])
    return actual


def held(pid: int) -> float:
    """Return the KiB that a process and its descendants hold, what they share counted once."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        own = sum(float(line.split()[1]) for line in lines if line.startswith("Pss:"))
        tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        return own + sum(held(int(child)) for task in tasks for child in task.read_text(encoding="ascii").split())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


@contextmanager
def watched() -> Iterator[list[float]]:
    """Yield a list that gets the most MiB that this process and its children have held."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.25):
            peak[0] = max(peak[0], held(os.getpid()) / MEBIBYTE)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def cpu_seconds() -> float:
    """Return the processor time of this process, and of those that have ended below it."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def free_port() -> int:
    """Return a port that is closed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def says_nothing(peer: Peer, _: socket.socket) -> None:
    peer.stopped.wait()


def main() -> None:
    """Check, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=CHECKS)
    parser.add_argument("--timeout", type=float, default=TIMEOUT)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    parser.add_argument(LIST, type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        sys.stdout.write(json.dumps(listed(options.list, options.checks)) + "\n")
        return
    with Peer(says_nothing) as silent, Peer(lambda *_: None) as rude:
        places = [("127.0.0.1", free_port()), ("no-such-host.invalid", 4711)]
        targets = connections([*places, ("127.0.0.1", silent.port), ("127.0.0.1", rude.port)], options.checks)
        load = os.getloadavg()[0]
        with watched() as peak:
            began, cpu_began = time.monotonic(), cpu_seconds()
            verdicts = doctor_all(targets, options.timeout)
            seconds = time.monotonic() - began
            servers().close()
            cpu = cpu_seconds() - cpu_began
    text = report(targets, verdicts, options.timeout, load=load, seconds=seconds, cpu=cpu, mebibytes=peak[0])
    sys.stdout.write(text)
    if options.write:
        put(TITLE, text)


def report(
    targets: Connections,
    verdicts: list[Verdict],
    timeout: float,
    *,
    load: float,
    seconds: float,
    cpu: float,
    mebibytes: float,
) -> str:
    """Return the figures as Markdown.

    :param load: of the machine before, as ``uptime`` says it.
    """
    types = sorted({one["conn_type"] for one in targets})
    faults = Counter(verdict.fault.slug if verdict.fault else "ok" for verdict in verdicts)
    said = ", ".join(f"{count} {slug}" for slug, count in faults.most_common())
    preface = (
        "Written by `.hooks-venv/bin/python -m benchmarks.checks.hooks --write`: one call of `doctor_all` in a new "
        f"process, with {timeout:g} s for each check, of closed ports, unknown hosts, peers that say nothing and peers "
        f"that hang up. Hooks and Airflow {version('apache-airflow-core')} are imported within that time. Memory is "
        "that of all processes at its most, what several share counted once (PSS). "
        f"Python {sys.version.split()[0]}, {os.cpu_count()} processors."
    )
    return f"""\
{fill(preface, 120, break_on_hyphens=False)}

| checks | types | time | CPU | memory | load before |
|---|---|---|---|---|---|
| {len(targets)} | {len(types)} | {seconds:.1f} s | {cpu:.1f} s | {mebibytes:.0f} MiB | {load:.1f} |

{fill(f"Types: {', '.join(types)}. Verdicts: {said}.", 120)}
"""


if __name__ == "__main__":
    main()
