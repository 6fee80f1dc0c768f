"""Reading over a slow line, over one connection and over two: ``scripts/bench latency --help``.

A proxy stands between client and server and holds back what either of them sends. The time is spent waiting, so that a
machine that others use tells almost the same as a quiet one.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.servers import Address

from benchmarks.document import put
from benchmarks.machine import machine_and_versions, markdown_table
from benchmarks.reading.measure import built
from benchmarks.servers import KINDS

BUFFER_BYTES = 64 * 1024
"""Bytes under way in one direction, as a line of TCP has them whose buffers are not tuned."""
HEADS = ("", "one connection", "2 parts", "4 parts", "2 parts against one")
PREFACE = """\
Written by `scripts/bench latency --write`: a proxy between client and server holds back what either sends by
{delay:g} ms, with {window} KiB under way, as a line to another data centre does. Given is the median of {rounds}
rounds, in rows/s. What it means: on such a line the time goes by in waiting, and `partition_on` with n partitions reads
n times as fast.

{machine}

"""


@dataclass(frozen=True)
class Held:
    """What waits on the line."""

    due: float
    data: bytes


class Line:
    """One direction of a connection: bytes come out some time after they went in, and only so many are under way."""

    def __init__(self, source: socket.socket, target: socket.socket, delay: float) -> None:
        self._source, self._target, self._delay = source, target, delay
        self._held: deque[Held | None] = deque()
        self._changed = threading.Condition()
        self._bytes = 0
        for work in (self._take, self._give):
            threading.Thread(target=work, daemon=True).start()

    def _take(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._bytes < BUFFER_BYTES)
                room = BUFFER_BYTES - self._bytes
            try:
                data = self._source.recv(room)
            except OSError:
                data = b""
            with self._changed:
                self._held.append(Held(time.monotonic() + self._delay, data) if data else None)
                self._bytes += len(data)
                self._changed.notify_all()
            if not data:
                return

    def _give(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held)
                held = self._held.popleft()
            if held is None:
                with suppress(OSError):
                    self._target.shutdown(socket.SHUT_WR)
                return
            time.sleep(max(0.0, held.due - time.monotonic()))
            with suppress(OSError):
                self._target.sendall(held.data)
            with self._changed:
                self._bytes -= len(held.data)
                self._changed.notify_all()


@contextmanager
def delayed(address: Address, seconds: float) -> Iterator[Address]:
    """Give an address that leads to a server over a slow line.

    :param address: of the server.
    :param seconds: in each direction.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                server = socket.create_connection((address.host, address.port))
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Line(client, server, seconds)
                Line(server, client, seconds)

        threading.Thread(target=serve, daemon=True).start()
        yield replace(address, host="127.0.0.1", port=listener.getsockname()[1])


def reader_of(family: str, address: Address) -> Callable[[int], int]:
    """Return what reads the table over so many connections, and returns how many rows there were."""
    from osiris_provider.drivers import get_driver

    class Context:
        load_id = state = None

        def log_metric(self, name: str, value: float, **about: Any) -> None:
            """Take no notice."""

    connection = {"family": family, "alias": "bench", **asdict(address)}
    if family == "mysql":
        connection |= {"ssl": False, "allow_public_key_retrieval": True}

    def read(parts: int) -> int:
        config: dict[str, Any] = {"table": "bench", "resolved_connection": connection}
        if parts > 1:
            config |= {"partition_on": "id", "partitions": parts}
        data = get_driver(f"{family}.extractor").run(step_id="bench", config=config, inputs={}, ctx=Context())["data"]
        return sum(batch.num_rows for batch in data)

    return read


def measure(name: str, rows: int, delay: float, rounds: int) -> tuple[str, ...]:
    """Return a line of the table."""
    kind = KINDS[name]
    rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
    with built(kind, "bench", rows) as (address, _), delayed(address, delay) as slow:
        read = reader_of(kind.family, slow)
        for _ in range(rounds):
            for parts, measured in rates.items():
                began = time.perf_counter()
                if read(parts) != rows:
                    message = f"{kind.label}, {parts} parts: not all rows came"
                    raise SystemExit(message)
                measured.append(rows / (time.perf_counter() - began))
                sys.stderr.write(f"{kind.label}, {parts} parts: {measured[-1]:,.0f} rows/s\n")
    one, two, four = (statistics.median(measured) for measured in rates.values())
    return kind.label, f"{one / 1000:.0f} k", f"{two / 1000:.0f} k", f"{four / 1000:.0f} k", f"{two / one:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench latency", description="Read over a slow line.")
    parser.add_argument("--rows", type=int, default=300_000, help="default: 300000")
    parser.add_argument("--delay", type=float, default=5.0, help="milliseconds in each direction; default: 5")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--server", action="append", choices=list(KINDS), help="default: all; may be given again")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    servers = options.server or list(KINDS)
    lines = [measure(name, options.rows, options.delay / 1000, options.rounds) for name in servers]
    table = markdown_table(f"{options.rows:,} rows, {options.delay:g} ms each way", HEADS, lines)
    sys.stdout.write(table)
    if options.write:
        said = {"delay": options.delay, "window": BUFFER_BYTES // 1024, "rounds": options.rounds}
        put("Reading over a slow line", PREFACE.format(**said, machine=machine_and_versions()) + table)


if __name__ == "__main__":
    main()
