"""Rows that a table of PostgreSQL does not keep."""

from __future__ import annotations

import logging
from typing import Any

from osiris_provider.hooks.bulk.inserts import InsertWatch

log = logging.getLogger(__name__)


def say_left_out(table: str, sent: int, kept: int) -> None:
    """Warn of rows that a table of PostgreSQL did not keep.

    :param table: as SQL writes it.
    :param sent: how many rows it was given.
    :param kept: how many it has taken, as the server says.
    """
    if kept < sent:
        log.warning(
            "Table %s did not keep %s of %s rows: a trigger or rule of the table has left them out, or put them "
            "elsewhere.",
            table,
            f"{sent - kept:,}",
            f"{sent:,}",
        )


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
    """Counts the rows that PostgreSQL has inserted or updated."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.kept = 0

    def begin(self, connection: Any) -> None:
        """Count what the connection's statements change; see :meth:`InsertWatch.begin`."""
        from psycopg2.extensions import cursor

        watch = self

        class Counting(cursor):
            def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - as the base class has it
                super().execute(query, vars)
                watch.kept += max(self.rowcount, 0)

            def executemany(self, query: Any, vars_list: Any) -> None:
                super().executemany(query, vars_list)
                watch.kept += max(self.rowcount, 0)

        connection.cursor_factory = Counting

    def say(self) -> None:
        """Warn of rows that were left out."""
        say_left_out(self.table, self.sent, self.kept)
