"""Throwaway MariaDB, MySQL and PostgreSQL servers for the tests."""

from tests.servers.address import APP_PASSWORD, APP_USER, Address
from tests.servers.mariadb import MariaDBServer
from tests.servers.mysql import MySQLFamilyServer, MySQLServer
from tests.servers.postgres import PostgresServer

__all__ = [
    "APP_PASSWORD",
    "APP_USER",
    "Address",
    "MariaDBServer",
    "MySQLFamilyServer",
    "MySQLServer",
    "PostgresServer",
]
