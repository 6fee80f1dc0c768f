"""Batches on their way into COPY, encoded by a thread in small pieces, a little ahead of what is sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.parallel import LEAVE_SECONDS, read_ahead

if TYPE_CHECKING:
    import pyarrow as pa

PIECES_AHEAD = 8
Encode = Callable[["pa.RecordBatch"], Iterable[bytes | memoryview]]


class EncodingError(Exception):
    """What is sent breaks off; the server only learns that it does."""


class Pieces(io.RawIOBase):
    """What is sent of a batch, as a file from which psycopg2 reads it.

    :param items: the pieces, and None behind the last.
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self.error: Exception | None = None
        """What broke it off."""
        self._items = items
        self._open = io.BytesIO()
        self._at_end = False

    def read(self, size: int = -1, /) -> bytes:
        """Return what comes next, at most so many bytes; none at the end.

        :raises EncodingError: psycopg2 tells the server its text, so that it has none of the values.
        """
        while not (data := self._open.read(size)) and not self._at_end:
            try:
                piece = next(self._items)
            except Exception as error:  # noqa: BLE001 - raised again behind the COPY
                self.error = error
                raise EncodingError from None
            self._at_end = piece is None
            self._open = io.BytesIO(piece or b"")
        return data

    def drop(self) -> None:
        """Take what was not read."""
        while not self._at_end:
            self._at_end = next(self._items) is None


def encoded_ahead(batches: Batches, encode: Encode) -> Iterator[tuple[pa.RecordBatch, Pieces]]:
    """Yield each batch and what is sent for it, which comes while it is read.

    What is wrong with the input is raised between two batches.

    :param batches: read on another thread; see :data:`LEAVE_SECONDS`.
    :param encode: makes what is sent, on that thread too.
    """

    def items() -> Iterator[Any]:
        for batch in batches:
            yield batch
            yield from encode(batch)
            yield None

    with closing(cast("Any", read_ahead([items()], lambda: None, PIECES_AHEAD, LEAVE_SECONDS))) as ahead:
        for batch in ahead:
            pieces = Pieces(ahead)
            yield batch, pieces
            pieces.drop()
