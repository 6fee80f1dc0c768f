"""What is said when the server does not take a row: which one it is, and nothing of what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from osiris_provider.connectors.postgres.faults import fault_of_sqlstate
from osiris_provider.connectors.sql.faults import BAD_DATA
from osiris_provider.drivers.sql.values.validate import constraint_error
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import psycopg2

UNIQUE_VIOLATION: Final = "23505"
_STILL_REFERRED_TO: Final = ("23001", "23503")
_OF_NAMES: Final = ("42", "3F")
"""Classes of codes about names of tables, types and the like."""


def database_error() -> type[psycopg2.Error]:
    """Return the class of psycopg2's errors of the server."""
    import psycopg2

    return psycopg2.DatabaseError


def is_bad_data(error: psycopg2.Error) -> bool:
    """Return whether an error is about a value that the server does not take."""
    return error.pgcode is not None and fault_of_sqlstate(error.pgcode) is BAD_DATA


def referring_rule(error: psycopg2.Error) -> str:
    """Return the foreign key by which rows refer to one that was to be deleted; nothing if that is not the error."""
    return f"constraint {error.diag.constraint_name}" if error.pgcode in _STILL_REFERRED_TO else ""


def copied_row(error: psycopg2.Error, table: str, lines: Sequence[int], names: Sequence[str]) -> tuple[int, str] | None:
    """Return the row of a COPY that an error is about, 0 if it is not known, and its column; None if it is about none.

    :param table: that was copied into.
    :param lines: of each row, the first line of its text.
    :param names: of the columns that were copied.
    """
    # What the parser of a type says, such as that of JSON, comes before.
    _, _, said = f"\n{error.diag.context or ''}".partition(f"\nCOPY {table}")
    line, column = _location(said, names)
    # A regclass may be of no table: a fault of the row, though its code is one of statements.
    if not is_bad_data(error) and not (column and str(error.pgcode).startswith(_OF_NAMES)):
        return None
    return sum(first <= line for first in lines), column


@contextmanager
def refusing(table: str) -> Iterator[None]:
    """Have the server's error for a row that it does not name, whose values it may show, become ours.

    :param table: for messages.
    :raises DataError: the server did not take a row.
    """
    try:
        yield
    except database_error() as error:
        if not is_bad_data(error):
            raise
        problem = refusal(table, error, (0, ""))
    else:
        return
    raise problem


def refusal(table: str, error: psycopg2.Error, failed: tuple[int, str], before: int = 0) -> DataError:
    """Return the error for a row that the server did not take.

    :param table: for messages.
    :param failed: the row, 0 if it is not known, and the column, empty if it is not known.
    :param before: rows that went before these.
    """
    row, column = failed
    diagnosis = error.diag
    reason = "the server does not take the value, it does not fit the type or a rule of the table"
    if error.pgcode == UNIQUE_VIOLATION:
        reason = f"duplicate key, in the table or in an earlier row (constraint {diagnosis.constraint_name})"
    elif diagnosis.constraint_name:
        reason = f"it breaks constraint {diagnosis.constraint_name}"
    if row:
        # It says "Key (a, b)=(…)", whatever its language.
        key = re.search(r"\(([^()]+)\)=\(", diagnosis.message_detail or "")
        named = diagnosis.column_name or column or (key[1] if key else "(any)")
        return constraint_error(table, named, before + row, f"{reason} (SQLSTATE {error.pgcode})")
    # At the end of a replace it may be the row of another table, which refers to one that is gone.
    whose = f"table {diagnosis.table_name}" if diagnosis.table_name else "the input"
    message = f"Table {table}: a row of {whose}: {reason} (SQLSTATE {error.pgcode}). Nothing was written."
    return DataError(message)


def _location(context: str, names: Sequence[str]) -> tuple[int, str]:
    """Return the line that COPY names, 0 if it names none, and the column, empty if it names none.

    :param context: what follows the table, such as ``, line 2, column a: "value"``. Where the server's words are
        another language's, the numbers and names are in the same places.
    :param names: of the columns that were copied; they may have a colon or a line break in them.
    """
    said = re.match(r"\D*(\d+)(?:, \S+ (.*))?", context, re.DOTALL)
    if not said:
        return 0, ""
    rest = said[2] or ""
    # One that begins like another is the greater of the two.
    named = [name for name in names if re.match(rf"{re.escape(name)}(:|\n|$)", rest)]
    return int(said[1]), max(named, default="")
