"""Imitations of databases and of a broker that cannot be had here; each takes one user with one password.

Neither Debian nor the registries of Python and Node.js have these servers. (Debian's ClickHouse is of 2018: its table
of settings lacks a column that the client asks for, and its refusals the header that the client has the code from.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, WRONG, Case, Served
from tests.hooks.servers.authority import context
from tests.hooks.servers.http_apis import API
from tests.hooks.servers.kafka import KafkaBroker
from tests.hooks.servers.mongo import MongoServer
from tests.hooks.servers.oracle import OracleServer
from tests.hooks.servers.sql_apis import clickhouse, snowflake, trino
from tests.hooks.servers.tcp import Imitation
from tests.hooks.servers.tds import TDSServer
from tests.servers.process import HOST

LOGIN = "loader"
SERVICE = "ORCLPDB1"

Connect = Callable[[str, int, str], HookConnection]
"""Returns the connection to a host and port with a password."""


def to_snowflake(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    """Return a connection to Snowflake."""
    # The status of a certificate is asked for at its authority, which is not there.
    extra = {"account": "ab12345", "host": host, "port": port, "insecure_mode": True}
    return HookConnection("sf", "snowflake", None, LOGIN, password, None, "public", extra)


def to_trino(host: str, port: int, token: str = PASSWORD) -> HookConnection:
    """Return a connection to Trino."""
    # Its client sends credentials over TLS only.
    extra = {"auth": "jwt", "jwt__token": token, "catalog": "tpch", "protocol": "https"}
    return HookConnection("sql", "trino", host, LOGIN, None, port, None, extra)


def to_mongo(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    """Return a connection to MongoDB."""
    extra = {"authMechanism": "PLAIN", "authSource": "$external"}
    return HookConnection("docs", "mongo", host, LOGIN, password, port, None, extra)


def to_mssql(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    """Return a connection to SQL Server."""
    return HookConnection("dwh", "mssql", host, LOGIN, password, port, "sales")


def to_oracle(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    """Return a connection to an Oracle database."""
    return HookConnection("erp", "oracle", host, LOGIN, password, port, None, {"service_name": SERVICE})


def to_clickhouse(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    """Return a connection to ClickHouse."""
    return HookConnection("facts", "clickhouse", host, LOGIN, password, port, "default")


def to_kafka(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    """Return a connection to a Kafka broker."""
    extra = {
        "bootstrap.servers": f"{host}:{port}",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": LOGIN,
        "sasl.password": password,
    }
    return HookConnection("log", "kafka", None, None, PASSWORD, None, None, extra)


def _fields(connection: HookConnection) -> dict[str, Any]:
    return {"password": connection.password, "extra": connection.extra}


def _serving(start: Callable[[], API | Imitation], connect: Connect) -> Callable[[], AbstractContextManager[Served]]:
    @contextmanager
    def serve() -> Iterator[Served]:
        with start() as server:
            good, wrong = (connect(HOST, server.port, password) for password in (PASSWORD, WRONG))
            yield Served(good, _fields(wrong), lambda: server.refused)

    return serve


def _case(conn_type: str, start: Callable[[], API | Imitation], connect: Connect) -> Case:
    return Case(conn_type, _serving(start, connect), lambda host, port: connect(host, port, PASSWORD))


IMITATED_DATABASES = (
    _case("snowflake", lambda: API(snowflake, context()), to_snowflake),
    _case("trino", lambda: API(trino, context()), to_trino),
    _case("mongo", lambda: MongoServer(PASSWORD), to_mongo),
    _case("mssql", lambda: TDSServer(LOGIN, PASSWORD), to_mssql),
    _case("oracle", lambda: OracleServer(LOGIN, PASSWORD, SERVICE), to_oracle),
    _case("clickhouse", lambda: API(clickhouse), to_clickhouse),
    _case("kafka", lambda: KafkaBroker(LOGIN, PASSWORD), to_kafka),
)
