"""What the extractors of database servers share: what becomes of values that Arrow's types cannot hold."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.sql.base import Batches, SQLExtractor
from osiris_provider.drivers.sql.config import TypedQueryConfig
from osiris_provider.drivers.step import Step
from osiris_provider.errors import DriverConfigError
from osiris_provider.messages import did_you_mean, one_line, printable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

LONGEST_VALUE = 40
"""Characters of a value that an error shows."""

AnyTypedQuery = TypeVar("AnyTypedQuery", bound=TypedQueryConfig)


class ServerExtractor(SQLExtractor[AnyTypedQuery]):
    """Base of the extractors of database servers; :meth:`stream` raises :func:`needs_text`, the rest is done here."""

    def extract(self, step: Step[AnyTypedQuery]) -> Batches:
        """Return the stream; see :meth:`Extractor.extract`.

        :raises ColumnNeedsTextError: while it is read: a value does not fit its column's Arrow type.
        """
        try:
            yield from super().extract(step)
        except ColumnNeedsTextError as error:
            if step.config.special_values == "text":
                error.again = partial(self._again, step, error.message, error.columns)
            raise

    def _again(self, step: Step[AnyTypedQuery], reason: str, columns: Sequence[str]) -> pa.RecordBatchReader:
        log.warning("%s Starting over with %s as text.", reason, printable(", ".join(columns)))
        config = step.config.model_copy(update={"text_columns": [*step.config.text_columns, *columns]})
        reader: pa.RecordBatchReader = self.execute(replace(step, config=config))["data"]
        return reader


def needs_text(column: str, value: str, row: int) -> ColumnNeedsTextError:
    """Return the error for a value that the Arrow type of its column cannot hold.

    :param column: its name in the result.
    :param value: as the server writes it.
    :param row: number of the row in the result, from 1.
    """
    message = (
        f"Column {column} holds {one_line(value[:LONGEST_VALUE])} in row {row:,} of the result, which its Arrow type "
        f"cannot hold. Name it in config field text_columns to read it as text, or set special_values: null."
    )
    return ColumnNeedsTextError(message, [column], column=column, row=row)


def collect(makers: Iterable[Callable[[], Any]]) -> list[Any]:
    """Return what each function makes, such as the columns of a batch.

    :raises ColumnNeedsTextError: names all columns that need text, so that one more start is enough for them.
    """
    results = [_result_of(make) for make in makers]
    errors = [result for result in results if isinstance(result, ColumnNeedsTextError)]
    if not errors:
        return results
    errors[0].columns = [column for error in errors for column in error.columns]
    try:
        raise errors[0]
    finally:
        # Its traceback has this frame, and those with the client: a circle would keep a DuckDB file open.
        del results, errors


def _result_of(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ColumnNeedsTextError as error:
        return error


def check_text_columns(text_columns: Iterable[str], names: Sequence[str]) -> None:
    """Check that a result has the columns of config field ``text_columns``.

    :param names: of the result's columns.
    :raises DriverConfigError: names one that it has not.
    """
    for name in text_columns:
        if name not in names:
            message = f"config field text_columns: the result has no column {name}.{did_you_mean(name, list(names))}"
            raise DriverConfigError(message, field="text_columns")


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with numbers added where one occurs again, and a name for those that are empty.

    :param names: as the server gave them.
    """
    taken = set(names)
    seen: set[str] = set()
    unique: list[str] = []
    for position, given in enumerate(names, start=1):
        name = base = given or f"column_{position}"
        number = 2
        while name in seen or (name != given and name in taken):
            name = f"{base}_{number}"
            number += 1
        seen.add(name)
        unique.append(name)
    return unique
