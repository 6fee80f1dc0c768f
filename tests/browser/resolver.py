"""Resolves Airflow's connections as its tasks and its API server do, in a process with that Airflow's settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typing_extensions import Self

from tests.servers.airflow import AirflowServer

REPOSITORY = Path(__file__).resolve().parents[2]


class Resolver:
    """Use it as a context manager.

    :param airflow: whose connections are resolved.
    """

    def __init__(self, airflow: AirflowServer) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.resolver"],
            cwd=REPOSITORY,
            env={**airflow.environment, "_AIRFLOW_PROCESS_CONTEXT": "server"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def fields(self, connection_id: str) -> dict[str, Any]:
        """Return the fields of a connection, secrets in clear, without family and alias.

        :param connection_id: of Airflow.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(connection_id + "\n")
        self._process.stdin.flush()
        actual: dict[str, Any] = json.loads(self._process.stdout.readline())
        return {name: value for name, value in actual.items() if name not in ("family", "alias")}


def main() -> None:
    """Answer each line with an id by a line of JSON."""
    # Whatever Airflow prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        from osiris_provider.hooks.base import resolve

        for line in sys.stdin:
            answers.write(json.dumps(dict(resolve(line.strip()))) + "\n")


if __name__ == "__main__":
    main()
