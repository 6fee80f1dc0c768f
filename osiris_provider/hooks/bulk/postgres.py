"""Rows that a table of PostgreSQL does not keep."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from osiris_provider.drivers.postgres.tables import inserted_and_deleted
from osiris_provider.hooks.bulk.inserts import InsertWatch

log = logging.getLogger(__name__)


def say_hidden(table: str) -> None:
    """Warn that a dump may not have all rows.

    :param table: as SQL writes it.
    """
    log.warning(
        "Table %s: policies of row-level security show the user some of the rows, and these are dumped. A role with "
        "BYPASSRLS dumps all.",
        table,
    )


class PostgresInserts(InsertWatch):
    """Counts the rows that PostgreSQL has inserted or updated, and those that it has deleted meanwhile."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.kept = 0
        self.deleted = 0
        self._leaves_rows = False

    def begin(self, connection: Any) -> None:
        """Count what the connection's statements change; see :meth:`InsertWatch.begin`."""
        from psycopg2.extensions import cursor

        watch = self

        class Counting(cursor):
            def executemany(self, query: Any, vars_list: Any) -> None:
                # What is there, and is not to be changed, is not counted as inserted.
                watch._leaves_rows = query.endswith("DO NOTHING")
                with watch.counting(connection):
                    super().executemany(query, vars_list)
                    watch.kept += max(self.rowcount, 0)

        connection.cursor_factory = Counting

    @contextmanager
    def counting(self, connection: Any) -> Iterator[None]:
        """Count the rows that are deleted in the block; it adds those that it has kept to :attr:`kept`.

        :param connection: whose transaction the block is a part of.
        """
        before, kept = self._changes(connection), self.kept
        yield
        inserted, deleted = (after - then for after, then in zip(self._changes(connection), before, strict=True))
        # A row that is moved from one partition to another is inserted twice.
        self.deleted += max(deleted - max(inserted - (self.kept - kept), 0), 0)

    def _changes(self, connection: Any) -> tuple[int, int]:
        from psycopg2.extensions import cursor

        with connection.cursor(cursor_factory=cursor) as asking:
            return inserted_and_deleted(asking, self.table)

    def say(self) -> None:
        """Warn of rows that were left out, or are gone again."""
        if not self._leaves_rows and self.kept < self.sent:
            log.warning(
                "Table %s did not keep %s of %s rows: a trigger or rule of the table has left them out, or put them "
                "elsewhere.",
                self.table,
                f"{self.sent - self.kept:,}",
                f"{self.sent:,}",
            )
        if self.deleted:
            log.warning(
                "%s rows of table %s were deleted by a trigger of the table while rows were inserted. Those may be "
                "among them.",
                f"{self.deleted:,}",
                self.table,
            )
