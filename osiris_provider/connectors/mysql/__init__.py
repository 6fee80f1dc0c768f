"""MySQL and MariaDB, through PyMySQL."""

from osiris_provider.connectors.mysql.connector import MySQLConnector

__all__ = ["MySQLConnector"]
