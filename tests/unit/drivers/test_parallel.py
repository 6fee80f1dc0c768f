"""Streams that threads of their own read ahead: order, errors, and that nothing stays behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql.parallel import read_ahead


def numbers(first: int, count: int) -> Iterator[pa.RecordBatch]:
    for number in range(first, first + count):
        yield pa.RecordBatch.from_pydict({"n": [number]})


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("osiris-read")]


def never() -> None:
    pytest.fail("a stream that was read to its end was interrupted")


def test_all_batches_come_in_the_order_of_their_stream() -> None:
    read = [batch["n"][0].as_py() for batch in read_ahead([numbers(0, 50), numbers(100, 50)], never)]

    assert sorted(read) == [*range(50), *range(100, 150)]
    assert [number for number in read if number < 100] == list(range(50))
    assert threads() == []


def test_the_first_error_ends_all() -> None:
    released = threading.Event()

    def failing() -> Iterator[pa.RecordBatch]:
        yield from numbers(0, 1)
        message = "the server went away"
        raise ConnectionError(message)

    def waiting() -> Iterator[pa.RecordBatch]:
        assert released.wait(10)
        message = "this is what the interrupt does to it"
        raise OSError(message)
        yield

    with pytest.raises(ConnectionError, match="went away"):
        list(read_ahead([failing(), waiting()], released.set))

    assert released.is_set()
    assert threads() == []


def test_who_stops_early_stops_the_streams() -> None:
    produced: list[int] = []
    closed = threading.Event()

    def endless() -> Iterator[pa.RecordBatch]:
        try:
            for batch in numbers(0, 10**9):
                produced.append(batch["n"][0].as_py())
                yield batch
        finally:
            closed.set()

    interrupted = threading.Event()
    batches = read_ahead([endless()], interrupted.set)
    for _ in range(5):
        next(batches)
    assert isinstance(batches, Iterator)
    getattr(batches, "close")()  # noqa: B009 - what a generator has, and its type here has not

    assert interrupted.is_set()
    assert closed.is_set()
    assert threads() == []
    # What was taken, what waited, and what was being made.
    assert len(produced) <= 5 + 3
