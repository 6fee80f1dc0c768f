"""The hook of the mysql family."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from osiris_provider.connectors.registry import get_connector
from osiris_provider.hooks.bulk.inserts import InsertWatch
from osiris_provider.hooks.bulk.mysql import MySQLInserts, dump, load
from osiris_provider.hooks.bulk.text import written
from osiris_provider.hooks.dbapi import INFORMATION, Adapter, OsirisDbApiHook, as_json, as_time, as_utc
from osiris_provider.hooks.dialects import OsirisDialect

if TYPE_CHECKING:
    from airflow.providers.openlineage.sqlparser import DatabaseInfo

__all__ = ["OsirisMySQLHook"]

BOUND = (str, int, float, bytes, bytearray, Decimal, date, time, timedelta)
UTC = ("+00:00", "UTC")


def _refuse_zone(cell: Any) -> Any:
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        message = (
            "A TIMESTAMP column takes a datetime as the session's time zone tells it, which is not UTC here, so one "
            "with a time zone would move. Insert it into a DATETIME column, or with mysql.writer, or convert it before."
        )
        raise TypeError(message)
    return cell


class MySQLDialect(OsirisDialect):
    """MySQL and MariaDB, where each unique key tells rows apart."""

    def generate_replace_sql(
        self, table: str, values: Sequence[Any], target_fields: Iterable[str] | None, **kwargs: Any
    ) -> str:
        """Return ``REPLACE``, or ``INSERT … ON DUPLICATE KEY UPDATE`` if it is said what is updated.

        :param table: perhaps with its database, as SQL writes it.
        :param values: of a row.
        :param target_fields: columns; None takes all of the table.
        :param kwargs: ``replace_target``: the columns that are updated, none if empty.
        """
        fields = list(target_fields) if target_fields else None
        target = kwargs.get("replace_target")
        if target is None:
            return super().generate_replace_sql(table, values, fields, **kwargs)
        insert = self.generate_insert_sql(table, values, fields)
        updates = ", ".join(f"{name} = VALUES({name})" for name in map(self.escape_word, target))
        if not updates:
            first = self.escape_word((fields or self.get_column_names(table) or [""])[0])
            updates = f"{first} = {first}"
        # PyMySQL before 1.2.4 leaves %% in this part as it is if it joins rows; a comment keeps it from that.
        head = "/* a row each */ " if "%" in updates else ""
        return f"{head}{insert} ON DUPLICATE KEY UPDATE {updates}"


class OsirisMySQLHook(OsirisDbApiHook):
    """MySQL and MariaDB, through PyMySQL.

    ``insert_rows`` writes dicts and lists as JSON, and a datetime with a time zone as UTC tells it.

    :param mysql_conn_id: an Airflow connection id, or a reference such as ``@mysql.default``.
    """

    family = "mysql"
    conn_type = "osiris_mysql"
    conn_name_attr = "mysql_conn_id"
    default_conn_name = "osiris_mysql_default"
    hook_name = "Osiris MySQL"
    sqlalchemy_driver = "mysql+pymysql"
    dialect_class = MySQLDialect
    word_format = "`{}`"

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        """Switch autocommit, which PyMySQL has as a method."""
        conn.autocommit(autocommit)

    def get_autocommit(self, conn: Any) -> bool:
        """Return whether autocommit is on."""
        return bool(conn.get_autocommit())

    def bulk_load(self, table: str, tmp_file: str) -> None:
        """Load a tab-delimited file into a table with LOAD DATA LOCAL, in one transaction.

        The file is what :meth:`bulk_dump` writes, a value for each column that is neither generated nor invisible. The
        server is sent this file and no other, whatever it asks for.

        :param table: as SQL writes it.
        :param tmp_file: of this machine, in UTF-8; a TIMESTAMP is as UTC tells it.
        :raises FileNotFoundError: there is nothing to load.
        :raises DataError: the server has local_infile off, or did not take each row as it is; nothing was written.
        """
        with self._client() as client:
            count = load(client, table, tmp_file)
        self.log.info("Loaded %s rows of %s into %s", count, tmp_file, table)

    def bulk_dump(self, table: str, tmp_file: str) -> None:
        r"""Write a table into a tab-delimited file of this machine, row by row.

        A row is a line in UTF-8, with tabs between its values; ``\N`` is NULL, and a backslash comes before what is
        special, as in files of ``SELECT … INTO OUTFILE``. Bytes are ``\\x`` and hexadecimal digits, BIT is a number,
        and TIMESTAMP is as UTC tells it.

        :param table: as SQL writes it.
        :param tmp_file: that is written; for its owner alone if it is new, and empty after an error.
        """
        with written(tmp_file) as file, self._client() as client:
            count = dump(client, table, file)
        self.log.info("Dumped %s rows of %s into %s", count, table, tmp_file)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """Lend a connection that may be broken when it comes back."""
        client = self.get_conn()
        try:
            yield client
        finally:
            get_connector(self.family).close_client(client)

    def _new_watch(self, table: str, *, replace: bool, **kwargs: Any) -> InsertWatch:
        return MySQLInserts(table, replaces=replace and kwargs.get("replace_target") is None)

    def _adapters(self, table: str, target_fields: Sequence[str] | None) -> list[Adapter | None]:
        with closing(self.get_conn()) as connection, connection.cursor() as cursor:
            cursor.execute(f"SHOW COLUMNS FROM {table}")
            types = {str(name).lower(): str(dtype) for name, dtype, *_ in cursor.fetchall()}
            cursor.execute("SELECT IF(@@time_zone = 'SYSTEM', @@system_time_zone, @@time_zone)")
            (zone,) = cursor.fetchone()
        names = [self.dialect.column_name(name).lower() for name in target_fields] if target_fields else list(types)
        moved = [zone not in UTC and types.get(name, "").startswith("timestamp") for name in names]
        return [_refuse_zone if is_moved else None for is_moved in moved]

    def _make_common_data_structure(self, result: Any) -> Any:
        """Return rows as a list, as other drivers hand them over; a row is a tuple already."""
        is_rows = isinstance(result, tuple) and all(isinstance(row, tuple) for row in result)
        return list(result) if is_rows else result

    def get_openlineage_database_info(self, connection: Any) -> DatabaseInfo:  # noqa: ARG002 - it may be of the file
        """Return where the tables of a query are, for OpenLineage; a database of MySQL is a schema."""
        from airflow.providers.openlineage.sqlparser import DatabaseInfo

        return DatabaseInfo(
            scheme=self.family,
            authority=get_connector(self.family).address_of(self.effective),
            information_schema_columns=[*INFORMATION, "column_type"],
            # Names in the server's own schema are compared without regard to case, and some servers keep capitals.
            normalize_name_method=str,
        )

    @staticmethod
    def _serialize_cell(cell: Any, conn: Any = None) -> Any:  # noqa: ARG004 - as the base class has it
        """Return a value that PyMySQL binds as what it is: of what it does not know it would send ``str``."""
        cell = as_utc(as_json(cell))
        if isinstance(cell, memoryview):
            cell = bytes(cell)
        if isinstance(cell, UUID):
            cell = str(cell)
        if cell is not None and not isinstance(cell, BOUND):
            message = f"MySQL has no form for a value of type {type(cell).__name__}; convert it before it is inserted."
            raise TypeError(message)
        return as_time(cell)
