"""The format in which the rows of a table are copied into PostgreSQL: binary where each column can be, else CSV."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.postgres.copy_in.binary import binary_of, binary_types
from osiris_provider.drivers.postgres.values import csv_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class CopyFormat:
    """How batches go into a COPY.

    :param name: PostgreSQL's, of the format.
    :param encode: makes of a batch what is sent, in pieces.
    :param first_lines: says for each row of a batch at which line it begins, as COPY counts when it refuses one.
    """

    name: Literal["binary", "csv"]
    encode: Callable[[pa.RecordBatch], Iterable[bytes | memoryview]]
    first_lines: Callable[[pa.RecordBatch], Sequence[int]]


def copy_format(schema: pa.Schema, kinds: Mapping[str, str]) -> CopyFormat:
    """Return the format for an input and a table.

    :param schema: of the input.
    :param kinds: PostgreSQL's name of the type of each column of the table.
    """
    types = binary_types(schema, kinds)
    if types is None:
        return CopyFormat("csv", lambda batch: [csv_of(batch)], _first_lines)
    return CopyFormat("binary", partial(binary_of, types=types, kinds=kinds), _numbers)


def _numbers(batch: pa.RecordBatch) -> range:
    """Return the number of each row; COPY counts rows where there are no lines."""
    return range(1, batch.num_rows + 1)


def _first_lines(batch: pa.RecordBatch) -> list[int]:
    """Return the number of the line on which each row begins in the CSV of a batch."""
    # Until it has seen the end of a row, COPY takes only a carriage return in a text for the end of a line.
    breaks = _count("\r", batch.slice(0, 1)) + _count("\n", batch.slice(1))
    return list(itertools.accumulate((1 + inside for inside in breaks), initial=1))[:-1]


def _count(character: str, batch: pa.RecordBatch) -> list[int]:
    import pyarrow.compute as pc

    counts = [0] * batch.num_rows
    for column in batch.columns:
        if is_text(column.type):
            inside = pc.fill_null(pc.count_substring(column, character), 0).to_pylist()
            counts = [before + more for before, more in zip(counts, inside, strict=True)]
    return counts
