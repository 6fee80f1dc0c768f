"""What libpq waits for while it logs in, beside its server: Kerberos and files. No other thread waits with it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector

from tests.security.postgres.rogue import RoguePostgres

POSTGRES: Any = get_connector("postgres")
LONG = 30
"""Seconds after which another process lets libpq go on."""


class StopError(BaseException):
    """What the handler of a signal raises, as Airflow's do."""


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, Any], Callable[[], bool]]]:
    """Yield a connection that waits for a file, and whether that still makes it wait.

    It is a FIFO for the root certificate that libpq reads by itself, as a mount whose server has gone.
    """
    root = tmp_path / ".postgresql" / "root.crt"
    root.parent.mkdir()
    os.mkfifo(root)
    monkeypatch.setenv("HOME", str(tmp_path))
    with RoguePostgres(tls=b"S") as rogue:
        fields = {"host": "127.0.0.1", "port": rogue.port, "user": "u", "password": "c4nary"}
        release = subprocess.Popen(["/bin/sh", "-c", f'sleep {LONG}; : > "$0"', str(root)])
        try:
            yield {"family": "postgres", "alias": "x", **fields}, lambda: release.poll() is None
        finally:
            release.kill()
            release.wait()
            # Opening it so waits for no one, and ends the wait of who reads.
            os.close(os.open(root, os.O_RDWR))


def test_doctor_waits_for_no_file_of_libpq(waiting: Any) -> None:
    connection, still = waiting
    ok, report = POSTGRES.doctor(connection, timeout=1.0)
    assert (ok, report["details"]["fault"], still()) == (False, "timed_out", True)


def test_a_signal_breaks_off_a_login_that_waits_for_a_file(waiting: Any) -> None:
    def stop(*_: object) -> None:
        raise StopError

    connection, still = waiting
    before = signal.signal(signal.SIGALRM, stop)
    # Libraries that wait, such as Kerberos', go on waiting after a signal.
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(StopError):
            POSTGRES.create_client(connection)
        assert still()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
