"""Values within texts: of arrays, ranges and composites, and the numbers of geometry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Inner

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions

_ITEM: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|((?:[^{}",\\]|\\.)+)', re.DOTALL)
_BOUND: Final = re.compile(r'"((?:[^"\\]|\\.|"")*)"|((?:[^\[\](){}",\\]|\\.)+)', re.DOTALL)
_FIELD: Final = re.compile(r'((?:"(?:[^"\\]|\\.|"")*"|[^",\\]|\\.)*)(,|$)', re.DOTALL)
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_OF_OTHER_FORM: Final = r"\d[eE_]|0[xXoObB]"
"""Numbers whose digits say less: 1e-9, and 0x1F, which PostgreSQL 16 takes."""
_EXACT_DIGITS: Final = {24: 6, 53: 15}
"""Of numbers that a float or a double surely keeps, by binary digits."""
_DIMENSIONS: Final = re.compile(r"^\s*(\[[^\]]*\]\s*)+=")
_DOUBLE: Final = ColumnConstraints(number=True, mantissa=53)
GEOMETRY: Final = ("point", "line", "lseg", "box", "path", "polygon", "circle")
_TYPE: Final = (
    "SELECT typtype, typinput = 'array_in'::regproc, typelem, typbasetype, typtypmod, typrelid, "
    "CASE WHEN typnamespace = 'pg_catalog'::regnamespace THEN typname ELSE '' END FROM pg_type WHERE oid = %s"
)

Split = Callable[[str], Iterator[tuple[int, str]]]
LimitsOf = Callable[..., ColumnConstraints]


def inner_of(cursor: extensions.cursor, oid: int, size: int, limits_of: LimitsOf) -> Inner | None:
    """Return what the values within a type's texts take; None if it has none, or the server is left to judge.

    :param oid: of the type.
    :param size: of the column, its ``atttypmod``.
    :param limits_of: returns the constraints of a type with a name and a size.
    """
    finder = _Finder(cursor, limits_of)
    split = finder.split_of(oid, size)
    if split is None:
        return None
    return Inner(tuple(finder.limits), partial(_of_column, split, _suspicion(finder.limits)))


def _of_column(split: Split, suspicious: str, column: pa.Array) -> Iterator[tuple[int, int, str]]:
    import pyarrow.compute as pc

    rows = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, suspicious), False))
    for row, text in zip(rows.to_pylist(), column.take(rows).to_pylist(), strict=True):
        for index, value in split(text):
            yield index, row, value


def _suspicion(limits: Sequence[ColumnConstraints]) -> str:
    """Return an expression that matches each text with a value that may bend; looking at all of them is slow."""
    patterns = {_OF_OTHER_FORM}
    for one in limits:
        if one.mantissa is not None:
            patterns.add(rf"[\d.]{{{_EXACT_DIGITS[one.mantissa] + 1}}}")
        elif one.scale is not None and one.scale >= 0 and one.high is None:
            patterns.add(rf"\.\d{{{one.scale}}}\d")
        else:
            return ""
    return "|".join(sorted(patterns))


@dataclass
class _Finder:
    """Looks types up; :attr:`limits` are those of the values within."""

    cursor: extensions.cursor
    limits_of: LimitsOf
    limits: list[ColumnConstraints] = field(default_factory=list)

    def split_of(self, oid: int, size: int) -> Split | None:
        """Return what finds the values within a text of a type that matter."""
        self.cursor.execute(_TYPE, (oid,))
        ((kind, is_array, element, base, base_size, relation, name),) = self.cursor.fetchall()
        if kind == "d":
            return self.split_of(base, base_size)
        if is_array:
            return _within(items_of, self.split_of(element, size))
        if kind in "rm":
            return _within(_bounds, self.split_of(self._subtype(oid, kind), -1))
        if kind == "c":
            return self._composite(relation)
        if name in GEOMETRY:
            return self._leaf(_DOUBLE, _NUMBER.findall)
        limits = self.limits_of(name, size, nullable=True)
        return self._leaf(limits, lambda text: [text]) if _matters(limits) else None

    def _leaf(self, limits: ColumnConstraints, values: Callable[[str], Sequence[str]]) -> Split:
        index = len(self.limits)
        self.limits.append(limits)
        return lambda text: ((index, value) for value in values(text))

    def _subtype(self, oid: int, kind: str) -> int:
        known_by = "rngtypid" if kind == "r" else "rngmultitypid"
        self.cursor.execute(f"SELECT rngsubtype FROM pg_range WHERE {known_by} = %s", (oid,))  # noqa: S608 - constants
        ((subtype,),) = self.cursor.fetchall()
        return int(subtype)

    def _composite(self, relation: int) -> Split | None:
        self.cursor.execute(
            "SELECT atttypid, atttypmod FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum",
            (relation,),
        )
        splits = [self.split_of(oid, size) for oid, size in self.cursor.fetchall()]

        def split(text: str) -> Iterator[tuple[int, str]]:
            for inner, value in zip(splits, fields_of(text), strict=False):
                if inner is not None and value is not None:
                    yield from inner(value)

        return split if any(splits) else None


def _matters(limits: ColumnConstraints) -> bool:
    """Return whether a server would bend a value, and not refuse it."""
    bends = (
        limits.moments,
        limits.scale if limits.high is None else None,
        limits.mantissa,
        limits.documents,
        limits.like,
        limits.octets,
        # Spaces that are too many are cut.
        limits.chars,
    )
    return any(one is not None for one in bends) or limits.low == 0


def _within(values: Callable[[str], Iterator[str]], split: Split | None) -> Split | None:
    return None if split is None else lambda text: (inner for value in values(text) for inner in split(value))


def items_of(text: str) -> Iterator[str]:
    """Yield the values of an array, at any depth, without nulls."""
    for match in _ITEM.finditer(_DIMENSIONS.sub("", text)):
        if match[1] is not None:
            yield _unescaped(match[1])
        elif (value := match[2].strip()) and value.upper() != "NULL":
            yield _unescaped(value)


def _bounds(text: str) -> Iterator[str]:
    """Yield the bounds of a range, or of several."""
    for match in _BOUND.finditer(text):
        if match[1] is not None:
            yield _unescaped(match[1])
        elif (value := match[2].strip()) and value.lower() != "empty":
            yield _unescaped(value)


def fields_of(text: str) -> Iterator[str | None]:
    """Yield the values of a composite; None for nulls."""
    for match in _FIELD.finditer(text.strip()[1:-1]):
        raw = match[1]
        is_quoted = raw.startswith('"') and raw.endswith('"')
        yield _unescaped(raw[1:-1] if is_quoted else raw) if raw else None
        if not match[2]:
            return


def _unescaped(text: str) -> str:
    return re.sub(r'\\(.)|""', lambda match: match[1] or '"', text, flags=re.DOTALL)
