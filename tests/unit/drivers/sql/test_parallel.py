"""What threads of their own open and read ahead: order, errors, and that nothing stays behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql.parallel import lend_new, read_ahead, together


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


class Connections:
    """Stands in for a connector: a client comes once all are asked for; one may be refused, long before the others."""

    def __init__(self, number: int, *, refuses: bool = False) -> None:
        self.all_asked = threading.Barrier(number)
        self.refuses, self.is_refused = refuses, threading.Event()
        self.opened: set[int] = set()
        self.closed: threading.Semaphore = threading.Semaphore(0)

    def create_client(self, connection: Any) -> int:
        assert connection == {"family": "any"}
        if self.all_asked.wait(10) == 0 and self.refuses:
            message = "too many connections"
            raise ConnectionError(message)
        assert not self.refuses or self.is_refused.wait(10)
        client = threading.get_ident()
        self.opened.add(client)
        return client

    def close_client(self, client: int) -> None:
        self.opened.remove(client)
        self.closed.release()


def test_clients_are_opened_at_the_same_time_and_closed_at_the_end() -> None:
    connector: Any = Connections(3)
    with lend_new(connector, {"family": "any"}, 3) as clients:
        assert len(clients) == 3
        assert connector.opened == {*clients}
    assert connector.opened == set()


def test_where_one_client_is_refused_the_others_are_closed() -> None:
    connector: Any = Connections(3, refuses=True)
    with pytest.raises(ConnectionError, match="too many"), lend_new(connector, {"family": "any"}, 3):
        pytest.fail("there are only two of three")
    connector.is_refused.set()
    assert all(connector.closed.acquire(timeout=10) for _ in range(2))
    assert connector.opened == set()


def test_calls_together_return_in_their_order() -> None:
    both = threading.Barrier(2)

    def call(number: int) -> int:
        both.wait(10)
        return number

    assert together([partial(call, 1), partial(call, 2)], never) == [1, 2]
    assert together([threading.get_ident], never) == [threading.get_ident()]


@pytest.mark.parametrize("first", [True, False])
def test_a_call_that_fails_ends_the_others(first: bool) -> None:
    interrupted = threading.Event()
    ended: list[bool] = []

    def failing() -> None:
        message = "the server went away"
        raise ConnectionError(message)

    def waiting() -> None:
        ended.append(interrupted.wait(10))

    with pytest.raises(ConnectionError, match="went away"):
        together([failing, waiting] if first else [waiting, failing], interrupted.set)
    assert ended == [True]
