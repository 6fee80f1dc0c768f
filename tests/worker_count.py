"""How many processes of tests there are at a time."""

from __future__ import annotations

from typing import Final

import psutil

WORKER_BYTES: Final = 3 << 30
"""What a process of tests takes with Airflow in it, servers of each kind, and what they start."""


def worker_count() -> int:
    """Return half as many processes of tests again as processors, and two more at least, as far as memory goes.

    They wait a part of the time: with three of them, two processors are idle for a tenth of it, with four for none.
    """
    processors = psutil.cpu_count() or 1
    wanted = processors + max(2, processors // 2)
    return max(1, min(wanted, psutil.virtual_memory().total // WORKER_BYTES))
