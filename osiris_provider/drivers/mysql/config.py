"""Config of ``mysql.extractor``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from osiris_provider.drivers.sql.config import ServerQueryConfig


class MySQLQueryConfig(ServerQueryConfig):
    """Config of ``mysql.extractor``. While reading, the session's time zone is UTC.

    :param engine: how the result travels: ``binary`` (a prepared statement), ``cursor`` (text, for statements that
        the server does not prepare), or ``auto``, which takes the first that works. Types and values are the same.
    """

    engine: Literal["auto", "binary", "cursor"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _old_name(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """``special_values`` was called ``zero_dates`` in version 0.1."""
        if "zero_dates" not in fields or "special_values" in fields:
            return fields
        return {("special_values" if name == "zero_dates" else name): value for name, value in fields.items()}
