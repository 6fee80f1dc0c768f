"""What COPY sends, row by row or in pieces, as blocks of whole rows; and how a COPY is ended that no one reads on."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from osiris_provider.drivers.postgres.copy_out import blocks
from osiris_provider.drivers.postgres.copy_out.blocks import CopyBlocks, fill_blocks
from osiris_provider.errors import DataError


def filled(pieces: list[bytes], size: int) -> list[bytes]:
    """Return the blocks; each is filled over the memory of an older and longer one."""
    put: list[bytes] = []
    rows = fill_blocks(lambda: io.BytesIO(b"old" * 99), lambda block: put.append(block.getvalue()), size)
    next(rows)
    for piece in pieces:
        rows.send(piece)
    rows.close()
    return put


@pytest.mark.parametrize(
    ("pieces", "size", "expected"),
    [
        ([], 4, []),
        ([b"a\n"], 4, [b"a\n"]),
        ([b"a\n", b"b\n"], 4, [b"a\nb\n"]),
        ([b"a\n", b"b\n", b"c\n"], 4, [b"a\nb\n", b"c\n"]),
        ([b"a\n", b"b\n", b"c\n", b"d\n"], 3, [b"a\nb\n", b"c\nd\n"]),
        ([b"abcdef\n", b"g\n"], 4, [b"abcdef\n", b"g\n"]),
        # Whatever sends a row in pieces: it stays whole.
        ([b"abcd", b"e", b"f\n", b"g\n"], 4, [b"abcdef\n", b"g\n"]),
        ([b"a", b"b"], 1, [b"ab"]),
        ([b"a\nb\n", b"c\n"], 4, [b"a\nb\n", b"c\n"]),
    ],
)
def test_a_block_has_whole_rows_and_so_many_bytes_at_the_least(
    pieces: list[bytes], size: int, expected: list[bytes]
) -> None:
    assert filled(pieces, size) == expected


def test_a_row_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_ROW", 10)
    assert filled([b"a" * 9, b"\n"], 1) == [b"a" * 9 + b"\n"]
    with pytest.raises(DataError, match="longer than any row can be"):
        filled([b"a" * 9, b"b", b"\n"], 1)


class Connection:
    """Copies rows, then fails, or waits until it is stopped."""

    def __init__(self, rows: int, error: BaseException | None = None, *, waits: bool = False) -> None:
        self.rows, self.error, self.waits = rows, error, waits
        self.stopped = threading.Event()
        self.statement = ""
        self.is_free = True

    def cursor(self) -> Any:
        return self

    def __enter__(self) -> Any:
        self.is_free = False
        return self

    def __exit__(self, *_: object) -> None:
        self.is_free = True

    def copy_expert(self, statement: str, file: Any) -> None:
        self.statement = statement
        for row in range(self.rows):
            file.write(b"%d\n" % row)
        if self.waits:
            assert self.stopped.wait(20)
        if self.error is not None:
            raise self.error


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def stop(connections: list[Connection]) -> None:
        for connection in connections:
            connection.stopped.set()

    monkeypatch.setattr(blocks, "stop", stop)
    monkeypatch.setattr(blocks, "stoppable", lambda _, call: call())
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def copied(connection: Connection, size: int = 4) -> CopyBlocks:
    given: Any = connection
    return CopyBlocks(given, "SELECT 1 -- all", size)


def rows_of(rows: memoryview) -> list[bytes]:
    return bytes(rows).split()


def read_into(read: list[bytes], taken: CopyBlocks) -> None:
    for block in taken:
        read += taken.parsed(block, rows_of)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 99])
def test_each_row_is_in_a_block_whose_memory_is_filled_again(rows: int) -> None:
    connection = Connection(rows)
    taken = copied(connection)
    memory: set[int] = set()
    read: list[bytes] = []
    for block in taken:
        memory.add(id(block))
        read += taken.parsed(block, rows_of)
    taken.close()
    assert read == [b"%d" % row for row in range(rows)]
    assert len(memory) <= 3
    assert connection.statement == "COPY (\nSELECT 1 -- all\n) TO STDOUT WITH (ENCODING 'UTF8')"


@pytest.mark.parametrize("error", [ValueError("of the server"), KeyboardInterrupt()])
def test_what_ends_a_copy_comes_behind_its_rows(error: BaseException) -> None:
    taken = copied(Connection(3, error))
    read: list[bytes] = []
    with pytest.raises(type(error)):
        read_into(read, taken)
    taken.close()
    assert read == [b"0", b"1", b"2"]


@pytest.mark.parametrize("waits", [True, False])
def test_a_copy_that_is_not_read_on_is_stopped_and_its_connection_is_free(waits: bool) -> None:
    # Many more rows than there are blocks for.
    connection = Connection(99, waits=waits)
    taken = copied(connection)
    begun: Callable[[], Any] = iter(taken).__next__
    begun()
    taken.close()
    assert connection.is_free
    taken.close()


def test_a_copy_that_has_not_begun_is_closed_at_once() -> None:
    connection = Connection(1)
    copied(connection).close()
    assert not connection.stopped.is_set()
