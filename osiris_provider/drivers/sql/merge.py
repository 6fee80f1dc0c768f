"""Moving a stage into its table; a row that the server does not take is found by halves, its errors name none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from osiris_provider.drivers.sql.write import ROW

_SAVEPOINT = "_osiris_merge"
Error = TypeVar("Error", bound=Exception)


def merged(
    run: Callable[[str], object],
    statement: Callable[[str], str],
    rows: int,
    errors: tuple[type[Error], Callable[[Error], bool]],
) -> tuple[int, Error] | None:
    """Run a statement in a transaction; return the row that it fails at, and what the server says, None if it does not.

    The row is 0 if none fails by itself.

    :param run: runs SQL.
    :param statement: returns the statement for the rows of the stage ``s`` that a condition selects.
    :param rows: of the stage.
    :param errors: the server's, and which of them are about a row.
    """
    said = attempt(run, statement("TRUE"), errors)
    if said is None:
        return None
    first, last = 1, rows
    while first <= last:
        middle = (first + last) // 2
        problem = attempt(run, statement(f"s.{ROW} BETWEEN {first} AND {middle}"), errors)
        if problem is None:
            first = middle + 1
        elif first == middle:
            return first, problem
        else:
            last = middle
    return 0, said


def attempt(
    run: Callable[[str], object], statement: str, errors: tuple[type[Error], Callable[[Error], bool]]
) -> Error | None:
    """Run a statement in a transaction; return what the server says of a row, and undo the statement then.

    :param run: runs SQL.
    :param errors: see :func:`merged`.
    """
    error_type, is_of_row = errors
    run(f"SAVEPOINT {_SAVEPOINT}")
    try:
        run(statement)
    except error_type as error:
        if not is_of_row(error):
            raise
        run(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        return error
    return None
