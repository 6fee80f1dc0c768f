"""Whether the user has the rights that a load needs, found out before anything is loaded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.sql.faults import DENIED
from osiris_provider.drivers.mysql import dependents
from osiris_provider.drivers.mysql.rights import rights_of
from osiris_provider.drivers.mysql.tables import qualified
from osiris_provider.drivers.sql.cascades import cascade_error, hidden_cascade_error
from osiris_provider.drivers.sql.ledger import TABLE
from osiris_provider.drivers.step import Step
from osiris_provider.errors import PermissionDeniedError

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

CREATE_RIGHTS: Final = ("INSERT", "CREATE", "ALTER", "DROP")
"""On the database: a new table is filled beside the target, and then renamed."""
LEDGER_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
TABLE_RIGHTS: Final = {
    "append": ("INSERT",),
    "replace": ("INSERT", "DELETE"),
    "upsert": ("SELECT", "INSERT", "UPDATE"),
}
"""On the target, in each mode; ``replace`` where no new table takes its place."""
STAGE_RIGHTS: Final = ("CREATE TEMPORARY TABLES",)
"""On the database, for ``upsert``."""


class Needs:
    """What one load needs, and what the user has of it.

    :param cursor: of the connection that writes.
    :param step: the step.
    """

    def __init__(self, cursor: Cursor, step: Step[Any]) -> None:
        self._cursor, self._step = cursor, step
        self._table = step.config.table
        self._rights = rights_of(cursor)
        # A server that takes no notice of case has granted rights on names in small letters.
        self._database, self._name = qualified(cursor, self._table)

    def obstacle(self) -> str:
        """Return why the target cannot be swapped for a new table; see :func:`dependents.obstacle`."""
        return dependents.obstacle(self._cursor, self._table, self._database, self._rights)

    def to_delete(self) -> None:
        """Check that deleting the rows of the target changes no others; see :func:`dependents.cascades`.

        :raises DataError: names the other tables, as far as the user may see them.
        """
        effects = dependents.cascades(self._cursor, self._table, self._database)
        if effects:
            raise cascade_error(self._table, effects)
        if dependents.reaches_hidden(self._cursor, self._table, self._database):
            raise hidden_cascade_error(self._table)

    def of_ledger(self, *, is_there: bool) -> None:
        """Check the rights on the ledger.

        :raises PermissionDeniedError: names those that are missing.
        """
        rights = LEDGER_RIGHTS if is_there else (*LEDGER_RIGHTS, "CREATE")
        self._check(rights, TABLE, "the load ledger needs. Or set ledger: false in the step's config")

    def to_create(self) -> None:
        """Check the rights to create the target.

        :raises PermissionDeniedError: names those that are missing.
        """
        self._check(CREATE_RIGHTS, "", "create_if_missing needs")

    def to_write(self, columns: Collection[str], reason: str) -> None:
        """Check the rights to write to the target as it is.

        :param columns: that are written.
        :param reason: why no new table takes its place.
        :raises PermissionDeniedError: names those that are missing.
        """
        mode = self._step.config.write_mode
        swapped = f", as no new table can take its place: {reason}" if mode == "replace" else ""
        self._check(TABLE_RIGHTS[mode], self._name, f"write_mode {mode} needs{swapped}", columns)
        if mode == "upsert":
            self._check(STAGE_RIGHTS, "", f"write_mode {mode} needs")

    def _check(self, wanted: Sequence[str], table: str, who: str, columns: Collection[str] = ()) -> None:
        missing = ", ".join(self._rights.missing(wanted, self._database, table, columns))
        if not missing:
            return
        where = f"table {self._database}.{table}" if table else f"database {self._database}"
        message = (
            f"table {self._table}: the user lacks {missing} on {where}, which {who}. Nothing was "
            "written. Have it granted; a role counts only while it is active (SET DEFAULT ROLE)."
        )
        raise PermissionDeniedError(message, fault=DENIED)
