"""Processes that run tasks to be killed: each is forked from one that has imported Airflow, which takes seconds.

``python -m tests.airflow.task_processes DESCRIPTOR`` is that one.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TextIO

import httpx
import pytest
from typing_extensions import Self

from tests.airflow.versions import serve_the_newest_api_alone

MAX_BYTES = 1 << 20
"""Bytes of a request, which has all of an environment."""
BACKEND = "osiris_provider.secrets.connections_file.OsirisConnectionsBackend"


class TaskProcess:
    """A process that runs one task; what it says can be read from ``stdout``."""

    def __init__(self, pid: int, stdout: TextIO) -> None:
        self.pid, self.stdout = pid, stdout

    def send_signal(self, kind: signal.Signals) -> None:
        """Send a signal, if the process is there."""
        try:
            os.kill(self.pid, kind)
        except ProcessLookupError:
            return

    def rest(self, seconds: float) -> str:
        """Return what else it says until its end, which has to come in time."""
        pieces: list[bytes] = []
        end = time.monotonic() + seconds
        while select.select([self.stdout], [], [], max(end - time.monotonic(), 0))[0]:
            piece = os.read(self.stdout.fileno(), 1 << 16)
            if not piece:
                return b"".join(pieces).decode()
            pieces.append(piece)
        message = f"the process was not at its end after {seconds:g} s"
        raise AssertionError(message)


class TaskProcesses:
    """Forks processes that run tasks of :mod:`tests.airflow.killable`, in the environment of the moment."""

    def __enter__(self) -> Self:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.airflow.task_processes", str(theirs.fileno())]
        environment = {**os.environ, "AIRFLOW__SECRETS__BACKEND": BACKEND, "PYTHONUNBUFFERED": "1"}
        with theirs:
            self._server = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
        return self

    def __exit__(self, *_exc: object) -> None:
        self._control.close()
        self._server.kill()
        self._server.wait()

    @contextmanager
    def run(self, kind: str, family: str, query: str) -> Iterator[TaskProcess]:
        """Run a task in a process of its own, by Airflow's own task runner; see :mod:`tests.airflow.killable`."""
        reading, writing = os.pipe()
        environment = {**os.environ, "AIRFLOW__SECRETS__BACKEND": BACKEND}
        request = json.dumps({"words": [kind, family, query], "environment": environment})
        socket.send_fds(self._control, [request.encode()], [writing])
        os.close(writing)
        with os.fdopen(reading) as stdout:
            process = TaskProcess(int(self._control.recv(32)), stdout)
            try:
                yield process
            finally:
                process.send_signal(signal.SIGKILL)


def serve(control: socket.socket) -> None:
    """Fork a process for each request; returns in these processes, and when no request comes any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_BYTES, 1)
        if not message:
            return
        pid = os.fork()
        if not pid:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for own in (1, 2):
                os.dup2(descriptors[0], own)
            os.close(descriptors[0])
            run(**json.loads(message))
            return
        os.close(descriptors[0])
        control.sendall(str(pid).encode())


def run(words: list[str], environment: Mapping[str, str]) -> None:
    """Run a task in this process."""
    from tests.airflow import killable

    os.environ.clear()
    os.environ.update(environment)
    killable.main(*words)


def prepare() -> None:
    """Do what every task needs and what takes long, as long as it starts no thread and opens no connection."""
    import_module("tests.airflow.killable")
    import_module("sqlalchemy.orm").configure_mappers()
    supervisor: Any = import_module("airflow.sdk.execution_time.supervisor")
    api = supervisor.in_process_api_server()
    supervisor.in_process_api_server = lambda: api
    with pytest.MonkeyPatch.context() as monkeypatch:
        serve_the_newest_api_alone(monkeypatch)
        asyncio.run(_ask(api.app))


async def _ask(app: Any) -> None:
    """Have an API make what it makes for its first request."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        await client.get("/no-such-path")


if __name__ == "__main__":
    prepare()
    serve(socket.socket(fileno=int(sys.argv[1])))
