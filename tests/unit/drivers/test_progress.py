"""Progress of a stream: when it is logged, and what is reported at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.data import to_reader
from osiris_provider.drivers.progress import FIRST_REPORT, INTERVAL, READ, WRITTEN, Progress

BATCH = pa.record_batch({"n": pa.array(range(1000), pa.int64())})


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Reported(dict[str, float]):
    """Keeps what is reported."""

    def __call__(self, name: str, value: float, unit: str) -> None:
        del unit
        self[name] = value


def ticking(clock: Clock, seconds: float, batches: int) -> pa.RecordBatchReader:
    """A stream that takes so many seconds a batch."""

    def slow() -> Iterator[pa.RecordBatch]:
        for _ in range(batches):
            clock.now += seconds
            yield BATCH

    return pa.RecordBatchReader.from_batches(BATCH.schema, slow())


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_long_streams_say_how_they_get_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    progress = Progress("extract", READ, clock)
    progress.watch(ticking(clock, 1.0, 75)).read_all()
    assert (FIRST_REPORT, INTERVAL) == (10, 30)
    assert lines(caplog) == [
        "Step extract: read 10,000 rows, 80.0 kB in 10.0 s, 1,000 rows/s so far",
        "Step extract: read 40,000 rows, 320.0 kB in 40.0 s, 1,000 rows/s so far",
        "Step extract: read 70,000 rows, 560.0 kB in 1 min 10 s, 1,000 rows/s so far",
    ]


def test_short_streams_log_one_line_and_report_their_totals(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock, reported = Clock(), Reported()
    progress = Progress("extract", READ, clock)
    progress.watch(ticking(clock, 1.0, 4), lambda: progress.finish(reported)).read_all()
    assert lines(caplog) == ["Step extract: read 4,000 rows, 32.0 kB in 4.0 s, 1,000 rows/s"]
    assert reported == {"rows_read": 4000, "bytes_read": 32_000, "read_seconds": 4, "read_rows_per_second": 1000}


def test_whoever_wrote_knows_how_many_rows_were_written() -> None:
    reported = Reported()
    Progress("load", WRITTEN).finish(reported, 7)
    assert reported["rows_written"] == 7
    assert reported["write_rows_per_second"] == 0


@given(st.lists(st.integers(0, 3)))
def test_the_stream_stays_the_same(sizes: list[int]) -> None:
    ended: list[int] = []
    batches = [BATCH.slice(0, size) for size in sizes]
    progress = Progress("s", READ)
    reader = progress.watch(
        pa.RecordBatchReader.from_batches(BATCH.schema, batches), lambda: ended.append(progress.rows)
    )
    assert not ended
    assert list(reader) == batches
    assert ended == [sum(sizes)]


def test_a_stream_that_breaks_off_does_not_end() -> None:
    def chunks() -> Iterator[pa.Table]:
        yield pa.table({"a": [1]})
        raise ZeroDivisionError

    ended: list[bool] = []
    with pytest.raises(ZeroDivisionError):
        Progress("s", READ).watch(to_reader(chunks()), lambda: ended.append(True)).read_all()
    assert not ended


def test_watching_costs_next_to_nothing() -> None:
    batch = pa.record_batch({f"c{number}": pa.array(range(65_536)) for number in range(10)})
    reader = pa.RecordBatchReader.from_batches(batch.schema, (batch for _ in range(1000)))
    began = time.thread_time()
    for _ in Progress("s", READ).watch(reader):
        pass
    # 65 million rows; at the wire's speed they take minutes.
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    ("size", "seconds", "said"),
    [
        (999, 59.9, "999 bytes in 59.9 s"),
        (1000, 60, "1.0 kB in 1 min 0 s"),
        (999_900, 3599, "999.9 kB in 59 min 59 s"),
        (1_000_000, 3600, "1.0 MB in 1 h 0 min"),
        (1_000_000_000, 7260, "1.0 GB in 2 h 1 min"),
        (1_234_500_000_000, 1, "1,234.5 GB in 1.0 s"),
    ],
)
def test_totals_have_units_that_people_read(
    size: int, seconds: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clock = iter([0.0, seconds])
    progress = Progress("extract", READ, lambda: next(clock))
    progress.bytes = size
    progress.finish(lambda *_: None)
    assert f"read 0 rows, {said}, 0 rows/s" in caplog.text
