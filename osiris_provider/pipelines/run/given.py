"""Data that takes the place of a step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from osiris_provider.drivers.registry import get_driver
from osiris_provider.errors import DataError

PARQUET = (".parquet", ".pq")


def given_data(step: str, value: Any) -> Any:
    """Return data as staging takes it.

    :param step: whose place it takes.
    :param value: the data; or the path of a CSV or Parquet file.
    :raises DataError: there is no such file.
    """
    if not isinstance(value, str | os.PathLike):
        return value
    path = Path(value)
    if not os.path.isfile(path):
        message = f"Step {step}: there is no file {path} to take its data from, or this process may not look for it."
        raise DataError(message, step=step, file=str(path))
    if path.suffix in PARQUET:
        import pyarrow.dataset as ds

        return ds.dataset(str(path), format="parquet")
    driver = get_driver("filesystem.csv_extractor")
    return driver.run(step_id=step, config={"path": str(path)}, inputs={}, ctx=_NoMetrics())["data"]


class _NoMetrics:
    load_id = None
    state = None

    def log_metric(self, *_: Any, **__: Any) -> None:
        """Keep nothing: the step itself has not run."""
