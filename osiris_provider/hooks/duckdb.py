"""The hook of the duckdb family."""

from __future__ import annotations

from typing import Any

from osiris_provider.hooks.dbapi import OsirisDbApiHook


class OsirisDuckDBHook(OsirisDbApiHook):
    """A DuckDB database in a local file.

    :param duckdb_conn_id: an Airflow connection id, or a reference such as ``@duckdb.default``.
    """

    family = "duckdb"
    conn_type = "osiris_duckdb"
    conn_name_attr = "duckdb_conn_id"
    default_conn_name = "osiris_duckdb_default"
    hook_name = "Osiris DuckDB"
    sqlalchemy_driver = "duckdb"
    _placeholder = "?"

    def get_autocommit(self, conn: Any) -> bool:  # noqa: ARG002 - the same for every connection
        """Return True: DuckDB commits each statement unless BEGIN was said, and refuses a COMMIT without it."""
        return True
