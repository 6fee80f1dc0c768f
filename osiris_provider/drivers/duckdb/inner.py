"""Values within texts that become lists, structs and maps of DuckDB, which rounds and guesses them like others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.duckdb.types import children_of, quote
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Inner

if TYPE_CHECKING:
    import pyarrow as pa

Walk = Callable[[Any], Iterator[tuple[int, str]]]
"""Yields the texts within a value, each with the place of its limits."""


def inner_of(dtype: Any, limits_of: Callable[[str], ColumnConstraints]) -> Inner | None:
    """Return what the values within a nested type take; None for other types.

    :param dtype: as DuckDB's Python package has it.
    :param limits_of: returns the constraints of a type by its name.
    """
    if dtype.id not in _NESTED:
        return None
    limits: list[ColumnConstraints] = []
    walk = _walk_of(dtype, limits, limits_of)
    wide = _wide(dtype)

    def split(column: pa.Array) -> Iterator[tuple[int, int, str]]:
        for row, value in enumerate(_cast(column, wide)):
            for index, text in walk(value):
                yield index, row, text

    return Inner(tuple(limits), split) if limits else None


def _cast(column: pa.Array, wide: str) -> list[Any]:
    """Return texts as nested values of texts; None for those that are none."""
    import duckdb
    import pyarrow as pa

    # On a database of its own: the writer's is busy on another thread.
    with duckdb.connect() as database:
        database.register("osiris_texts", pa.table({"v": column}))
        return [value for (value,) in database.execute(f"SELECT TRY_CAST(v AS {wide}) FROM osiris_texts").fetchall()]  # noqa: S608 - quoted


def _wide(dtype: Any) -> str:
    """Return a nested type that has texts in the place of all values."""
    if dtype.id not in _NESTED:
        return "VARCHAR"
    children = dict(dtype.children)
    if dtype.id == "struct":
        return f"STRUCT({', '.join(f'{quote(name)} {_wide(child)}' for name, child in dtype.children)})"
    if dtype.id == "map":
        return f"MAP({_wide(children['key'])}, {_wide(children['value'])})"
    return f"{_wide(children['child'])}[{children.get('size', '')}]"


def _walk_of(dtype: Any, limits: list[ColumnConstraints], limits_of: Callable[[str], ColumnConstraints]) -> Walk:
    if dtype.id not in _NESTED:
        own = limits_of(str(dtype))
        if own == ColumnConstraints():
            return _nothing
        limits.append(own)
        index = len(limits) - 1
        return lambda value: iter(() if value is None else [(index, value)])
    parts = [_walk_of(child, limits, limits_of) for _, child in children_of(dtype)]
    if dtype.id == "struct":
        return lambda value: (
            text for walk, one in zip(parts, (value or {}).values(), strict=False) for text in walk(one)
        )
    if dtype.id == "map":
        return lambda value: (
            text for pair in (value or {}).items() for walk, one in zip(parts, pair, strict=True) for text in walk(one)
        )
    return lambda value: (text for one in value or () for text in parts[0](one))


def _nothing(_: Any) -> Iterator[tuple[int, str]]:
    return iter(())


_NESTED = ("list", "array", "struct", "map")
