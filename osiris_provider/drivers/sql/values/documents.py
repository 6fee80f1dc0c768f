"""JSON that a server would change: it keeps the last of two equal keys, and has its numbers as doubles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.sql.values.constraints import Documents
from osiris_provider.drivers.sql.values.floats import is_another_float
from osiris_provider.drivers.sql.values.intervals import Problem

if TYPE_CHECKING:
    import pyarrow as pa

_LONG: Final = r"\d[eE]|[\d.]{17}"
"""What a number has that a double may not be: an exponent, or 16 digits and a point."""
_UNSIGNED: Final = 2**64
_SIGNED: Final = -(2**63)


class _ChangedError(Exception):
    """A document would be another one."""


def changed_documents(column: pa.Array, documents: Documents) -> Iterator[Problem]:
    """Yield the documents that would not come back as they are; what is no JSON is left to the server.

    :param column: of texts.
    :param documents: what becomes of them in the column.
    """
    import pyarrow.compute as pc

    if documents.doubles:
        reason = "a number in its JSON would be another one, the column has doubles; write it as a text"
        yield _failing(column, pc.match_substring_regex(column, _LONG), _NUMBERS), reason
    reason = "an object in its JSON has a key twice, and the column keeps the last"
    yield _failing(column, pc.match_substring(column, "{"), _KEYS), reason


def _failing(column: pa.Array, suspect: pa.Array, decode: Callable[[str], Any]) -> pa.Array:
    """Return which of the suspect documents change."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pc.indices_nonzero(pc.fill_null(suspect, False))
    texts = column.take(rows)
    changed = [row for row, text in zip(rows.to_pylist(), texts.to_pylist(), strict=True) if _changes(text, decode)]
    return pc.is_in(pa.array(range(len(column)), pa.int64()), pa.array(changed, pa.int64()))


def _changes(text: str, decode: Callable[[str], Any]) -> bool:
    try:
        decode(text)
    except _ChangedError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _ChangedError


def _check_float(text: str) -> None:
    # What Python writes of a double is that double.
    if repr(float(text)) != text and is_another_float(text):
        raise _ChangedError


def _check_integer(text: str) -> None:
    # Integers of 64 bits stay what they are.
    if len(text) < len(str(_SIGNED)) or (len(text) <= len(str(_UNSIGNED)) and _SIGNED <= int(text) < _UNSIGNED):
        return
    _check_float(text)


_KEYS: Final = json.JSONDecoder(object_pairs_hook=_check_keys, parse_int=str, parse_float=str).decode
_NUMBERS: Final = json.JSONDecoder(parse_int=_check_integer, parse_float=_check_float).decode
