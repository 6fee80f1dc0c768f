"""The commands with which docs/pipelines.md begins, with the scheduler that they start."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.architecture.documents import blocks_of


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_the_first_commands_of_the_page_lead_to_a_scheduled_dag(tmp_path: Path) -> None:
    block = blocks_of("docs/pipelines.md")[0]
    commands = [line.removeprefix("$ ") for line in block.code.splitlines()]
    assert len(commands) == 5
    assert commands[-1] == "airflow standalone"
    api, logs, trigger = map(str, free_ports(3))
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OSIRIS"))}
    environment = {
        **own,
        "PATH": f"{Path(sys.executable).parent}:{own['PATH']}",
        "AIRFLOW__API__PORT": api,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": logs,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": trigger,
    }
    with (tmp_path / "output.txt").open("wb") as output:
        shell = subprocess.Popen(
            ["/bin/bash", "-euc", "\n".join(commands)],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 240
            while not _scheduled(tmp_path / "airflow.db") and time.monotonic() < until and shell.poll() is None:
                time.sleep(0.5)
            assert _scheduled(tmp_path / "airflow.db"), (tmp_path / "output.txt").read_text()[-3000:]
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
            try:
                shell.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()
    assert "store" in (tmp_path / "output.txt").read_text()
    assert (tmp_path / "dags" / "reports.duckdb").exists()


def _scheduled(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            actual = connection.execute("SELECT timetable_summary FROM dag WHERE dag_id = 'orders' AND NOT is_stale")
            return bool(actual.fetchall())
    except sqlite3.Error:
        return False
