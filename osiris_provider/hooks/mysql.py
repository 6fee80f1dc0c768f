"""The hook of the mysql family."""

from __future__ import annotations

from typing import Any

from osiris_provider.hooks.dbapi import OsirisDbApiHook


class OsirisMySQLHook(OsirisDbApiHook):
    """MySQL and MariaDB, through PyMySQL.

    :param mysql_conn_id: an Airflow connection id, or a reference such as ``@mysql.default``.
    """

    family = "mysql"
    conn_type = "osiris_mysql"
    conn_name_attr = "mysql_conn_id"
    default_conn_name = "osiris_mysql_default"
    hook_name = "Osiris MySQL"
    sqlalchemy_driver = "mysql+pymysql"
    supports_autocommit = True

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        """Switch autocommit, which PyMySQL has as a method."""
        conn.autocommit(autocommit)

    def get_autocommit(self, conn: Any) -> bool:
        """Return whether autocommit is on."""
        return bool(conn.get_autocommit())
