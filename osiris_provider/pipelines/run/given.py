"""Data that takes the place of a step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.data import leaves
from osiris_provider.drivers.registry import get_driver
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

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
        message = f"there is no file '{value}' to take its data from, or this process may not look for it."
        raise DataError.in_step(step, message, file=str(path))
    if path.suffix in PARQUET:
        return _parquet(step, str(path))
    driver = get_driver("filesystem.csv_extractor")
    return driver.run(step_id=step, config={"path": str(path)}, inputs={}, ctx=_NoMetrics())["data"]


def _parquet(step: str, path: str) -> ds.Dataset:
    """Return a file with its times as they are: those of INT96, as Spark and Impala write them, may be of any year.

    Arrow reads them as nanoseconds, which end in 2262, and takes 9999 for 1816.
    """
    import pyarrow.dataset as ds

    exact, wide = (
        ds.dataset(path, format=ds.ParquetFileFormat(coerce_int96_timestamp_unit=unit)) for unit in ("ns", "us")
    )
    names = [field.name for field, other in zip(exact.schema, wide.schema, strict=True) if field.type != other.type]

    def pairs() -> Iterator[tuple[pa.Array, pa.Array]]:
        for name in names:
            batches = (read.to_batches(columns=[name]) for read in (exact, wide))
            for fine, coarse in zip(*batches, strict=True):
                yield from zip(leaves(fine.column(0)), leaves(coarse.column(0)), strict=True)

    if all(_is_same(*pair) for pair in pairs()):
        return exact
    if not any(_has_nanoseconds(*pair) for pair in pairs()):
        return wide
    message = (
        f"{path}: columns {', '.join(names)} have times with nanoseconds, and times that no column of "
        "nanoseconds holds. Write them with microseconds, not as INT96."
    )
    raise DataError.in_step(step, message, file=path)


def _is_same(fine: pa.Array, coarse: pa.Array) -> bool:
    return bool(_microseconds(fine).equals(coarse))


def _has_nanoseconds(fine: pa.Array, coarse: pa.Array) -> bool:
    import pyarrow.compute as pc

    short = _microseconds(fine)
    digits = pc.not_equal(fine.cast("int64"), pc.multiply(short.cast("int64"), 1000))
    return bool(pc.any(pc.and_(pc.equal(short, coarse), digits)).as_py())


def _microseconds(fine: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.floor_temporal(fine, unit="microsecond").cast("timestamp[us]")


class _NoMetrics:
    load_id = None
    state = None

    def log_metric(self, *_: Any, **__: Any) -> None:
        """Keep nothing: the step itself has not run."""
