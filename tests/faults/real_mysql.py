"""Faults that MySQL has and MariaDB has not, or tells in another way; MySQL 9.7 in the table of docs/doctor.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from osiris_provider.connectors import get_connector

from tests.faults.mysql import as_root
from tests.faults.scenario import Connection, Scenario
from tests.servers import MySQLServer

USER: Final = "altered"
PASSWORD: Final = "secret of the altered"


@contextmanager
def world(_: Path) -> Iterator[MySQLServer]:
    """Start a server that has certificates of its own and no RSA key, and forgets no failed login."""
    without_key = "--caching-sha2-password-private-key-path=none.pem"
    with MySQLServer([without_key, "--caching-sha2-password-public-key-path=none.pem"]) as server:
        yield server


def at(server: MySQLServer, **fields: Any) -> Connection:
    """Return a connection to the server, with other fields over it."""
    return {"family": "mysql", "alias": "test", **asdict(server.app), **fields}


@contextmanager
def changed(server: MySQLServer, **fields: Any) -> Iterator[Connection]:
    """Connect with other fields, and a password that the server has not seen since it started."""
    as_root(server, "FLUSH PRIVILEGES")
    yield at(server, **fields)


@contextmanager
def account(
    server: MySQLServer, options: str = "", *, seen: bool = False, more: tuple[str, ...] = (), **fields: Any
) -> Iterator[Connection]:
    """Connect as an account with options.

    :param options: of CREATE USER.
    :param seen: whether the server has seen its password before.
    :param more: statements that follow.
    """
    as_root(server, f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}' {options}", *more)
    connection = at(server, user=USER, password=PASSWORD, database=None)
    try:
        if seen:
            get_connector("mysql").doctor(connection, 5)
        yield {**connection, **fields}
    finally:
        as_root(server, f"DROP USER {USER}@'%'", "DROP ROLE IF EXISTS reader")


@contextmanager
def while_set(server: MySQLServer, variable: str, value: str, **fields: Any) -> Iterator[Connection]:
    """Connect while a variable has another value, with a password that the server has seen before."""
    get_connector("mysql").doctor(at(server), 5)
    ((_, before),) = as_root(server, f"SHOW GLOBAL VARIABLES LIKE '{variable}'")
    as_root(server, f"SET GLOBAL {variable} = {value}")
    try:
        yield at(server, **fields)
    finally:
        as_root(server, f"SET GLOBAL {variable} = {before}")


@contextmanager
def taken(server: MySQLServer) -> Iterator[Connection]:
    """Connect as an account whose only connection is taken."""
    with (
        account(server, "WITH MAX_USER_CONNECTIONS 1") as connection,
        closing(get_connector("mysql").create_client(connection)),
    ):
        yield connection


ROLE: Final = ("CREATE ROLE reader", "GRANT SELECT ON app.* TO reader", f"GRANT reader TO {USER}@'%'")
for_tls_only = partial(account, options="REQUIRE SSL", seen=True, ssl=False)
for_certificates_only = partial(account, options="REQUIRE X509", seen=True)
blocked = partial(account, options="FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1", password="no such password")
tls_only = partial(while_set, variable="require_secure_transport", value="ON", ssl=False)
read_only = partial(while_set, variable="read_only", value="ON")
offline = partial(while_set, variable="offline_mode", value="ON")

Row = tuple[str, str, Callable[[MySQLServer], Any]]
ROWS: Final[list[Row]] = [
    ("healthy", "ok", changed),
    ("server read-only", "ok", read_only),
    ("wrong password", "wrong_password", partial(changed, password="no such password")),
    ("plain line, password not seen before", "no_public_key", partial(changed, ssl=False)),
    ("plain line, server without RSA key", "no_rsa_key", partial(changed, ssl=False, allow_public_key_retrieval=True)),
    ("account for TLS only, right password", "tls_required", for_tls_only),
    ("TLS required by the server", "tls_required", tls_only),
    ("client certificate required", "client_certificate_required", for_certificates_only),
    ("account locked", "account_locked", partial(account, options="ACCOUNT LOCK")),
    ("account blocked by failed logins", "account_locked", blocked),
    ("password expired", "password_expired", partial(account, options="PASSWORD EXPIRE")),
    ("server offline", "not_ready", offline),
    ("role not active", "role_not_active", partial(account, more=ROLE, database="app")),
    ("no right on the database", "database_denied", partial(account, database="app")),
    ("account has no connection left", "too_many_connections", taken),
]
SCENARIOS: Final = [Scenario(name, "real_mysql", fault, make) for name, fault, make in ROWS]
