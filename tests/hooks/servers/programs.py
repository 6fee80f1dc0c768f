"""Servers that are programs, each in a directory of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.process import HOST
from tests.servers.programs import ServerStartError

START_SECONDS = 40.0


@contextmanager
def directory(name: str) -> Iterator[Path]:
    """Yield an empty directory that every account may enter."""
    path = Path(tempfile.mkdtemp(prefix=f"osiris-{name}-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(command: Sequence[str | Path], log: Path, port: int, cwd: Path | None = None) -> Iterator[None]:
    """Run a server until the block ends.

    :param log: gets its output.
    :param port: that it listens on when it is ready.
    :raises ServerStartError: it ended, or does not listen; has what it said.
    """
    if shutil.which(str(command[0])) is None:
        message = f"{command[0]} was not found. Run scripts/test-hooks as root: it installs what the tests need."
        raise ServerStartError(message)
    with log.open("ab") as output:
        process = subprocess.Popen(
            # It ends when this process is killed, too.
            ["/usr/bin/setpriv", "--pdeathsig", "TERM", *(str(word) for word in command)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(process, log, port)
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _await(process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    message = f"{process.args!r} does not listen on port {port}:\n{log.read_text(errors='replace')[-2000:]}"
    raise ServerStartError(message)
