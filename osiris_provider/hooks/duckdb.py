"""The hook of the duckdb family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from osiris_provider.errors import MissingPackageError
from osiris_provider.hooks.bulk.duckdb import columns_of, dump, load
from osiris_provider.hooks.bulk.text import written
from osiris_provider.hooks.dbapi import INFORMATION, Adapter, OsirisDbApiHook, as_json, as_time, as_utc
from osiris_provider.hooks.dialects import OnConflictDialect, TableColumn
from osiris_provider.hooks.duckdb_transaction import Transaction

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from sqlalchemy.engine import URL, Engine

__all__ = ["OsirisDuckDBHook"]


class DuckDBDialect(OnConflictDialect):
    """DuckDB, where quotes change nothing about a name."""

    def columns(self, table: str, schema: str | None = None) -> list[TableColumn]:
        """Return the columns of a table; see :meth:`OnConflictDialect.columns`."""
        import duckdb

        name = f"{schema}.{table}" if schema else table
        with closing(self.hook.get_conn()) as connection:
            try:
                described = connection.execute("SELECT name, type, pk FROM pragma_table_info(?)", [name]).fetchall()
            except duckdb.CatalogException:
                return []
            given = {column.name for column in columns_of(connection, name)}
        return [TableColumn(column, dtype, is_key, column in given) for column, dtype, is_key in described]


class OsirisDuckDBHook(OsirisDbApiHook):
    """A DuckDB database in a local file.

    ``run`` and ``insert_rows`` work in one transaction each, unless ``autocommit`` is said.

    :param duckdb_conn_id: an Airflow connection id, or a reference such as ``@duckdb.default``.
    """

    family = "duckdb"
    conn_type = "osiris_duckdb"
    conn_name_attr = "duckdb_conn_id"
    default_conn_name = "osiris_duckdb_default"
    hook_name = "Osiris DuckDB"
    sqlalchemy_driver = "duckdb"
    dialect_class = DuckDBDialect
    _placeholder = "?"

    @property
    def sqlalchemy_url(self) -> URL:
        """The connection as SQLAlchemy's URL: four slashes before an absolute path."""
        from sqlalchemy.engine import URL

        model = self.effective.model
        return URL.create(self.sqlalchemy_driver, database=model.database)

    def get_sqlalchemy_engine(self, engine_kwargs: dict[str, Any] | None = None) -> Engine:
        """Return an engine that opens the file as :meth:`get_conn` does.

        :param engine_kwargs: for ``sqlalchemy.create_engine``.
        :raises MissingPackageError: ``duckdb-engine``, which is DuckDB for SQLAlchemy, is not installed.
        """
        try:
            wrapper = import_module("duckdb_engine").ConnectionWrapper
        except ImportError:
            message = "SQLAlchemy knows DuckDB through a package: pip install duckdb-engine"
            raise MissingPackageError(message) from None
        return super().get_sqlalchemy_engine({"creator": lambda: wrapper(self.get_conn()), **(engine_kwargs or {})})

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        """Switch autocommit of what :meth:`run` works with; DuckDB's own connections have none to switch."""
        if isinstance(conn, Transaction):
            conn.autocommit = autocommit

    def get_autocommit(self, conn: Any) -> bool:
        """Return whether autocommit is on; for DuckDB's own connections it is."""
        return bool(getattr(conn, "autocommit", True))

    @contextmanager
    def _create_autocommit_connection(self, autocommit: bool = False) -> Iterator[Transaction]:
        with closing(self.get_conn()) as connection:
            yield Transaction(connection, autocommit=autocommit)

    def bulk_load(self, table: str, tmp_file: str) -> None:
        """Load a tab-delimited file into a table, in one transaction.

        The file is what :meth:`bulk_dump` writes, a value for each column that is not generated.

        :param table: as SQL writes it.
        :param tmp_file: of this machine, in UTF-8.
        :raises FileNotFoundError: there is nothing to load.
        :raises DataError: a value does not fit; nothing was written.
        """
        with closing(self.get_conn()) as connection:
            count = load(connection, table, tmp_file)
        self.log.info("Loaded %s rows of %s into %s", count, tmp_file, table)

    def bulk_dump(self, table: str, tmp_file: str) -> None:
        r"""Write a table into a tab-delimited file of this machine, row by row.

        A row is a line in UTF-8, with tabs between its values; ``\N`` is NULL, and a backslash comes before what is
        special. Bytes are ``\\x`` and hexadecimal digits, all else is as a cast to VARCHAR writes it.

        :param table: as SQL writes it.
        :param tmp_file: that is written; for its owner alone if it is new, and empty after an error.
        :raises DataError: a value is another after it was written as text.
        """
        with written(tmp_file) as file, closing(self.get_conn()) as connection:
            count = dump(connection, table, file)
        self.log.info("Dumped %s rows of %s into %s", count, table, tmp_file)

    def get_openlineage_database_info(self, connection: Any) -> None:
        """Return nothing: Airflow would then ask for an engine, which another package makes."""

    def get_openlineage_database_specific_lineage(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return the tables of the statements that a task has run.

        :param task_instance: of an operator with ``sql``.
        """
        from airflow.providers.openlineage.sqlparser import DatabaseInfo, SQLParser

        sql = getattr(task_instance.task, "sql", None)
        if not sql:
            return None
        with closing(self.get_conn()) as client:
            (catalog,) = client.execute("SELECT current_catalog()").fetchone()
        model = self.effective.model
        info = DatabaseInfo(
            scheme=self.family,
            authority=model.database,
            database=catalog,
            information_schema_columns=[*INFORMATION, "data_type"],
        )
        parser = SQLParser(dialect=self.family, default_schema=self.get_openlineage_default_schema())
        return parser.generate_openlineage_metadata_from_sql(sql=sql, hook=self, database_info=info)

    def get_openlineage_default_schema(self) -> str | None:
        """Return the schema of every new database."""
        return "main"

    def _adapters(self, table: str, target_fields: Sequence[str] | None) -> list[Adapter | None]:
        return [ADAPTERS.get(dtype) for dtype in DuckDBDialect(self).given_types(table, target_fields)]


ADAPTERS: dict[str | None, Adapter] = {"JSON": as_json, "VARCHAR": as_json, "TIME": as_time, "TIMESTAMP": as_utc}
"""DuckDB would write a dict as it shows one, and a moment in the machine's time zone."""
