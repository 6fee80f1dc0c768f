"""What becomes of rows in other tables when a replace deletes those of its own, by the rules of foreign keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from osiris_provider.errors import DataError

MAX_NAMED: Final = 10
Error = TypeVar("Error", bound=Exception)


@contextmanager
def deleting(table: str, errors: type[Error], rule_of: Callable[[Error], str]) -> Iterator[None]:
    """Say of rows that the server does not delete, because others refer to them, that this is so, and no value.

    :param table: that is replaced.
    :param errors: the server's.
    :param rule_of: returns what is known of the rule that such an error is about; nothing if it is another error.
    :raises DataError: others refer to the rows.
    """
    try:
        yield
    except errors as error:
        rule = rule_of(error)
        if not rule:
            raise
        message = (
            f"Table {table}: replace deletes its rows, and other rows refer to them ({rule}). Nothing was written. "
            "Use write_mode: upsert, or delete the rows that refer yourself before."
        )
        problem = DataError(message)
    else:
        return
    raise problem


def cascade_error(table: str, effects: Sequence[str]) -> DataError:
    """Return the error for a replace that would delete or change rows of other tables.

    :param table: that is replaced.
    :param effects: the other tables, each with its rule.
    """
    listed = ", ".join(effects[:MAX_NAMED]) + (", …" if len(effects) > MAX_NAMED else "")
    message = (
        f"Table {table}: replace deletes its rows, and foreign keys of other tables would then delete or change rows "
        f"there: {listed}. Nothing was written. Use write_mode: upsert, or delete these rows yourself before."
    )
    return DataError(message)


def hidden_cascade_error(table: str) -> DataError:
    """Return the error for a replace that would change rows of tables that the user may not see.

    :param table: that is replaced.
    """
    message = (
        f"Table {table}: replace deletes its rows, and foreign keys or triggers that the user may not see may then "
        "delete or change rows of other tables. Nothing was written. Grant the user REFERENCES on the tables that "
        "refer to it, perhaps in another database, and TRIGGER on it, so that they can be seen; or use write_mode: "
        "upsert."
    )
    return DataError(message)
