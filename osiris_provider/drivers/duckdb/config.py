"""Config of the drivers of DuckDB."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from osiris_provider.connectors.duckdb.connection import Memory, Threads
from osiris_provider.drivers.data import BATCH_ROWS
from osiris_provider.drivers.sql.config import Text, WriteConfig
from osiris_provider.drivers.step import MAX_INTEGER, StepConfig

ROW_GROUP: Final = 122_880
"""Rows that DuckDB keeps together: it inserts two groups on two processors; parts of a group it joins in memory."""


class ProcessorConfig(StepConfig):
    """Config of ``duckdb.processor``.

    In ``query`` every input is a table with the name of its step, quoted if it is not a plain name:
    ``SELECT * FROM "group.extract"``. The same name with ``_`` for all else than letters and digits works too:
    ``group_extract``. ``memory`` (such as ``2GB``) and ``threads`` belong to steps without a connection; rows that
    do not fit go to disk.
    """

    query: Text
    params: list[Any] | dict[str, Any] | None = None
    batch_rows: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = BATCH_ROWS
    memory: Memory | None = None
    threads: Threads | None = None


class DuckDBWriteConfig(WriteConfig):
    """Config of ``duckdb.writer``."""

    create_if_missing: bool = True
    batch_rows: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 2 * ROW_GROUP
