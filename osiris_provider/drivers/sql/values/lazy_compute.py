"""Functions of ``pyarrow.compute``, imported when the first of them is called.

The import takes as long as all else that a step of few rows does with them, and most such steps need none.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import pyarrow.compute as pc

    return getattr(pc, name)
