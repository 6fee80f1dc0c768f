"""How long checks of many connections by their hooks take, and their memory: ``python -m benchmarks.hooks``.

Of each type of an installed provider that is declared and has no family of its own, in turn: a closed port, an unknown
host, a peer that answers nothing and one that hangs up. Memory is what all processes together hold (PSS), at its most.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osiris_provider.connectors import doctor_all, get_connector
from osiris_provider.connectors.airflow.forms import known_types
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hook_doctor import hook_types
from osiris_provider.testing.peers import Peer

CHECKS, TIMEOUT = 200, 5.0
MEBIBYTE = 1024.0


def installed_types() -> list[str]:
    """Return the declared types whose provider is installed, and that a hook has to be asked of."""
    airflow = get_connector("airflow")
    asked = [name for name in known_types() if name in hook_types() and hook_types()[name].is_safe]
    return [name for name in asked if airflow.needs_worker({"family": "airflow", "alias": "x", "conn_type": name})]


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
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.25):
            most[0] = max(most[0], held(os.getpid()) / MEBIBYTE)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def connections(types: list[str], silent: int, rude: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield the connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    addresses = [("127.0.0.1", closed), ("no-such-host.invalid", 4711), ("127.0.0.1", silent), ("127.0.0.1", rude)]
    for number in range(count):
        host, port = addresses[number // len(types) % len(addresses)]
        login = {"login": "loader", "password": "of the benchmark"}
        entry = {"conn_type": types[number % len(types)], "host": host, "port": port, **login}
        yield {"family": "airflow", "alias": f"c{number}", **entry}


def main() -> None:
    """Check, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=CHECKS)
    parser.add_argument("--timeout", type=float, default=TIMEOUT)
    options = parser.parse_args()
    types = installed_types()
    verdicts: list[Verdict] = []
    with Peer(lambda peer, _: bool(peer.stopped.wait())) as silent, Peer(lambda *_: None) as rude, watched() as most:
        began = time.monotonic()
        verdicts = doctor_all(connections(types, silent.port, rude.port, options.checks), options.timeout)
        seconds = time.monotonic() - began
    faults = Counter(verdict.fault.slug if verdict.fault else "ok" for verdict in verdicts)
    sys.stdout.write(
        f"{options.checks} checks of {len(types)} types ({' '.join(types)}): {seconds:.1f} s, {most[0]:.0f} MiB\n"
    )
    sys.stdout.write(", ".join(f"{slug} {count}" for slug, count in faults.most_common()) + "\n")


if __name__ == "__main__":
    main()
