"""A broken pipeline as an import error of its own, without taking down the DAGs beside it.

Airflow keys the import errors of a ``.py`` by its name, and deactivates all DAGs of a file that has one. A DAG that
fails when it is serialized is reported alone, under the file that it says it is of. Nothing else of Airflow does that
yet, so this leans on how the DAG processor works; where it works otherwise, callers have to raise instead.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

_PROCESSOR = "airflow.dag_processing.processor"


def in_dag_processor() -> bool:
    """Return whether this code runs because Airflow's DAG processor parses a file."""
    frame: Any = sys._getframe()  # noqa: SLF001 - Airflow tells it in no other way
    while frame is not None:
        if frame.f_globals.get("__name__") == _PROCESSOR:
            return True
        frame = frame.f_back
    return False


class BrokenDag(DAG):
    """Stands for a file that is no pipeline: it cannot be serialized, and the reason is what the file has wrong.

    :param path: of the file.
    :param error: what is wrong with it.
    """

    _error: Exception | None = None

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"broken_pipeline_{hashlib.sha256(os.fsencode(path)).hexdigest()}")
        self._path = str(path)
        self._error = error

    @property
    def fileloc(self) -> str:
        """The path of the broken file."""
        return self._path

    @fileloc.setter
    def fileloc(self, _: str) -> None:
        """Keep the path."""

    @property
    def doc_md(self) -> str | None:
        """Raise what is wrong."""
        if self._error is not None:
            raise self._error
        return None

    @doc_md.setter
    def doc_md(self, _: str | None) -> None:
        """Keep nothing."""
