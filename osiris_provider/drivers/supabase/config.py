"""Config of ``supabase.writer``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.drivers.base import StepConfig
from osiris_provider.drivers.sql.write import WriteConfig


class SupabaseWriteConfig(StepConfig):
    """Config of ``supabase.writer``.

    :param table: in the connection's schema; with ``pg_dsn`` perhaps with another before it.
    :param write_mode: ``append``, ``upsert``, or with ``pg_dsn`` ``replace``; see :class:`WriteConfig`.
    :param primary_key: columns of the key; required for ``upsert``.
    :param create_if_missing: whether to create the table; only with ``pg_dsn``.
    :param ledger: see :class:`WriteConfig`; the Data API has none.
    :param via: ``dsn``, ``api``, or ``auto``, which takes the DSN if the connection has one.
    :param batch_rows: rows that are held and sent at a time; to the Data API, those of a request.
    :param input: step whose result is written, if there are several.
    """

    table: Annotated[str, Field(min_length=1)]
    write_mode: Literal["append", "replace", "upsert"] = "append"
    primary_key: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    create_if_missing: bool = False
    ledger: bool = True
    via: Literal["auto", "api", "dsn"] = "auto"
    batch_rows: Annotated[int, Field(ge=1)] | None = None
    input: str | None = None

    @field_validator("primary_key", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.write_mode == "upsert" and not self.primary_key:
            message = "write_mode upsert needs primary_key, the columns that tell rows apart"
            raise ValueError(message)
        return self

    def of_postgres(self, schema: str) -> WriteConfig:
        """Return the same as the config of ``postgres.writer``.

        :param schema: of a table that is named without one.
        """
        fields = self.model_dump(exclude={"via"}, exclude_none=True)
        table = self.table if "." in self.table else f"{schema}.{self.table}"
        return WriteConfig.model_validate({**fields, "table": table})
