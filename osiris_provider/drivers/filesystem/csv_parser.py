"""Arrow's CSV parser, set so that it sees whole rows only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.filesystem.csv_syntax import Syntax
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def parse(
    data: bytes, syntax: Syntax, names: list[str] | None, convert: Any, handle: Callable[[Any], str] | None = None
) -> pa.Table:
    """Return the cells of whole rows.

    :param data: the rows.
    :param names: of the columns; None: there are as many as the first row has.
    :param convert: Arrow's ``ConvertOptions``.
    :param handle: is asked what to do with a row of a wrong length, as Arrow's ``invalid_row_handler``.
    :raises pyarrow.ArrowInvalid: a value is not of the type of its column, or a row has a wrong length.
    """
    import pyarrow as pa
    from pyarrow import csv

    if not data and names:
        return pa.table({name: pa.array([], convert.column_types[name]) for name in convert.include_columns})
    if not data.endswith((b"\n", b"\r")):
        # Arrow takes a single row without an end for an empty file.
        data += b"\n"
    return csv.read_csv(
        pa.BufferReader(data),
        # One block, so that nothing is at a border; one thread, so that errors tell the row.
        read_options=csv.ReadOptions(
            use_threads=False,
            block_size=len(data) + 1,
            column_names=names,
            autogenerate_column_names=names is None,
        ),
        parse_options=csv.ParseOptions(
            delimiter=syntax.delimiter,
            quote_char=syntax.quote or False,
            double_quote=syntax.quote is not None,
            escape_char=syntax.escape or False,
            newlines_in_values=True,
            # A blank line is a row of one empty cell.
            ignore_empty_lines=names is not None and len(names) > 1,
            invalid_row_handler=handle,
        ),
        convert_options=convert,
    )


def cells_of(row: bytes, syntax: Syntax) -> list[str]:
    """Return the cells of the first row as text.

    :raises DataError: it is no text.
    """
    import pyarrow as pa
    from pyarrow import csv

    if not _is_text(row):
        message = "the first row is not UTF-8 text; give encoding, such as latin-1 or utf-16, if it is a CSV file"
        raise DataError(message)
    count = parse(row, syntax, None, csv.ConvertOptions()).num_columns
    names = [f"f{number}" for number in range(count)]
    convert = csv.ConvertOptions(
        strings_can_be_null=False, include_columns=names, column_types=dict.fromkeys(names, pa.string())
    )
    cells = parse(row, syntax, None, convert).to_pylist()[0]
    return [str(cells[name]) for name in names]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
