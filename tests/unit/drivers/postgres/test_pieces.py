"""What is sent of a batch comes whole and in its order, and nothing of an error goes to the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres.copy_in.pieces import EncodingError, encoded_ahead

SECRET = "value-4711"


def batches(count: int) -> Iterator[pa.RecordBatch]:
    for number in range(count):
        yield pa.RecordBatch.from_pydict({"n": [number]})


def lines(batch: pa.RecordBatch) -> Iterator[bytes]:
    number = batch["n"][0].as_py()
    yield from (b"", f"{number}".encode() * 10, b"|" * number, b"end")


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("osiris-read")]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_each_batch_has_its_pieces(size: int) -> None:
    read = []
    for batch, pieces in encoded_ahead(batches(30), lines):
        complete = b""
        while data := pieces.read(size):
            assert len(data) <= size
            complete += data
        assert pieces.read(size) == b""
        read.append((batch["n"][0].as_py(), complete))
    assert read == [(number, f"{number}".encode() * 10 + b"|" * number + b"end") for number in range(30)]
    assert threads() == []


def test_what_was_not_read_of_a_batch_is_not_taken_for_the_next() -> None:
    assert [batch["n"][0].as_py() for batch, _ in encoded_ahead(batches(5), lines)] == [0, 1, 2, 3, 4]


def test_an_error_of_the_input_comes_between_two_batches() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from batches(2)
        raise ValueError(SECRET)

    read: list[bytes] = []

    def all_read() -> None:
        for _, pieces in encoded_ahead(broken(), lines):
            read.extend(iter(lambda: pieces.read(100), b""))  # noqa: B023 - called before the next batch

    with pytest.raises(ValueError, match=SECRET):
        all_read()
    assert read.count(b"end") == 2
    assert threads() == []


def test_an_error_while_encoding_is_kept_from_who_reads_the_file() -> None:
    def broken(_: pa.RecordBatch) -> Iterator[bytes]:
        yield b"first"
        raise ValueError(SECRET)

    stream = encoded_ahead(batches(2), broken)
    _, pieces = next(stream)
    assert pieces.read(100) == b"first"
    with pytest.raises(EncodingError) as caught:
        pieces.read(100)
    assert SECRET not in str(caught.value)
    assert isinstance(pieces.error, ValueError)


def test_who_stops_early_leaves_no_thread() -> None:
    for _, pieces in encoded_ahead(batches(1000), lines):
        pieces.read(1)
        break
    assert threads() == []
