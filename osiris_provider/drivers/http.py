"""What the extractors of the HTTP families share: one guarded request, records in a page, pages that get on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from osiris_provider.connectors.http import HttpConnector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.retry import ATTEMPTS, call_with_retries
from osiris_provider.drivers.base import Config, Step, StepConfig
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    from osiris_provider.connectors.http_session import Answer

Rows = list[dict[str, Any]]


class PagedConfig(StepConfig):
    """Config fields that all extractors of pages have.

    :param types: column to type; only these columns are kept. Without it types are inferred.
    :param infer_rows: how many rows to infer types from.
    :param max_pages: an error is raised rather than to read on, or to leave out what is behind them.
    """

    types: dict[str, str] | None = None
    infer_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    max_pages: Annotated[int, Field(ge=1)] = 10_000


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


def request_json(
    step: Step[Config], method: str, path: str, *, attempts: int = ATTEMPTS, **options: Any
) -> tuple[Any, Answer]:
    """Send a request and return the JSON of its answer, and the answer.

    Network errors, timeouts, 429 and 5xx are tried again, ``Retry-After`` is honoured (CONN-018); auth, permission
    and all else are not (CONN-019). So the request must be one that may be sent twice.

    :param step: whose connection is used.
    :param method: such as ``GET``.
    :param path: under the base URL, or an absolute URL of the same origin.
    :param attempts: in all.
    :raises ConnectorError: by category.
    """
    connector = cast("HttpConnector[Any]", get_connector(step.connection["family"]))
    session = step.client()

    def once() -> tuple[Any, Answer]:
        return connector.guarded(step.connection, lambda: connector.fetch(session, method, path, **options))

    return call_with_retries(once, attempts=attempts)


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
    previous = b""
    for page in pages:
        digest = hashlib.sha256(page.answer.body).digest() if page.rows else b""
        if digest and digest == previous:
            message = f"Step {step.id}: page {page.number} repeats the page before it. Check config field pagination."
            raise DataError(message, step=step.id)
        if page.number > max_pages and page.rows:
            message = f"Step {step.id}: there are more than {max_pages:,} pages. Raise config field max_pages."
            raise DataError(message, step=step.id)
        previous = digest
        yield page.rows
