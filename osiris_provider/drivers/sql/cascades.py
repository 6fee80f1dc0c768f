"""What becomes of rows in other tables when a replace deletes those of its own, by the rules of foreign keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from osiris_provider.errors import DataError

MAX_NAMED: Final = 10


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
    return DataError(message, table=table)


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
    return DataError(message, table=table)
