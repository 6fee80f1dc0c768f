"""Config of the SQL drivers: what a query is, and where and how rows are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.drivers.data import BATCH_ROWS
from osiris_provider.drivers.incremental.cursor import Incremental
from osiris_provider.drivers.step import MAX_INTEGER, StepConfig

MAX_PARTITIONS = 32

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


SpecialValues = Literal["text", "null", "error"]
"""What becomes of a value that its column's Arrow type cannot hold."""
Lossy = Literal["error", "round"]
"""What becomes of a value that a column of the target would round."""


class QueryConfig(StepConfig, defer_build=True):
    """Config of the SQL extractors: a query, or a table and perhaps some of its columns.

    :param query: it or ``table`` is needed.
    :param table: perhaps with its schema or database before it.
    :param columns: of the table; all if not given.
    :param params: of the query.
    :param batch_rows: the most rows of a batch.
    :param incremental: what is new.
    """

    query: Text | None = None
    table: Text | None = None
    columns: Annotated[list[Text], Field(min_length=1)] | None = None
    params: list[Any] | dict[str, Any] | None = None
    batch_rows: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = BATCH_ROWS
    incremental: Incremental | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.query is None) == (self.table is None):
            message = "give either query or table"
            raise ValueError(message)
        if self.table is None and self.columns is not None:
            message = "columns belong to table; name them in the query itself"
            raise ValueError(message)
        if self.query is None and self.params is not None:
            message = "params belong to query"
            raise ValueError(message)
        if self.incremental and self.columns and self.incremental.column not in self.columns:
            message = f"columns must have {self.incremental.column}, by which new rows are known"
            raise ValueError(message)
        return self

    def statement(self, quote: Callable[[str], str]) -> str:
        """Return the query to run.

        :param quote: quotes an identifier of the family.
        """
        from osiris_provider.drivers.sql.tables import quoted_table

        if self.table is None:
            return (self.query or "").rstrip("; \n\t")
        columns = ", ".join(map(quote, self.columns)) if self.columns else "*"
        return f"SELECT {columns} FROM {quoted_table(self.table, quote)}"  # noqa: S608 - every name is quoted

    def unfiltered(self, quote: Callable[[str], str]) -> str:
        """Return the query to run as one that a WHERE can follow.

        :param quote: quotes an identifier of the family.
        """
        statement = self.statement(quote)
        # A line of its own: the query may end in a comment.
        return statement if self.table else f"SELECT * FROM (\n{statement}\n) AS osiris_rows"  # noqa: S608 - the user's query


class TypedQueryConfig(QueryConfig):
    """Config of extractors whose databases have values that Arrow has not.

    :param text_columns: columns of the result that are delivered as the server's text, whatever their type.
    :param special_values: what becomes of values that the Arrow type of their column cannot hold, such as
        ``infinity`` or ``0000-00-00``. ``text``: the extract starts over with the column as text, as if it were named
        in ``text_columns``; ``null``: NULL; ``error``: an error that names column and row.
    """

    text_columns: list[Text] = Field(default_factory=list)
    special_values: SpecialValues = "text"


class ServerQueryConfig(TypedQueryConfig):
    """Config of the extractors of database servers.

    :param partition_on: a column of integers, dates or timestamps; its range is split into parts that as many
        connections read at the same time, from one snapshot where the server offers that. Rows come in any order.
    :param partitions: how many parts, 2 to 32; fewer if the range is narrow.
    """

    partition_on: Text | None = None
    partitions: Annotated[int, Field(ge=2, le=MAX_PARTITIONS)] = 4

    @model_validator(mode="after")
    def _partitions_of_something(self) -> Self:
        if "partitions" in self.model_fields_set and self.partition_on is None:
            message = "partitions belong to partition_on; name the column to split by"
            raise ValueError(message)
        return self


class TableConfig(StepConfig, defer_build=True):
    """What is written where and how, in the config of all writers of tables.

    :param table: perhaps with its database or schema before it.
    :param write_mode: ``append`` adds the rows; ``replace`` puts them in the place of those that were there;
        ``upsert`` updates the rows whose key is there and adds the others.
    :param primary_key: columns of the key, which take no nulls. Required for ``upsert``; declared when a table is
        created.
    :param create_if_missing: whether to create the table, with types that hold the values of the input.
    :param lossy: ``error`` refuses a value that the column would round: more digits behind the point or of a second, a
        time of day in a column of days, a number that floating point cannot be exactly. ``round`` has it rounded.
    :param ledger: whether a retry of a load that has ended writes nothing.
    :param input: step whose result is written, if there are several.
    """

    table: Text
    write_mode: Literal["append", "replace", "upsert"] = "append"
    primary_key: list[Text] = Field(default_factory=list)
    create_if_missing: bool = False
    lossy: Lossy = "error"
    ledger: bool = True
    input: str | None = None

    @field_validator("table")
    @classmethod
    def _not_of_the_writers(cls, value: str) -> str:
        if value.rpartition(".")[2].lower().startswith("_osiris_"):
            message = "names that begin with _osiris_ belong to the writers' own tables; give it another"
            raise ValueError(message)
        return value

    @field_validator("primary_key", mode="before", json_schema_input_type=str | list[Text])
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.write_mode == "upsert" and not self.primary_key:
            message = "write_mode upsert needs primary_key, the columns that tell rows apart"
            raise ValueError(message)
        return self


class WriteConfig(TableConfig):
    """Config of the SQL writers; see :class:`TableConfig`.

    :param batch_rows: rows that are held and sent at a time.
    """

    batch_rows: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = BATCH_ROWS
