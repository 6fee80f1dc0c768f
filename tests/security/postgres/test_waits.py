"""What libpq waits for while it logs in, beside its server: Kerberos and files. No other thread waits with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector

from tests.security.postgres.rogue import RoguePostgres

POSTGRES: Any = get_connector("postgres")
LONG = 30
"""Seconds after which another process lets libpq go on."""


def test_doctor_waits_for_no_file_of_libpq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO for the root certificate that libpq reads by itself, as a mount whose server has gone."""
    root = tmp_path / ".postgresql" / "root.crt"
    root.parent.mkdir()
    os.mkfifo(root)
    monkeypatch.setenv("HOME", str(tmp_path))
    with RoguePostgres(tls=b"S") as rogue:
        release = subprocess.Popen(["/bin/sh", "-c", f'sleep {LONG}; : > "$0"', str(root)])
        try:
            fields = {"host": "127.0.0.1", "port": rogue.port, "user": "u", "password": "c4nary"}
            ok, report = POSTGRES.doctor({"family": "postgres", "alias": "x", **fields}, timeout=1.0)
            assert (ok, report["details"]["fault"], release.poll()) == (False, "timed_out", None)
        finally:
            release.kill()
            release.wait()
            # Opening it so waits for no one, and ends the wait of who reads.
            os.close(os.open(root, os.O_RDWR))
