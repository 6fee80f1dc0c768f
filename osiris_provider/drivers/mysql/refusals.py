"""What is said when the server does not take a row: which one it is, and nothing of what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from osiris_provider.connectors.mysql.faults import FAULTS
from osiris_provider.connectors.sql.faults import BAD_DATA
from osiris_provider.drivers.mysql.tables import UniqueKey
from osiris_provider.drivers.sql.validate import constraint_error, same_key
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pymysql

DUPLICATE_KEY: Final = 1062
_THERE: Final = "duplicate key"
_RULE: Final = "the server does not take the value, it does not fit the type or a rule of the table"


def mysql_error() -> type[pymysql.MySQLError]:
    """Return the class of PyMySQL's errors."""
    import pymysql

    return pymysql.MySQLError


def is_bad_data(error: pymysql.MySQLError) -> bool:
    """Return whether an error is about a value that the server does not take."""
    code = error.args[0] if error.args else None
    return isinstance(code, int) and FAULTS.get(code) is BAD_DATA


def row_refusal(
    name: str, error: pymysql.MySQLError, rows: pa.RecordBatch, keys: Sequence[UniqueKey], before: int
) -> DataError:
    """Return the error for the last of some rows.

    :param name: of the table.
    :param error: what the server said about that row alone.
    :param rows: those of its batch before it, and the row itself.
    :param keys: of the table.
    :param before: rows that went before the batch.
    """
    code, said = error.args[0], str(error.args[1])
    row = before + rows.num_rows
    if code != DUPLICATE_KEY:
        columns = [column for column in re.findall(r"[`']([^`']+)[`']", said) if column in rows.schema.names]
        return constraint_error(name, columns[0] if columns else "(any)", row, f"{_RULE} (error {code})")
    for key in keys:
        if said.endswith((f"'{key.name}'", f".{key.name}'")):
            duplicate = same_key(rows, key.columns)
            earlier = duplicate is not None and duplicate[1] == rows.num_rows - 1
            reason = (
                f"row {before + duplicate[0] + 1:,} has the same key"
                if duplicate and earlier
                else f"{_THERE}, in the table"
            )
            return constraint_error(name, ", ".join(key.columns), row, reason)
    return constraint_error(name, "(any)", row, f"{_THERE}, in the table or in an earlier row")


def refusal(name: str, error: pymysql.MySQLError, numbers: tuple[int, int]) -> DataError:
    """Return the error for one of some rows, of which nothing more is known.

    :param numbers: the first and the last of them, counted from 1.
    """
    code = error.args[0]
    reason = f"{_THERE}, in the table or in an earlier row" if code == DUPLICATE_KEY else _RULE
    rows = f"rows {numbers[0]:,} to {numbers[1]:,} of the input"
    return DataError(f"Table {name}: among {rows}: {reason} (error {code}). Nothing was written.", table=name)


def oversized_error(name: str, row: int, limit: int) -> DataError:
    """Return the error for a row that is larger than a statement may be.

    :param limit: bytes that a row may take.
    """
    message = (
        f"Table {name}: row {row:,} of the input takes more than the {limit:,} bytes that the server's "
        "max_allowed_packet leaves for a row. Nothing was written. Raise max_allowed_packet there, or have "
        "local_infile switched on: LOAD DATA has no such limit."
    )
    return DataError(message, table=name, row=row)


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn the server's error about a value into one that does not show it.

    :param name: of the table, for messages.
    """
    try:
        yield
    except mysql_error() as error:
        if not is_bad_data(error):
            raise
        code = error.args[0]
    else:
        return
    reason = _THERE if code == DUPLICATE_KEY else "a value does not fit the type or a rule of the table"
    message = f"Table {name}: a row of the input was not taken: {reason} (error {code}). Nothing was written."
    raise DataError(message, table=name)
