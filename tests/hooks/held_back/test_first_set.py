"""Faults that the tables of codes were not written against: five types, each with what its servers say in practice.

The categories were written down before the first run, in which 37 of 41 were right. Of the other four, SMTP's two were
missing in its table; Redis leaves one of the other two without a code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pymysql
import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, WRONG, Served
from tests.hooks.held_back.peers import HTTP_400, category_of, scripted
from tests.hooks.servers.real import ssh
from tests.servers import Address, MariaDBServer, PostgresServer
from tests.servers.process import HOST
from tests.servers.redis import RedisServer

Change = dict[str, Any]


# PostgreSQL


def administrator(address: Address) -> Any:
    connection = psycopg2.connect(
        host=address.host, port=address.port, user=address.user, password=address.password, dbname=address.database
    )
    connection.autocommit = True
    return connection


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    hba = [f"host all banned {HOST}/32 reject"]
    with PostgresServer(hba=hba) as server, closing(administrator(server.admin)) as admin:
        cursor = admin.cursor()
        for statement in (
            f"CREATE ROLE no_login PASSWORD '{PASSWORD}'",
            f"CREATE ROLE expired LOGIN PASSWORD '{PASSWORD}' VALID UNTIL '2020-01-01'",
            f"CREATE ROLE full_up LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 0",
            f"CREATE ROLE banned LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE stranger LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE closed ALLOW_CONNECTIONS false",
            "CREATE DATABASE private",
            "REVOKE CONNECT ON DATABASE private FROM PUBLIC",
        ):
            cursor.execute(statement)
        yield server


def connection_to(conn_type: str, address: Address, **change: Any) -> HookConnection:
    plain = HookConnection(
        "db", conn_type, address.host, address.user, address.password, address.port, address.database
    )
    return replace(plain, **change)


POSTGRES: dict[str, tuple[Change, str]] = {
    "no such database": ({"schema": "nowhere"}, "unknown"),
    "no such role": ({"login": "nobody_here"}, "auth"),
    "a role that may not log in": ({"login": "no_login"}, "auth"),
    "an expired password": ({"login": "expired"}, "auth"),
    "a role without a connection left": ({"login": "full_up"}, "network"),
    "a rule that rejects": ({"login": "banned"}, "auth"),
    "a database that is closed": ({"schema": "closed"}, "permission"),
    "a database without the right": ({"login": "stranger", "schema": "private"}, "permission"),
    "TLS that the server has not": ({"extra": {"sslmode": "require"}}, "network"),
    "an authority that is no file": (
        {"extra": {"sslmode": "verify-full", "sslrootcert": "/nowhere/ca.pem"}},
        "unknown",
    ),
    "healthy": ({}, "ok"),
}


@pytest.mark.parametrize("situation", POSTGRES)
def test_postgres(situation: str, postgres: PostgresServer) -> None:
    change, expected = POSTGRES[situation]
    password = {} if "login" not in change else {"password": PASSWORD}
    assert category_of(connection_to("postgres", postgres.app, **password, **change)).split()[0] == expected


# MariaDB


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDBServer]:
    with MariaDBServer() as server:
        admin = server.admin
        with (
            pymysql.connect(host=admin.host, port=admin.port, user=admin.user, password=admin.password) as connection,
            connection.cursor() as cursor,
        ):
            for statement in (
                f"CREATE USER locked IDENTIFIED BY '{PASSWORD}' ACCOUNT LOCK",
                f"CREATE USER stranger IDENTIFIED BY '{PASSWORD}'",
                f"CREATE USER busy IDENTIFIED BY '{PASSWORD}' WITH MAX_CONNECTIONS_PER_HOUR 1",
                f"CREATE USER elsewhere@'192.0.2.1' IDENTIFIED BY '{PASSWORD}'",
                f"CREATE USER expired IDENTIFIED BY '{PASSWORD}' PASSWORD EXPIRE",
                "CREATE DATABASE private",
            ):
                cursor.execute(statement)
        yield server


MARIADB: dict[str, tuple[Change, str]] = {
    "no such database": ({"schema": "nowhere", "login": "root"}, "unknown"),
    "a database without the right": ({"login": "stranger", "schema": "private"}, "permission"),
    "a locked account": ({"login": "locked", "schema": None}, "auth"),
    "a user of another host": ({"login": "elsewhere", "schema": None}, "auth"),
    "an expired password": ({"login": "expired", "schema": None}, "auth"),
    "no password": ({"login": "stranger", "schema": None, "password": None}, "auth"),
}


@pytest.mark.parametrize("situation", MARIADB)
def test_mariadb(situation: str, mariadb: MariaDBServer) -> None:
    change, expected = MARIADB[situation]
    secret = mariadb.admin.password if change.get("login") == "root" else PASSWORD
    login = {**change, "login": mariadb.admin.user} if change.get("login") == "root" else change
    assert category_of(connection_to("mysql", mariadb.app, **{"password": secret, **login})).split()[0] == expected


def test_mariadb_no_connection_left_this_hour(mariadb: MariaDBServer) -> None:
    busy = connection_to("mysql", mariadb.app, login="busy", password=PASSWORD, schema=None)
    assert category_of(busy).split()[0] == "ok"
    assert category_of(busy).split()[0] == "network"


# Redis


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    from redis import Redis

    with RedisServer() as server, Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "mute", "on", f">{PASSWORD}", "~*", "+get")
        admin.execute_command("ACL", "SETUSER", "off", "off", f">{PASSWORD}", "~*", "+@all")
        yield server


REDIS: dict[str, tuple[Change, str]] = {
    "no password": ({"password": None}, "auth"),
    "a user that is off": ({"login": "off", "password": PASSWORD}, "auth"),
    "no such user": ({"login": "ghost", "password": PASSWORD}, "auth"),
    "a user without the right": ({"login": "mute", "password": PASSWORD}, "permission"),
    "no such database": ({"extra": {"db": 99}}, "unknown"),
    # The server waits for the end of a line.
    "TLS that the server has not": ({"extra": {"db": 0, "ssl": True}}, "timeout"),
}


def to_redis(server: RedisServer) -> HookConnection:
    return HookConnection("kv", "redis", HOST, None, server.password, server.port, None, {"db": 0})


@pytest.mark.parametrize("situation", REDIS)
def test_redis(situation: str, redis: RedisServer) -> None:
    change, expected = REDIS[situation]
    assert category_of(replace(to_redis(redis), **change)).split()[0] == expected


REDIS_SAYS = {
    "no client more": (b"-ERR max number of clients reached\r\n", "network"),
    "loading": (b"-LOADING Redis is loading the dataset in memory\r\n", "network"),
    "another protocol": (HTTP_400, "network"),
}


@pytest.mark.parametrize("situation", REDIS_SAYS)
def test_redis_says(situation: str) -> None:
    reply, expected = REDIS_SAYS[situation]
    with scripted(*[reply] * 9) as port:
        connection = HookConnection("kv", "redis", HOST, None, PASSWORD, port, None, {"db": 0})
        assert category_of(connection).split()[0] == expected


# SSH


@pytest.fixture(scope="module")
def shell() -> Iterator[Served]:
    with ssh() as served:
        yield served


def private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )


OTHER_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
SSH: dict[str, tuple[Callable[[], Change], str]] = {
    "no such account": (lambda: {"login": "ghost"}, "auth"),
    "another key": (
        lambda: {"password": None, "extra": {"private_key": private_key(), "no_host_key_check": True}},
        "auth",
    ),
    "another server": (
        lambda: {"extra": {"host_key": f"ssh-ed25519 {OTHER_KEY}", "no_host_key_check": False}},
        "network",
    ),
    "a key that is none": (lambda: {"extra": {"private_key": "no key", "no_host_key_check": True}}, "unknown"),
}


@pytest.mark.parametrize("situation", SSH)
def test_ssh(situation: str, shell: Served) -> None:
    change, expected = SSH[situation]
    assert category_of(replace(shell.connection, **change())).split()[0] == expected


SSH_SAYS = {
    "another protocol": (HTTP_400, "network"),
    "too many at once": (b"Exceeded MaxStartups\r\n", "network"),
    "nothing, and hangs up": (b"", "network"),
}


@pytest.mark.parametrize("situation", SSH_SAYS)
def test_ssh_says(situation: str) -> None:
    reply, expected = SSH_SAYS[situation]
    with scripted(*[reply] if reply else []) as port:
        extra = {"no_host_key_check": True, "look_for_keys": False}
        connection = HookConnection("shell", "ssh", HOST, "loader", PASSWORD, port, None, extra)
        assert category_of(connection).split()[0] == expected


# Mail and files: what their servers say besides "wrong password".

HELLO = (b"220 mail ESMTP\r\n", b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n")
SMTP_SAYS = {
    "not now": ((b"421 4.3.2 Service not available\r\n",), "network"),
    "no service for you": ((b"554 5.7.1 No SMTP service here\r\n",), "permission"),
    "credentials refused": ((*HELLO, b"535 5.7.8 Authentication credentials invalid\r\n"), "auth"),
    "a password that is too weak": ((*HELLO, b"534 5.7.9 Application-specific password required\r\n"), "auth"),
    "TLS first": ((*HELLO, b"530 5.7.0 Must issue a STARTTLS command first\r\n"), "network"),
    "login out of order": ((*HELLO, b"454 4.7.0 Temporary authentication failure\r\n"), "network"),
    "another protocol": ((HTTP_400,), "network"),
}


@pytest.mark.parametrize("situation", SMTP_SAYS)
def test_smtp_says(situation: str) -> None:
    replies, expected = SMTP_SAYS[situation]
    with scripted(*replies, *replies[-1:] * 3) as port:
        extra = {"disable_ssl": True, "disable_tls": True}
        connection = HookConnection("mail", "smtp", HOST, "loader", WRONG, port, None, extra)
        assert category_of(connection).split()[0] == expected
