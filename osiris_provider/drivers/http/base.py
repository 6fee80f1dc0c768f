"""What the extractors of the HTTP families share: the config of how records become columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from osiris_provider.drivers.base import Step, StepConfig
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.json.rows import to_batches
from osiris_provider.drivers.incremental.cursor import decoded_schema

if TYPE_CHECKING:
    import pyarrow as pa


class PagedConfig(StepConfig):
    """Config fields that all extractors of pages have.

    :param types: column to type; only these columns are kept. Without it types are inferred.
    :param infer_rows: how many rows to infer types from.
    :param other_fields: name of a column that takes, as JSON text, the fields that have no column. Without it, a
        field that appears late is an error, and one that ``types`` lacks is left out.
    :param page_timeout: seconds from the request for a page to the end of its answer; ``timeout`` of the connection is
        for each piece of it, and an answer may come in endless pieces.
    :param max_pages: an error is raised rather than to read on, or to leave out what is behind them.
    """

    types: dict[str, str] | None = None
    infer_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    other_fields: Annotated[str | None, Field(min_length=1)] = None
    page_timeout: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    max_pages: Annotated[int, Field(ge=1)] = 10_000

    def to_batches(self, pages: Iterable[Rows], step: Step[Any]) -> pa.RecordBatchReader:
        """Return records as a stream of record batches, a batch a page.

        :param pages: of records.
        :param step: for messages, and for the columns if there are no records.
        """
        return to_batches(
            pages,
            step_id=step.id,
            types=self.types,
            infer_rows=self.infer_rows,
            other_fields=self.other_fields,
            last_schema=decoded_schema(step.cursor_range.schema) if step.cursor_range else None,
        )
