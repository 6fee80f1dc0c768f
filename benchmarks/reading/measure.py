"""Runs contestants in processes of their own and takes their figures."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

from tests.servers import Address

from benchmarks.document import ROOT
from benchmarks.reading.contestants import Contestant
from benchmarks.servers import Kind, run_limit

LIMIT = "limit"


@dataclass
class Figures:
    """What was measured of one contestant."""

    label: str
    is_peer: bool
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    problem: str = ""

    def rate(self, rows: int) -> float:
        """Rows per second, the median of the rounds; 0 if it failed."""
        return rows / statistics.median(self.seconds) if self.seconds else 0.0


@contextmanager
def built(kind: Kind, table: str, rows: int) -> Iterator[tuple[Address, str]]:
    """A server that has the table; gives its address and version."""
    with kind.make() as server:
        # The application's password holds letters that some peers cannot send.
        address = replace(server.admin, database=server.app.database)
        kind.build(address, table, rows)
        yield address, kind.compact(address, table)


def compare(
    kind: Kind, address: Address, table: str, *, rows: int, contestants: Sequence[Contestant], rounds: int
) -> dict[str, Figures]:
    """Run all in alternation, and the server's own limit with them."""
    figures = {one.name: Figures(one.label, one.package is not None) for one in contestants}
    figures[LIMIT] = Figures(kind.limit, is_peer=False)
    run_limit(kind, address, table)
    for number in range(rounds):
        began, cpu_began = time.perf_counter(), _cpu_of_children()
        run_limit(kind, address, table)
        figures[LIMIT].seconds.append(time.perf_counter() - began)
        figures[LIMIT].cpu_seconds.append(_cpu_of_children() - cpu_began)
        for one in contestants:
            if not figures[one.name].problem:
                _run(one, kind.family, address, table, rows=rows, figures=figures[one.name])
                sys.stderr.write(f"round {number + 1}: {one.name} {figures[one.name].problem or 'done'}\n")
    return figures


def _run(one: Contestant, family: str, address: Address, table: str, *, rows: int, figures: Figures) -> None:
    with tempfile.TemporaryDirectory(prefix="osiris-bench-") as target, tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reading.contestants", one.name, family, table, target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"},
            cwd=ROOT,
            text=True,
        )
        said, _ = _talk(process, json.dumps(asdict(address)))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        complaints.seek(0)
        if process.returncode != 0:
            figures.problem = "failed: " + complaints.read().strip().rpartition("\n")[2][:80]
            return
    result = json.loads(said.splitlines()[-1])
    if result["rows"] != rows:
        figures.problem = f"read {result['rows']:,} rows"
        return
    figures.seconds.append(result["seconds"])
    figures.cpu_seconds.append(result["cpu_seconds"])
    figures.peak_mib.append(usage.ru_maxrss / 1024)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _talk(process: subprocess.Popen[str], words: str) -> tuple[str, None]:
    """Say it all and hear it all; unlike ``communicate`` this leaves the end of the process, with its usage, to us."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError
    with process.stdin as stdin:
        stdin.write(words)
    with process.stdout as stdout:
        return stdout.read(), None
