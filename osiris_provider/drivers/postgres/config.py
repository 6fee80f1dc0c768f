"""Config of the drivers of PostgreSQL."""

from __future__ import annotations

from typing import Literal

from osiris_provider.drivers.sql.config import ServerQueryConfig, WriteConfig


class PostgresQueryConfig(ServerQueryConfig):
    """Config of ``postgres.extractor``.

    :param engine: how the result travels: ``copy``, ``cursor``, or ``auto``, which copies what can be copied. Types
        and values are the same.
    """

    engine: Literal["auto", "copy", "cursor"] = "auto"


class PostgresWriteConfig(WriteConfig):
    """Config of ``postgres.writer``; see :class:`~osiris_provider.drivers.sql.config.TableConfig`.

    :param strip_nul: leave the character U+0000 out of texts and JSON; else it is an error with column and row.
    """

    strip_nul: bool = False
