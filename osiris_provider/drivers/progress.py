"""Progress logging for streams: a line now and then while it flows, the totals at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_REPORT = 10.0
INTERVAL = 30.0
"""Seconds until the first line, and between two lines: short steps stay silent until their end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verb:
    """What is done with rows, as the log and the metrics call it.

    :param past: such as ``wrote``, for the log.
    :param participle: such as ``written``, for ``rows_written`` and ``bytes_written``.
    :param noun: such as ``write``, for ``write_seconds`` and ``write_rows_per_second``.
    """

    past: str
    participle: str
    noun: str


READ = Verb("read", "read", "read")
WRITTEN = Verb("wrote", "written", "write")
PROCESSED = Verb("processed", "processed", "process")

Report = Callable[[str, float, str], None]


class Progress:
    """Counts the rows and bytes of a stream; looks at the clock once a batch.

    The time runs from the making of the object: waiting for the first row is part of the work.

    :param step_id: for the log.
    :param verb: what is done with the rows.
    :param clock: seconds, never going back.
    """

    def __init__(self, step_id: str, verb: Verb, clock: Callable[[], float] = time.monotonic) -> None:
        self.rows = 0
        self.bytes = 0
        self._step_id = step_id
        self._verb = verb
        self._clock = clock
        self._began = clock()
        self._due = self._began + FIRST_REPORT

    def watch(self, reader: pa.RecordBatchReader, at_end: Callable[[], None] = lambda: None) -> pa.RecordBatchReader:
        """Return the same stream, counted and reported.

        :param reader: a stream.
        :param at_end: called when it has been read to its end, and not if it breaks off.
        """
        import pyarrow as pa

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                self._add(batch)
                yield batch
            at_end()

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def finish(self, report: Report, rows: int | None = None) -> None:
        """Log the totals and report them as metrics.

        :param report: takes name, value and unit of each.
        :param rows: how many there were, if the caller knows better than the stream.
        """
        seconds = self._seconds()
        total = self.rows if rows is None else rows
        log.info("Step %s: %s", self._step_id, self._line(total, seconds))
        participle, noun = self._verb.participle, self._verb.noun
        report(f"rows_{participle}", total, "rows")
        report(f"bytes_{participle}", self.bytes, "bytes")
        report(f"{noun}_seconds", round(seconds, 3), "s")
        report(f"{noun}_rows_per_second", round(self.rows / seconds, 1), "rows/s")

    def _add(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        self.bytes += batch.nbytes
        now = self._clock()
        if now >= self._due:
            self._due = now + INTERVAL
            log.info("Step %s: %s so far", self._step_id, self._line(self.rows, self._seconds()))

    def _seconds(self) -> float:
        return max(self._clock() - self._began, 0.000_001)

    def _line(self, rows: int, seconds: float) -> str:
        rate = f"{self.rows / seconds:,.0f} rows/s"
        return f"{self._verb.past} {rows:,} rows, {_size(self.bytes)} in {_duration(seconds)}, {rate}"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
