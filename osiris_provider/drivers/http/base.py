"""What the extractors of the HTTP families share: one guarded request, records in a page, pages that get on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from osiris_provider.connectors.http.base import HttpConnector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.retry import call_with_retries
from osiris_provider.drivers.base import Config, Step, StepConfig
from osiris_provider.drivers.http.json_rows import Rows, to_batches
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from osiris_provider.connectors.http.session import Answer

THROTTLED_ATTEMPTS = 10
PATIENCE = 300.0
"""Limits of rates are nothing unusual while many pages are read: so often, and so many seconds each time, we wait."""


class PagedConfig(StepConfig):
    """Config fields that all extractors of pages have.

    :param types: column to type; only these columns are kept. Without it types are inferred.
    :param infer_rows: how many rows to infer types from.
    :param other_fields: name of a column that takes, as JSON text, the fields that have no column. Without it, a
        field that appears late is an error, and one that ``types`` lacks is left out.
    :param max_pages: an error is raised rather than to read on, or to leave out what is behind them.
    """

    types: dict[str, str] | None = None
    infer_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    other_fields: Annotated[str | None, Field(min_length=1)] = None
    max_pages: Annotated[int, Field(ge=1)] = 10_000

    def to_batches(self, pages: Iterable[Rows], step_id: str) -> pa.RecordBatchReader:
        """Return records as a stream of record batches, a batch a page.

        :param pages: of records.
        :param step_id: for messages.
        """
        return to_batches(
            pages, step_id=step_id, types=self.types, infer_rows=self.infer_rows, other_fields=self.other_fields
        )


@dataclass(frozen=True)
class Page:
    """One answer of many.

    :param number: of the page, from 1.
    :param found: the parsed answer.
    :param rows: its records.
    :param before: how many records the pages before it had.
    """

    number: int
    found: Any
    answer: Answer
    rows: Rows
    before: int

    @property
    def behind(self) -> int:
        """How many records there are up to its end."""
        return self.before + len(self.rows)


def request_json(step: Step[Config], method: str, path: str, **options: Any) -> tuple[Any, Answer]:
    """Send a request and return the JSON of its answer, and the answer.

    Network errors, timeouts, 429 and 5xx are tried again, ``Retry-After`` is honoured (CONN-018); auth, permission
    and all else are not (CONN-019). So the request must be one that may be sent twice. A page is the unit: those
    before it are not asked for again.

    :param step: whose connection is used.
    :param method: such as ``GET``.
    :param path: under the base URL, or an absolute URL of the same origin.
    :raises ConnectorError: by category.
    """
    connector = cast("HttpConnector[Any]", get_connector(step.connection["family"]))
    session = step.client()

    def once() -> tuple[Any, Answer]:
        return connector.guarded(step.connection, lambda: connector.fetch(session, method, path, **options))

    return call_with_retries(once, throttled_attempts=THROTTLED_ATTEMPTS, patience=PATIENCE)


def dig(found: Any, path: str) -> Any:
    """Return what lies at a dotted path, None if there is nothing.

    :param found: parsed JSON.
    :param path: such as ``data.items``; empty for the whole.
    """
    for name in path.split(".") if path else ():
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def records_at(step: Step[Config], found: Any, path: str) -> Rows:
    """Return the records of an answer; an object counts as one record.

    :param step: for messages.
    :param found: parsed JSON.
    :param path: where they are; empty if the answer itself is the list.
    :raises DataError: there is no list of objects.
    """
    records = dig(found, path)
    if isinstance(records, dict):
        records = [records]
    if isinstance(records, list) and all(isinstance(record, dict) for record in records):
        return records
    keys = f" It has {', '.join(map(str, list(found)[:10]))}." if isinstance(found, dict) else ""
    where = f"at '{path}'" if path else "at its top"
    message = f"Step {step.id}: the answer has no list of objects {where}; set config field records.{keys}"
    raise DataError(message, step=step.id)


def rows_of(step: Step[Config], pages: Iterable[Page], max_pages: int) -> Iterator[Rows]:
    """Yield the records of each page, as long as they get on.

    :param step: for messages.
    :param pages: read one by one.
    :param max_pages: after which there must be no more.
    :raises DataError: a page repeats the one before it, or there are too many.
    """
    previous: Rows = []
    for page in pages:
        # The records, not the answer, which may hold the time of day.
        if page.rows and page.rows == previous:
            message = f"Step {step.id}: page {page.number} repeats the page before it. Check config field pagination."
            raise DataError(message, step=step.id)
        # One empty page may be what says that there are no more.
        if page.number > max_pages and (page.rows or page.number > max_pages + 1):
            message = f"Step {step.id}: there are more than {max_pages:,} pages. Raise config field max_pages."
            raise DataError(message, step=step.id)
        previous = page.rows
        yield page.rows
