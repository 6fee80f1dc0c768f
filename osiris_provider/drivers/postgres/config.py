"""Config of ``postgres.extractor``."""

from __future__ import annotations

from typing import Literal

from osiris_provider.drivers.sql.config import ServerQueryConfig


class PostgresQueryConfig(ServerQueryConfig):
    """Config of ``postgres.extractor``.

    :param engine: how the result travels: ``copy``, ``cursor``, or ``auto``, which copies what can be copied. Types
        and values are the same.
    """

    engine: Literal["auto", "copy", "cursor"] = "auto"
