"""Ctrl-C stops a fleet of silent peers at once and shows what is known, in a terminal and in a pipe (CONN-020)."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.peers import Peer, silent
from tests.unit.connection_files import write

OSIRIS = [sys.executable, "-m", "osiris_provider", "connections", "doctor", "--timeout", "100"]
TAKE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
CONNECTIONS = 100
AT_ONCE = 1.5
"""Seconds; most of them are the interpreter's, which ends its threads."""


@contextmanager
def many_connections(directory: Path) -> Iterator[Path]:
    """A file with one healthy connection and a hundred silent ones."""
    with Peer(silent) as peer:
        entries = [
            f"    s{number}: {{host: 127.0.0.1, port: {peer.port}, user: u, password: s3cret}}\n"
            for number in range(CONNECTIONS)
        ]
        healthy = "version: 1\nconnections:\n  duckdb:\n    memory: {path: ':memory:'}\n"
        yield write(directory, f"{healthy}  mysql:\n{''.join(entries)}")


def _read_until(descriptor: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(descriptor, 65536)
    return seen


def test_conn_020_interrupted_in_a_terminal(tmp_path: Path) -> None:
    reading, writing = pty.openpty()
    with many_connections(tmp_path) as file:
        # A session of its own, whose terminal this is: the key's signal comes from the terminal itself.
        command = [sys.executable, "-c", TAKE_TERMINAL, *OSIRIS[1:], "--file", str(file)]
        process = subprocess.Popen(command, stdin=writing, stdout=writing, stderr=writing, start_new_session=True)
        os.close(writing)
        seen = _read_until(reading, b"1 of 101 checked")
        started = time.monotonic()
        os.write(reading, b"\x03")
        seen += _read_until(reading, b"1 of 1 healthy")
        assert process.wait(10) == 130
        seconds = time.monotonic() - started
    os.close(reading)
    assert seconds < AT_ONCE
    assert b"interrupted; what is known so far" in seen
    assert b"memory" in seen
    assert b"Traceback" not in seen
    assert b"s3cret" not in seen


def test_conn_020_interrupted_in_a_pipe(tmp_path: Path) -> None:
    reading, writing = pty.openpty()
    with many_connections(tmp_path) as file:
        process = subprocess.Popen(
            [*OSIRIS, "--json", "--file", str(file)], stdout=subprocess.PIPE, stderr=writing, text=True
        )
        os.close(writing)
        _read_until(reading, b"1 of 101 checked")
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
        seconds = time.monotonic() - started
    os.close(reading)
    assert process.returncode == 130
    assert seconds < AT_ONCE
    (known,) = json.loads(out)["connections"]
    assert (known["alias"], known["ok"]) == ("memory", True)
