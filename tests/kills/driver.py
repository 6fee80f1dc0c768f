"""A writer whose first try is killed between its commit and its report to Airflow."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from osiris_provider.drivers.postgres.writer import PostgresWriter
from osiris_provider.drivers.step import RunContext

KILLED = "OSIRIS_TEST_KILLED"
"""The variable with the directory of files that say which tasks have been killed."""


class KilledAfterCommit(PostgresWriter):
    """Writes, and kills its process once for each step."""

    def run(
        self, *, step_id: str, config: dict[str, Any], inputs: Mapping[str, Mapping[str, Any]], ctx: RunContext
    ) -> dict[str, Any]:
        written = super().run(step_id=step_id, config=config, inputs=inputs, ctx=ctx)
        flag = Path(os.environ[KILLED], step_id)
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return written
