"""What is said when the server does not take a row: which one it is, and nothing of what is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from osiris_provider.connectors.mysql.faults import FAULTS
from osiris_provider.connectors.sql.faults import BAD_DATA
from osiris_provider.drivers.mysql.tables import SHAPES, UniqueKey
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.validate import constraint_error, same_key
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pymysql

DUPLICATE_KEY: Final = 1062
_QUOTED: Final = r"[`']([^`']+)[`']"
_CHECKS: Final = (3819, 4025)
_STILL_REFERRED_TO: Final = (1217, 1451)
_NO_SHAPE: Final = 1416
_NO_JSON_OF_BYTES: Final = 3144
_OF_VALUE: Final = (1292, 1366)
"""Errors that quote the value, and the column behind it."""
_SRID_AND_ORDER: Final = 5
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


def referring_rule(error: pymysql.MySQLError) -> str:
    """Return the code of an error about a row to be deleted, to which others refer; nothing if it is another error."""
    return f"error {error.args[0]}" if error.args[0] in _STILL_REFERRED_TO else ""


def row_refusal(
    name: str,
    error: pymysql.MySQLError,
    rows: pa.RecordBatch,
    table: tuple[Sequence[UniqueKey], Sequence[Column]],
    before: int,
) -> DataError:
    """Return the error for the last of some rows.

    :param name: of the table.
    :param error: what the server said about that row alone.
    :param rows: those of its batch before it, and the row itself.
    :param table: its keys and its columns.
    :param before: rows that went before the batch.
    """
    code, said = error.args[0], str(error.args[1])
    row = before + rows.num_rows
    if code != DUPLICATE_KEY:
        column = _named(said, code, rows.schema.names) or _suspects(code, rows.slice(rows.num_rows - 1), table[1])
        rule = _RULE if column else _rule(said, code)
        return constraint_error(name, column or "(any)", row, f"{rule} (error {code})")
    for key in table[0]:
        if _is_of(said, key):
            duplicate = same_key(rows, key.columns)
            earlier = duplicate is not None and duplicate[1] == rows.num_rows - 1
            reason = (
                f"row {before + duplicate[0] + 1:,} has the same key"
                if duplicate and earlier
                else f"{_THERE}, in the table"
            )
            return constraint_error(name, ", ".join(key.columns), row, reason)
    return constraint_error(name, "(any)", row, f"{_THERE}, in the table or in an earlier row")


def _named(said: str, code: int, names: Sequence[str]) -> str:
    """Return the column that the server names, perhaps behind its table's name; empty if it names none."""
    end = "[^`']*$" if code in _OF_VALUE else ""
    for quoted in re.findall(f"{_QUOTED}{end}", said):
        for name in names:
            if quoted == name or quoted.endswith(f".{name}"):
                return name
    return ""


def _suspects(code: int, row: pa.RecordBatch, columns: Sequence[Column]) -> str:
    """Return the columns that an error of their type can be about, if the server names none."""
    kinds = {_NO_SHAPE: tuple(SHAPES), _NO_JSON_OF_BYTES: ("json",)}.get(code, ())
    values = {
        column.name: (row.column(column.name)[0].as_py(), column.kind)
        for column in columns
        if column.kind in kinds and column.name in row.schema.names
    }
    given = [column for column, (value, _) in values.items() if value is not None]
    wrong = [column for column in given if not _may_be(*values[column])]
    return ", ".join(wrong or given)


def _may_be(value: object, kind: str) -> bool:
    """Return whether a value may be of a type, as far as its first bytes tell: those of MySQL's form of a shape."""
    if kind not in SHAPES:
        return not isinstance(value, bytes)
    if not isinstance(value, bytes) or len(value) < _SRID_AND_ORDER:
        return False
    # Servers take no other order of bytes.
    code = int.from_bytes(value[_SRID_AND_ORDER : _SRID_AND_ORDER + 4], "little")
    return code in SHAPES.values() if kind == "geometry" else code == SHAPES[kind]


def refusal(name: str, error: pymysql.MySQLError, numbers: tuple[int, int]) -> DataError:
    """Return the error for one of some rows, of which nothing more is known.

    :param numbers: the first and the last of them, counted from 1.
    """
    code = error.args[0]
    reason = f"{_THERE}, in the table or in an earlier row" if code == DUPLICATE_KEY else _RULE
    rows = f"rows {numbers[0]:,} to {numbers[1]:,} of the input"
    return DataError(f"Table {name}: among {rows}: {reason} (error {code}). Nothing was written.")


def oversized_error(name: str, row: int, limit: int) -> DataError:
    """Return the error for a row that is larger than a statement may be.

    :param limit: bytes that a row may take.
    """
    message = (
        f"Table {name}: row {row:,} of the input takes more than the {limit:,} bytes that the server's "
        "max_allowed_packet leaves for a row. Nothing was written. Raise max_allowed_packet there, or have "
        "local_infile switched on: LOAD DATA has no such limit."
    )
    return DataError(message, row=row)


def merge_refusal(
    name: str, failed: tuple[int, pymysql.MySQLError], names: Sequence[str], keys: Sequence[UniqueKey]
) -> DataError:
    """Return the error for a row of a stage that the table does not take.

    :param name: of the table, for messages.
    :param failed: the row, 0 if it is not known, and what the server says.
    :param names: of the columns.
    :param keys: of the table.
    """
    row, error = failed
    code, said = error.args[0], str(error.args[1])
    column = _named(said, code, names)
    reason = _rule(said, code) if not column else _RULE
    if code == DUPLICATE_KEY:
        column = next((", ".join(key.columns) for key in keys if _is_of(said, key)), "")
        reason = f"{_THERE}, in the table or in an earlier row"
    if row:
        return constraint_error(name, column or "(any)", row, f"{reason} (error {code})")
    message = f"Table {name}: a row of the input was not taken: {reason} (error {code}). Nothing was written."
    return DataError(message)


def _rule(said: str, code: int) -> str:
    broken = re.search(_QUOTED, said) if code in _CHECKS else None
    return f"it breaks constraint {broken[1]}" if broken else _RULE


def _is_of(said: str, key: UniqueKey) -> bool:
    return said.endswith((f"'{key.name}'", f".{key.name}'"))
