"""Config of ``supabase.writer``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from osiris_provider.drivers.postgres.config import PostgresWriteConfig
from osiris_provider.drivers.sql.config import TableConfig, WriteConfig
from osiris_provider.drivers.validation import validated


class SupabaseWriteConfig(TableConfig):
    """Config of ``supabase.writer``; see :class:`TableConfig`.

    ``table`` is in the connection's schema; with ``pg_dsn`` perhaps with another before it. ``write_mode`` ``replace``
    and ``create_if_missing`` are only for ``pg_dsn``; the Data API has no ledger.

    :param via: ``dsn``, ``api``, or ``auto``, which takes the DSN if the connection has one.
    :param strip_nul: leave the character U+0000 out of texts; else it is an error with column and row.
    :param batch_rows: rows that are held and sent at a time; to the Data API, those of a request.
    """

    via: Literal["auto", "api", "dsn"] = "auto"
    strip_nul: bool = False
    batch_rows: Annotated[int, Field(ge=1)] | None = None

    def of_postgres(self, schema: str) -> WriteConfig:
        """Return the same as the config of ``postgres.writer``.

        :param schema: of a table that is named without one.
        """
        fields = self.model_dump(exclude={"via"}, exclude_none=True)
        table = self.table if "." in self.table else f"{schema}.{self.table}"
        return validated(PostgresWriteConfig, {**fields, "table": table})
