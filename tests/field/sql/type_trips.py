"""Tables of every column type of a server, through our extractor, staging and our writer, into a table of their kind.

What the server shows of a value has to be the same before and after, or the writer has to name its column and row.
"""

from __future__ import annotations

import itertools
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from hypothesis import strategies as st
from osiris_provider.errors import DataError
from osiris_provider.runtime.staging import Staging
from upath import UPath

from tests.integration.sql.families import Connection, SQLFamily
from tests.servers import Address

TABLES = itertools.count()
Values = Sequence[str]
"""Literals of SQL; behind them comes NULL."""
Refused = set[tuple[str, str]]
"""Types and literals that a writer did not take."""


class TypeTrips(SQLFamily):
    """What the families do the same way."""

    @abstractmethod
    def shown(self, column: str, declared: str) -> str:
        """Return the SQL of what the server shows of a column's values, all of it."""

    def back(self, column: str, declared: str) -> str:
        """Return the SQL that makes a value of its type of one in a table that a writer made."""
        del declared
        return column

    session: ClassVar[Sequence[str]] = ()
    """Statements before all others, so that the server shows values whole and takes all that its types have."""

    def many(self, address: Address, statements: Sequence[str]) -> list[tuple[Any, ...]]:
        """Run statements and return the rows of the last."""
        return self.execute(address, *self.session, *statements)

    def trip(
        self,
        connection: Connection,
        address: Address,
        directory: Path,
        columns: Mapping[str, Values],
        writes: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> Refused:
        """Send a table around and compare; return what was refused.

        :param columns: type to values; a type may be there again with spaces behind it.
        :param writes: config of the writer.
        :param config: of the extractor.
        """
        number = next(TABLES)
        source, target, created, back = (f"t{number}_{name}" for name in ("source", "target", "made", "back"))
        kinds = {f"v{refused_row}": declared for refused_row, declared in enumerate(columns)}
        rows = [*zip_longest(*columns.values()), [None] * len(columns)]
        declared = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        fill = [
            f"INSERT INTO {source} VALUES ({refused_row}, {', '.join(value or 'NULL' for value in row)})"
            for refused_row, row in enumerate(rows, 1)
        ]
        create = [f"CREATE TABLE {table} (n INT, {declared})" for table in (source, target, back)]
        self.many(address, [*create, *fill])
        data = self.staged(connection, directory, f"SELECT * FROM {source} ORDER BY n", **config)
        refused = self.write_what_fits(connection, data, {**(writes or {}), "table": target})
        wanted = self.look(address, source, kinds)
        for name, row in refused:
            wanted[row - 1][name] = None
        assert differences(self.look(address, target, kinds), wanted, kinds) == []
        self.write(connection, without(data, refused), **{**(writes or {}), "table": created}, create_if_missing=True)
        casts = ", ".join(self.back(name, kind) for name, kind in kinds.items())
        self.many(address, [f"INSERT INTO {back} SELECT n, {casts} FROM {created}"])
        assert differences(self.look(address, back, kinds), wanted, kinds) == []
        return {(kinds[name].strip(), str(rows[row - 1][list(kinds).index(name)])) for name, row in refused}

    def staged(self, connection: Connection, directory: Path, query: str, **config: Any) -> pa.Table:
        """Return what an extract leaves in staging."""
        staging = Staging(directory.as_uri(), UPath)
        reader = self.reader(connection, query=query, **config)
        return staging.read(staging.write(("dag", "run", "task", "0", "1"), reader))["table"]

    def write_what_fits(
        self, connection: Connection, data: pa.Table, config: Mapping[str, Any]
    ) -> set[tuple[str, int]]:
        """Write a table without the values that the writer refuses by column and row; return these."""
        refused: set[tuple[str, int]] = set()
        while (refused_row := self.refused(connection, without(data, refused), config)) is not None:
            assert refused_row not in refused, refused_row
            refused.add(refused_row)
        return refused

    def refused(self, connection: Connection, data: pa.Table, config: Mapping[str, Any]) -> tuple[str, int] | None:
        """Write a table and return column and row of what was refused, None if nothing was."""
        try:
            self.write(connection, data, **config)
        except DataError as error:
            problem = error
        else:
            return None
        assert "othing was written" in str(problem), problem
        assert problem.column is not None, problem
        assert problem.row is not None, problem
        return problem.column, problem.row

    def look(self, address: Address, table: str, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the values of a table as the server shows them."""
        shown = ", ".join(self.shown(name, kind) for name, kind in kinds.items())
        actual = self.many(address, [f"SELECT {shown} FROM {table} ORDER BY n"])
        return [dict(zip(kinds, row, strict=True)) for row in actual]


def differences(
    actual: list[dict[str, Any]], wanted: list[dict[str, Any]], kinds: Mapping[str, str]
) -> list[tuple[str, Any, Any]]:
    """Return type and values where two tables differ."""
    rows = zip(actual, wanted, strict=True)
    return [
        (kinds[name], row[name], value) for row, given in rows for name, value in given.items() if row[name] != value
    ]


def without(table: pa.Table, refused: set[tuple[str, int]]) -> pa.Table:
    """Return a table with nulls in place of some values."""
    for name in {name for name, _ in refused}:
        column = table[name].combine_chunks()
        rows = [None if (name, row) in refused else row - 1 for row in range(1, len(table) + 1)]
        table = table.set_column(table.column_names.index(name), name, column.take(pa.array(rows, pa.int64())))
    return table


def texts(*values: str) -> list[str]:
    """Return literals of standard SQL."""
    return ["'" + value.replace("'", "''") + "'" for value in values]


def integer_text(bits: int, *, signed: bool = True) -> list[str]:
    """Return the least and the greatest whole number of so many bits, and zero."""
    least = -(2 ** (bits - 1)) if signed else 0
    return texts(str(least), "0", str(least + 2**bits - 1))


def decimals(precision: int, scale: int) -> st.SearchStrategy[str]:
    """Return numbers of so many digits, so many of them behind the point."""
    largest = 10**precision - 1
    return st.integers(-largest, largest).map(
        lambda n: f"{'-' * (n < 0)}{abs(n) // 10**scale}.{abs(n) % 10**scale:0{scale}}"
    )


def numbers(bits: int, *, signed: bool = True) -> st.SearchStrategy[str]:
    """Return whole numbers of so many bits."""
    least = -(2 ** (bits - 1)) if signed else 0
    return st.integers(least, least + 2**bits - 1).map(str)


def floats(width: Any) -> st.SearchStrategy[str]:
    """Return floating-point numbers."""
    return st.floats(width=width, allow_nan=False, allow_infinity=False).map(repr)


days = st.dates().map(str)
moments = st.datetimes().map(lambda moment: moment.isoformat(" "))
clocks = st.times().map(lambda clock: clock.isoformat())
hexes = st.binary(max_size=20).map(bytes.hex)
uuids = st.uuids().map(str)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
).map(json.dumps)


@st.composite
def columns_of(draw: st.DrawFn, kinds: Mapping[str, st.SearchStrategy[str]]) -> dict[str, list[str]]:
    """Return some types and literals of each."""
    chosen = draw(st.lists(st.sampled_from(list(kinds)), min_size=1, max_size=8, unique=True))
    return {kind: texts(*draw(st.lists(kinds[kind], min_size=1, max_size=6))) for kind in chosen}
