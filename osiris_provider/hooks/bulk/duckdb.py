"""Tab-delimited files to and from DuckDB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from osiris_provider.drivers.duckdb.types import quote
from osiris_provider.errors import DataError
from osiris_provider.hooks.bulk.text import batches_in, hexadecimal, line_of

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

FETCHED_ROWS: Final = 2048
"""DuckDB makes so many at a time."""
_LINES: Final = "osiris_lines"
# DuckDB would round, or cut, what comes behind.
_INTEGER: Final = r"[-+]?[0-9]+(\.0*)?"
_EXACT: Final = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), _INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), _INTEGER),
    "DATE": "[^:]*",
    **dict.fromkeys(("TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"), r"[^.]*(\.[0-9]{0,6}0*([^0-9].*)?)?"),
}
"""What the text of a value has to be like, by the type of its column."""


@dataclass(frozen=True)
class Column:
    """A column that a row may give."""

    name: str
    dtype: str

    @property
    def selected(self) -> str:
        """What is selected of it."""
        return quote(self.name) if self.dtype == "BLOB" else f"CAST({quote(self.name)} AS VARCHAR)"

    @property
    def comes_back(self) -> str:
        """Whether its text is the value again: that of some nested values is not."""
        return f"TRY_CAST({self.selected} AS {self.dtype}) IS NOT DISTINCT FROM {quote(self.name)}"

    def loaded(self, text: str) -> str:
        """Return what makes its value of a text."""
        return f"unhex(substr({text}, 3))" if self.dtype == "BLOB" else f"CAST({text} AS {self.dtype})"

    def fits(self, text: str) -> str:
        """Return whether a text is the text of a value."""
        if self.dtype == "BLOB":
            return rf"regexp_full_match({text}, '\\x([0-9A-Fa-f][0-9A-Fa-f])*')"
        exact = _EXACT.get(self.dtype)
        if self.dtype.startswith("DECIMAL"):
            scale = int(self.dtype.rstrip(")").rpartition(",")[2])
            exact = rf"[-+]?[0-9]*(\.[0-9]{{0,{scale}}}0*)?"
        fits = f"TRY_CAST({text} AS {self.dtype}) IS NOT NULL"
        return f"{fits} AND regexp_full_match(trim({text}), '{exact}')" if exact else fits


def dump(client: DuckDBPyConnection, table: str, file: BinaryIO) -> int:
    """Write the rows of a table into a file and return their number; a batch of them is in memory at a time.

    :param client: an open connection.
    :param table: as SQL writes it.
    :param file: for writing.
    :raises DataError: a value is another after it was written as text.
    """
    columns = columns_of(client, table)
    selected = ", ".join(column.selected for column in columns)
    checks = " AND ".join(column.comes_back for column in columns)
    client.execute(f"SELECT {checks}, {selected} FROM {table}")  # noqa: S608 - names are quoted, the table is SQL
    count = 0
    while rows := client.fetchmany(FETCHED_ROWS):
        for comes_back, *values in rows:
            count += 1
            if not comes_back:
                message = (
                    f"Table {table}: row {count:,} of the result holds a value that is another when it is read from "
                    "its text. Nothing was dumped. Use duckdb.extractor, or select the value in another form."
                )
                raise DataError(message, table=table, row=count)
            file.write(line_of(_written(value) for value in values))
    return count


def load(client: DuckDBPyConnection, table: str, path: str | os.PathLike[str]) -> int:
    """Load a file into a table, in one transaction, and return the number of rows.

    :param client: an open connection; its caller closes it, which drops what is not committed.
    :param table: as SQL writes it.
    :param path: of the file.
    :raises DataError: a value does not fit; nothing was written.
    """
    columns = columns_of(client, table)
    count = 0
    client.begin()
    for batch in batches_in(path):
        _load(client, table, columns, _Batch(str(path), batch, count))
        count += len(batch)
    client.commit()
    return count


@dataclass(frozen=True)
class _Batch:
    path: str
    rows: list[list[bytes | None]]
    before: int

    def table(self, names: Sequence[str], table: str) -> pa.Table:
        """Return the rows as texts."""
        import pyarrow as pa

        for number, row in enumerate(self.rows):
            if len(row) != len(names):
                raise self.refusal(table, number, f"it has {len(row)} values, and the table {len(names)} columns")
        texts = zip(*self.rows, strict=True)
        return pa.table({f"c{number}": self._texts(column, table) for number, column in enumerate(texts)})

    def _texts(self, column: Sequence[bytes | None], table: str) -> pa.Array:
        import pyarrow as pa

        try:
            return pa.array(column, pa.binary()).cast(pa.large_string())
        except pa.ArrowInvalid:
            wrong = next(number for number, value in enumerate(column) if value and "\ufffd" in _lenient(value))
        raise self.refusal(table, wrong, "it is not UTF-8")

    def refusal(self, table: str, number: int, reason: str) -> DataError:
        """Return the error for one of the rows."""
        row = self.before + number + 1
        message = f"{self.path} does not fit into table {table}: row {row:,}: {reason}. Nothing was written."
        return DataError(message, table=table, file=self.path, row=row)


def _load(client: DuckDBPyConnection, table: str, columns: Sequence[Column], batch: _Batch) -> None:
    import duckdb
    import pyarrow as pa

    texts = batch.table([column.name for column in columns], table)
    client.register(_LINES, texts.append_column("n", pa.array(range(len(batch.rows)))))
    _check(client, table, columns, batch)
    names = ", ".join(quote(column.name) for column in columns)
    values = ", ".join(column.loaded(f"c{number}") for number, column in enumerate(columns))
    try:
        client.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {_LINES} ORDER BY n")  # noqa: S608 - as above
    except duckdb.ConstraintException:
        more = f", or one of the next {len(batch.rows) - 1:,}," if len(batch.rows) > 1 else ""
        reason = f"it{more} breaks a rule of the table: key, check or not null"
    else:
        return
    raise batch.refusal(table, 0, reason)


def _check(client: DuckDBPyConnection, table: str, columns: Sequence[Column], batch: _Batch) -> None:
    """Check that each text is the text of a value."""
    wrong = ", ".join(
        f"min(n) FILTER (c{number} IS NOT NULL AND NOT ({column.fits(f'c{number}')}))"
        for number, column in enumerate(columns)
    )
    first_wrong = client.execute(f"SELECT {wrong} FROM {_LINES}").fetchone() or ()  # noqa: S608 - as above
    for column, number in zip(columns, first_wrong, strict=True):
        if number is not None:
            raise batch.refusal(table, number, f"column {column.name}: it is no {column.dtype}, or more than it holds")


def _lenient(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _written(value: Any) -> bytes | None:
    if isinstance(value, bytes):
        return hexadecimal(value)
    return None if value is None else str(value).encode()


def columns_of(client: DuckDBPyConnection, table: str) -> list[Column]:
    """Return the columns that a row may give.

    :param client: an open connection.
    :param table: as SQL writes it.
    """
    described = client.execute("SELECT name, type, dflt_value FROM pragma_table_info(?)", [table]).fetchall()
    return [Column(name, dtype) for name, dtype, default in described if default is None or _takes(client, table, name)]


def _takes(client: DuckDBPyConnection, table: str, name: str) -> bool:
    """Return whether a column takes values: a generated one looks like one with a default."""
    import duckdb

    try:
        client.execute(f"EXPLAIN INSERT INTO {table} ({quote(name)}) SELECT NULL")
    except duckdb.BinderException:
        return False
    return True
