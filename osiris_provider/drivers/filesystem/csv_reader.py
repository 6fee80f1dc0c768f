"""Reading CSV: rows are cut here, cells are separated by Arrow, and types are given by what is in them."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from osiris_provider.drivers.data import ColumnNeedsTextError, repeated
from osiris_provider.drivers.exponents import DEEP
from osiris_provider.drivers.filesystem.config import CsvExtractorConfig
from osiris_provider.drivers.filesystem.csv_checks import first_changed, first_failing, succeeds
from osiris_provider.drivers.filesystem.csv_parser import cells_of, parse
from osiris_provider.drivers.filesystem.csv_records import BrokenRowError, Rows, check_size, first_row, rows_of
from osiris_provider.drivers.filesystem.csv_source import blocks
from osiris_provider.drivers.filesystem.csv_syntax import Syntax
from osiris_provider.drivers.filesystem.csv_text import from_text, parsed_as
from osiris_provider.drivers.filesystem.csv_types import common, decimal_texts, infer, parse_as
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.messages import did_you_mean, one_line, without_brackets

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

LONGEST_VALUE = 40
"""Characters of a value that an error shows."""
SHOWN_NAMES = 10
_BREAK = re.compile(rb"\r\n|\r|\n")
_SEPARATOR = re.compile(rb'"?sep=([^\r\n"])"?(\r\n|\r|\n|\Z)', re.IGNORECASE)


class CsvReader:
    """Reads one file.

    :param config: of the step.
    :param known: types of columns that an earlier go has found; see :attr:`wider`.
    """

    def __init__(self, config: CsvExtractorConfig, known: Mapping[str, pa.DataType]) -> None:
        self.config = config
        self.wider: dict[str, pa.DataType] = dict(known)
        """After :class:`ColumnNeedsTextError`: the types with which the next go gets on."""
        self._names: list[str] = []
        self._wanted: list[str] = []
        self._rows = 0
        self._bad: list[int] = []

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; the first batch, which may be empty, has the schema.

        :raises ColumnNeedsTextError: a value is not of the type that the first rows suggest.
        :raises DriverConfigError: a field names a column that the file does not have.
        :raises DataError: the file is not CSV, or a value is not of the type that is declared for its column.
        """
        try:
            yield from self._batches()
        except BrokenRowError as error:
            problem = f"row {self._rows + error.rows + 1:,} {error.problem}"
        else:
            return
        raise DataError(problem)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        syntax, read = self._syntax(blocks(self.config))
        read = self._header(read, syntax)
        wanted = self.config.limit
        batches = (self._batch(rows, syntax) for rows in rows_of(read, syntax))
        # Blank lines and comments say nothing about types.
        batches = (batch for batch in batches if batch.num_rows)
        first = next(batches, None) or self._batch(Rows(b""), syntax)
        for batch in itertools.chain([first], batches):
            yield batch if wanted is None else batch.slice(0, wanted)
            wanted = None if wanted is None else max(0, wanted - batch.num_rows)
            if wanted == 0:
                break
        if self._bad:
            first = f"the first is row {self._bad[0]:,}"
            log.warning("%s: skipped %s rows of a wrong length; %s.", self.config.path, len(self._bad), first)

    def _syntax(self, read: Iterator[bytes]) -> tuple[Syntax, Iterator[bytes]]:
        """Return the characters that have a meaning, and the blocks from the header on."""
        config = self.config
        start, skip = b"", config.skip_rows
        for block in read:
            start += block
            # A CR at the very end may have its LF in the next block.
            if not start.endswith(b"\r"):
                start, skip = _skipped(start, skip)
                if not skip and _BREAK.search(start):
                    break
            check_size(start)
        start, skip = _skipped(start, skip)
        start = b"" if skip else start
        delimiter = config.delimiter
        if match := _SEPARATOR.match(start):
            named = match[1].decode("latin-1")
            if delimiter not in (None, named):
                message = f"its first line says sep={named}, and config field delimiter says {delimiter}; leave it out"
                raise DataError(message)
            delimiter, start = named, start[match.end() :]
        syntax = Syntax(delimiter or ",", config.quote, config.escape, config.comment, config.newline)
        return syntax, itertools.chain([start], read)

    def _header(self, read: Iterator[bytes], syntax: Syntax) -> Iterator[bytes]:
        """Find the names of the columns, and return the blocks behind them."""
        config = self.config
        row, read = first_row(read, syntax, blank=not config.header)
        if not row:
            message = "Empty CSV file; it has no row, not even a header"
            raise DataError(message)
        cells = cells_of(row, syntax)
        if config.header:
            self._names = config.column_names or cells
        else:
            self._names = config.column_names or [f"f{number}" for number in range(len(cells))]
            read = itertools.chain([row], read)
        self._check_columns()
        self._wanted = config.columns or self._names
        return read

    def _check_columns(self) -> None:
        if duplicates := repeated(self._names):
            named = ", ".join(map(_shown, duplicates[:SHOWN_NAMES]))
            message = f"several columns are named {named}; give names in column_names"
            raise DataError(message)
        for field in ("columns", "column_types"):
            for name in getattr(self.config, field) or ():
                if name not in self._names:
                    message = f"config field {field}: it has no column '{name}'.{did_you_mean(name, self._names)}"
                    raise DriverConfigError(message)

    def _batch(self, rows: Rows, syntax: Syntax) -> pa.RecordBatch:
        """Return rows with their types; those that the first ones show stay."""
        import pyarrow as pa

        table, bad = self._parsed(rows, syntax)
        quoted = self._quoted(rows)
        columns: list[pa.Array] = []
        errors: list[_ConversionError] = []
        for name in self._wanted:
            texts = _restored(table.column(name).combine_chunks(), rows)
            try:
                columns.append(
                    self._typed(name, texts, quoted[name], _Cells(rows.data, partial(self._cells, name, rows, syntax)))
                )
            except _ConversionError as error:
                errors.append(error)
        if errors:
            raise self._needs_wider(errors)
        self._rows += table.num_rows + bad
        return pa.RecordBatch.from_arrays(columns, names=self._wanted)

    def _quoted(self, rows: Rows) -> dict[str, bool]:
        """Return of each column whether a cell of it is quoted, as far as that matters."""
        import pyarrow as pa

        if all(self.config.type_of(name) or self.wider.get(name) == pa.string() for name in self._wanted):
            return dict.fromkeys(self._names, True)
        return dict(zip(self._names, rows.quoted_columns(len(self._names)), strict=True))

    def _cells(self, name: str, rows: Rows, syntax: Syntax) -> pa.Array:
        """Return the cells of a column as they are."""
        import pyarrow as pa
        from pyarrow import csv

        convert = csv.ConvertOptions(include_columns=[name], column_types={name: pa.string()})
        return parse(rows.data, syntax, self._names, convert, lambda _: "skip").column(name).combine_chunks()

    def _typed(self, name: str, column: pa.Array, quoted: bool, cells: _Cells) -> pa.Array:
        declared = self.config.type_of(name)
        if declared is not None:
            return self._declared(name, column, declared, cells)
        point = self.config.decimal_point
        dtype = self.wider.get(name)
        if dtype is None:
            inferred = column if quoted else infer(column, point)
            if len(column):
                self.wider[name] = inferred.type
            return inferred
        is_text = dtype == column.type
        if is_text or (not quoted and (parsed := parse_as(column, dtype, point)) is not None):
            return column if is_text else parsed
        said = without_brackets(str(dtype))
        if quoted:
            problem = f"from row {self._rows + 1:,} on: a cell is quoted, and so is text and no {said}"
            raise _ConversionError(name, problem, column.type)
        wider = common(dtype, infer(column, point).type)
        row = first_failing(column, lambda part: parse_as(part, dtype, point) is not None)
        number = self._number_of(row)
        problem = f"row {number:,}: {_shown(column[row].as_py())} is no {said}"
        raise _ConversionError(name, problem, wider, number)

    def _declared(self, name: str, column: pa.Array, dtype: pa.DataType, cells: _Cells) -> pa.Array:
        column = decimal_texts(column, dtype, self.config.decimal_point)
        try:
            values = from_text(column, dtype, self.config.binary)
        except ValueError:
            row = first_failing(column, lambda part: succeeds(lambda: from_text(part, dtype, self.config.binary)))
        else:
            changed = first_changed(values, cells.data, cells.read)
            if changed is None:
                return values
            row = changed
        number, text = self._number_of(row), cells.read()[row].as_py()
        message = f"column {name}, row {number:,}: {_shown(text)} is no {without_brackets(str(dtype))}"
        raise DataError(message, column=name, row=number)

    def _number_of(self, row: int) -> int:
        """Return the number in the file of a row of the block that is being read, with those that were left out."""
        number = self._rows + row + 1
        for skipped in self._bad:
            number += self._rows < skipped <= number
        return number

    def _needs_wider(self, errors: list[_ConversionError]) -> ColumnNeedsTextError:
        first = errors[0]
        self.wider.update({error.column: error.wider for error in errors})
        message = (
            f"column {first.column}, {first.problem}, as the first rows suggest. Give types in column_types, such as "
            f"{{{first.column}: string}}, or set default_type: string."
        )
        return ColumnNeedsTextError(message, [error.column for error in errors], row=first.row)

    def _parsed(self, rows: Rows, syntax: Syntax) -> tuple[pa.Table, int]:
        """Return the cells of whole rows, and how many rows were left out."""
        import pyarrow as pa
        from pyarrow import csv

        bad: list[int] = []

        def handle(row: Any) -> str:
            bad.append(self._rows + row.number)
            if self.config.bad_lines == "error":
                cells.append(row.actual_columns)
                return "error"
            return "skip"

        cells: list[int] = []
        deep = re.search(DEEP.encode(), rows.data) is not None
        types = {name: self.config.type_of(name) for name in self._wanted}
        convert = csv.ConvertOptions(
            null_values=self.config.null_values,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            decimal_point=self.config.decimal_point,
            include_columns=self._wanted,
            column_types={name: parsed_as(dtype or pa.string(), deep=deep) for name, dtype in types.items()},
        )
        try:
            table = parse(rows.data, syntax, self._names, convert, handle)
        except pa.ArrowInvalid as error:
            problem = self._problem(str(error), bad, cells)
        else:
            self._bad += bad
            return table, len(bad)
        raise DataError(problem)

    def _problem(self, said: str, bad: list[int], cells: list[int]) -> str:
        if cells:
            expected = len(self._names)
            advice = "Correct the file, or set bad_lines: skip"
            return f"row {bad[-1]:,} has {cells[0]} cells and not {expected}, the number of columns. {advice}"
        if row := re.search(r"Row #(\d+): Expected \d+ columns", said):
            # Arrow asks what to do with it unless it is no text.
            return f"row {self._rows + int(row[1]):,} is not UTF-8 text; give encoding, such as latin-1"
        if "invalid UTF8" in said:
            number = re.search(r"CSV column #(\d+)", said)
            where = f"column {self._wanted[int(number[1])]}" if number else "a column"
            return f"{where} is not UTF-8 text; give encoding, such as latin-1"
        said = re.sub(r"CSV column #(\d+)", lambda match: f"column {self._wanted[int(match[1])]}", said)
        return one_line(re.sub(r"Row #(\d+)", lambda match: f"row {self._rows + int(match[1]):,}", said))


class _Cells(NamedTuple):
    """What a column was made of: the text of all rows, and how to read its cells once more."""

    data: bytes
    read: Callable[[], pa.Array]


class _ConversionError(Exception):
    """A value is not of the type of its column."""

    def __init__(self, column: str, problem: str, wider: pa.DataType, row: int | None = None) -> None:
        super().__init__(column)
        self.column, self.problem, self.wider, self.row = column, problem, wider, row


def _skipped(data: bytes, lines: int) -> tuple[bytes, int]:
    """Return what is behind so many lines, and how many more there are to skip."""
    # The split of re takes 0 for all.
    pieces = _BREAK.split(data, maxsplit=lines) if lines else [data]
    return pieces[-1], lines - len(pieces) + 1


def _restored(column: pa.Array, rows: Rows) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == pa.string():
        for stand_in, byte in rows.hidden:
            column = pc.replace_substring(column, stand_in.decode(), byte.decode())
    return column


def _shown(value: object) -> str:
    return f"'{one_line(str(value)[:LONGEST_VALUE])}'"
