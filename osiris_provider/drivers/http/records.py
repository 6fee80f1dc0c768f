"""Which part of an answer is records, and which answers are none although their status is 200."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from osiris_provider.connectors.http.json_text import failure_in
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.json.types import kind_of
from osiris_provider.drivers.http.json.values import json_text
from osiris_provider.drivers.http.paths import Missing, get_path
from osiris_provider.errors import DataError
from osiris_provider.messages import printable

log = logging.getLogger(__name__)

MAX_RECORDS = 1_000_000
"""Records of a page."""
MAX_SHOWN = 200
_TURN_OFF = ". If that is data, set error_paths to the paths that do tell of errors, or to none"

Shape = Literal["list", "object", "map"]
NullRecords = Literal["error", "skip"]


@dataclass
class RecordReader:
    """Finds the records in the answers of one step.

    :param step_id: for messages.
    :param path: where they are; empty if the answer itself is the list.
    :param shape: a list of objects, one object, or an object whose values are the records.
    :param key_field: column that takes the names of such a map.
    :param optional: whether an answer without records may lack the path.
    :param null_records: what becomes of null among the records.
    :param error_paths: where an answer with status 200 tells of an error; with none, :data:`FAILED` does not count.
    :param redact: hides the secrets of the step's connection.
    """

    step_id: str
    path: str = ""
    shape: Shape = "list"
    key_field: str = "key"
    optional: bool = False
    null_records: NullRecords = "error"
    error_paths: Sequence[str] = ()
    redact: Callable[[str], str] = str
    _envelope: set[str] = field(default_factory=set)
    _seen: bool = False

    def rows_of(self, value: Any, page: int) -> Rows | None:
        """Return the records of an answer, None if it has no place for them: it lies behind the last page.

        :param value: parsed JSON.
        :param page: its number.
        :raises DataError: it tells of an error, or what is there is not records.
        """
        self._check_error(value, page)
        records = get_path(value, self.path)
        names = set(value) if isinstance(value, Mapping) else set()
        if isinstance(records, Missing):
            # Behind the last page some APIs leave the list out. An answer of another kind is not such a page.
            if self.optional or (self._seen and names <= self._envelope):
                return None
            raise self._error(page, f"the answer has nothing {self._where}", value)
        self._seen = True
        self._envelope |= names
        rows = self._rows(records, page, value)
        if len(rows) > MAX_RECORDS:
            raise self._error(page, f"the answer has more than {MAX_RECORDS:,} records; ask for smaller pages")
        return rows

    def _rows(self, records: Any, page: int, value: Any) -> Rows:
        if records is None:
            return []
        if self.shape == "object" and isinstance(records, dict):
            return [records]
        if self.shape == "map" and isinstance(records, dict):
            return self._mapped(records, page)
        if self.shape != "list" or not isinstance(records, list):
            raise self._error(page, f"{kind_of(records)} {self._where} is not a list of objects", value, records)
        return self._checked(records, page)

    def _checked(self, records: list[Any], page: int) -> Rows:
        other = next((number for number, record in enumerate(records, 1) if not isinstance(record, dict | None)), None)
        if other is not None:
            raise self._error(page, f"record {other} {self._where} is {kind_of(records[other - 1])}, not an object")
        if None not in records:
            return records
        if self.null_records == "error":
            number = records.index(None) + 1
            raise self._error(page, f"record {number} {self._where} is null; null_records: skip leaves such out")
        rows = [record for record in records if record is not None]
        log.warning(
            "Step %s: page %d: left out %d records that are null.", self.step_id, page, len(records) - len(rows)
        )
        return rows

    def _mapped(self, records: dict[str, Any], page: int) -> Rows:
        rows = self._checked(list(records.values()), page)
        if any(self.key_field in row for row in rows):
            raise self._error(page, f"records have a field '{self.key_field}' already; choose another key_field")
        return [{self.key_field: name, **row} for name, row in records.items() if row is not None]

    def _check_error(self, value: Any, page: int) -> None:
        for path in self.error_paths:
            reported = get_path(value, path)
            if isinstance(reported, Missing) or not reported or (self.path and f"{self.path}.".startswith(f"{path}.")):
                continue
            text = reported if isinstance(reported, str) else json_text(reported)
            # Before it is cut, and all else: a part of a secret is not known for one.
            shown = printable(self.redact(text)[:1000])[:MAX_SHOWN]
            raise self._error(page, f"the answer tells of an error at '{path}': {shown}", hint=_TURN_OFF)
        name = failure_in(value) if self.error_paths else None
        if name is not None:
            raise self._error(page, f"the answer says {name}: {json_text(value[name])}", hint=_TURN_OFF)

    @property
    def _where(self) -> str:
        return f"at '{self.path}'" if self.path else "at its top"

    def _error(self, page: int, problem: str, value: Any = None, records: Any = None, hint: str = "") -> DataError:
        if isinstance(value, dict):
            hint = f". Check config field records; the answer has {', '.join(map(printable, list(value)[:10]))}"
        if isinstance(records, dict) and self.shape == "list":
            hint += ". records_as: object takes it as one record, records_as: map takes each of its values as one"
        message = f"page {page}: {problem}{hint}."
        return DataError.in_step(self.step_id, message)
