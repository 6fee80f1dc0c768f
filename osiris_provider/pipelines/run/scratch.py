"""Directories that live as long as what needs them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class Scratch:
    """A directory that is removed when it is closed, or this object is not referenced any more, or the process ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="osiris-"))
        # TemporaryDirectory would warn where it is the usual way.
        self._remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def close(self) -> None:
        """Remove it."""
        self._remove()
