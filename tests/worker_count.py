"""How many processes of tests there are at a time."""

from __future__ import annotations

from typing import Final

import psutil

WORKER_BYTES: Final = 3 << 30
"""What a process of tests takes with Airflow in it, servers of each kind, and what they start."""


def worker_count() -> int:
    """Return three processes of tests for two processors, as far as memory goes: half of the time they wait."""
    processors = psutil.cpu_count() or 1
    return max(1, min(processors * 3 // 2, psutil.virtual_memory().total // WORKER_BYTES))
