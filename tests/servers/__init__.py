"""Throwaway MariaDB, MySQL and PostgreSQL servers for the tests."""

from tests.servers.address import APP_PASSWORD, APP_USER, Address, entry
from tests.servers.databases.mariadb import MariaDBServer
from tests.servers.databases.mysql import MySQLFamilyServer, MySQLServer
from tests.servers.databases.postgres import PostgresServer

__all__ = [
    "APP_PASSWORD",
    "APP_USER",
    "Address",
    "MariaDBServer",
    "MySQLFamilyServer",
    "MySQLServer",
    "PostgresServer",
    "entry",
]
