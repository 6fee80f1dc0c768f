"""Rows that a run has read, and has to know again: at the cursor value, and ahead of their time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SEEN = 1000
"""Rows at the cursor value, or ahead of their time, are known again as long as they are no more than this."""


class Seen:
    """Rows that a run has read, each digest as often as there were such rows.

    :param digests: None if they are not known; any row may have been read then.
    :param names: of the columns that the rows had, in their order, None if that is not known. A source that has got
        another column since then has the same rows.
    """

    def __init__(self, digests: tuple[str, ...] | None, names: Sequence[str] | None = None) -> None:
        self._left = None if digests is None else Counter(digests)
        self._names = names

    def among(self, batch: pa.RecordBatch, candidates: pa.Array) -> pa.Array:
        """Return which of the candidates have been read; each counts once.

        :param candidates: for each row, whether it can be one.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._left is None or not pc.any(candidates).as_py():
            return candidates
        digests = iter(_digests(self._as_read(batch.filter(candidates))) or [] if self._left else [])
        return pa.array([one and self._is_one(next(digests, "")) for one in candidates.to_pylist()], pa.bool_())

    def _as_read(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows with the columns that those before had, if they have all of these."""
        names = rows.schema.names
        known = self._names is not None and len(set(names)) == len(names) and set(self._names) <= set(names)
        return rows.select(list(self._names)) if known and self._names else rows

    def _is_one(self, digest: str) -> bool:
        if self._left is None or self._left[digest] <= 0:
            return False
        self._left[digest] -= 1
        return True


class Top:
    """The greatest value so far, and the rows that will have to be known again."""

    def __init__(self) -> None:
        self.key: pa.Scalar | None = None
        self.value: pa.Scalar | None = None
        self.ahead = 0
        self.example: object = None
        self._at_top: list[str] | None = []
        self._ahead: list[str] | None = []

    def note(self, batch: pa.RecordBatch, column: pa.Array, keys: pa.Array, *, rows: bool) -> None:
        """Take the greatest value of a batch.

        :param rows: whether the rows that have it are to be known again.
        """
        import pyarrow.compute as pc

        top = pc.max(keys)
        if not top.is_valid:
            return
        at_top = pc.fill_null(pc.equal(keys, top), False)
        if self.key is None or not pc.greater_equal(self.key, top).as_py():
            self.key, self.value, self._at_top = top, column.filter(at_top)[0], []
        if rows and pc.equal(self.key, top).as_py():
            self._at_top = _with_digests(self._at_top, batch.filter(at_top))

    def note_ahead(self, batch: pa.RecordBatch, column: pa.Array) -> None:
        """Take rows that are ahead of their time."""
        self.ahead += batch.num_rows
        self.example = column[0].as_py() if self.example is None else self.example
        self._ahead = _with_digests(self._ahead, batch)

    def digests(self) -> tuple[str, ...] | None:
        """Return the digests of all rows to be known again, None if they are too many."""
        if self._at_top is None or self._ahead is None or len(self._at_top) + len(self._ahead) > MAX_SEEN:
            return None
        return (*self._at_top, *self._ahead)


def _with_digests(known: list[str] | None, rows: pa.RecordBatch) -> list[str] | None:
    if known is None or len(known) + rows.num_rows > MAX_SEEN:
        return None
    fresh = _digests(rows)
    return None if fresh is None else [*known, *fresh]


def _digests(rows: pa.RecordBatch) -> list[str] | None:
    """Return a digest of each row's names and values; None if Python has no counterpart of one."""
    import pyarrow as pa

    columns = []
    try:
        for column in rows.columns:
            # Python's own times end at microseconds.
            is_fine = pa.types.is_timestamp(column.type) or column.type == pa.time64("ns")
            exact = column.cast(pa.int64()) if is_fine else column
            columns.append(exact.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        return None
    names = repr(rows.schema.names)
    return [
        hashlib.blake2b(f"{names}{values!r}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for values in zip(*columns, strict=True)
    ]
