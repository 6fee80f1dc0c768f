"""Servers whose passwords are canaries, and the connections file that leads to them."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg2 import sql

from tests.faults.peers import Peer, closed_port, silent
from tests.faults.sql import Certificates
from tests.leaks.canaries import BASIC, DSN, DUCKDB, LINES, MYSQL, POSTGRES, SHOPIFY, SUPABASE, TOKEN, WRONG
from tests.leaks.hooks import hook_connections
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_shopify import FakeShopify
from tests.servers.apis.fake_supabase import FakeSupabase

Connections = dict[str, dict[str, dict[str, Any]]]
USER = "ann"
VARIABLES = {"MYSQL_PASSWORD": MYSQL.secret, "API_TOKEN": TOKEN.secret}
"""Secrets that the connections file takes from the environment."""


@contextmanager
def running_world(directory: Path, mariadb: MariaDBServer, postgres: PostgresServer) -> Iterator[Connections]:
    """Start the servers and return the connections, healthy and broken.

    :param directory: for files.
    """
    certificates = Certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.good.configure_cert(context)
    _accounts(mariadb, postgres)
    basic = b64encode(f"{USER}:{BASIC.secret}".encode())
    with ExitStack() as stack:
        supabase = stack.enter_context(FakeSupabase(SUPABASE.secret, "anon", {"t": []}, tls=context))
        shopify = stack.enter_context(FakeShopify(SHOPIFY.secret, tls=context))
        token = stack.enter_context(FakeApi({"Authorization": f"Bearer {TOKEN.secret}".encode()}, tls=context))
        login = stack.enter_context(FakeApi({"Authorization": b"Basic " + basic}, tls=context))
        closed = stack.enter_context(closed_port())
        quiet = stack.enter_context(Peer(silent))
        urls = {name: _at(server.port) for name, server in {"supabase": supabase, "shopify": shopify}.items()}
        urls |= {"token": f"{_at(token.port)}/v1", "basic": f"{_at(login.port)}/v1", "closed": _at(closed)}
        yield {
            **_databases(mariadb, postgres, closed, quiet.port),
            **_services(urls, postgres, {"ca_bundle": str(certificates.trusted)}),
            "airflow": stack.enter_context(hook_connections(directory)),
            "duckdb": {
                "main": {"path": str(directory / "x.duckdb")},
                "down": {"path": f"md:shop?motherduck_token={DUCKDB.secret}"},
            },
        }


def _databases(mariadb: MariaDBServer, postgres: PostgresServer, closed: int, quiet: int) -> Connections:
    my = {"host": mariadb.app.host, "port": mariadb.app.port, "user": USER, "database": "app"}
    pg = {"host": postgres.app.host, "port": postgres.app.port, "user": USER, "database": "app"}
    return {
        "mysql": {
            "main": {**my, "password": "${MYSQL_PASSWORD}"},
            "wrong": {**my, "password": WRONG.secret},
            "down": {**my, "port": closed, "password": LINES.secret},
            "silent": {**my, "port": quiet, "password": MYSQL.secret},
        },
        "postgres": {
            "main": {**pg, "password": POSTGRES.secret},
            "wrong": {**pg, "password": WRONG.secret},
            "dsn": {"dsn": _dsn(postgres.app.port)},
            "down": {"dsn": _dsn(closed)},
        },
    }


def _services(urls: dict[str, str], postgres: PostgresServer, ca: dict[str, str]) -> Connections:
    login = {"user": USER, "password": BASIC.secret}
    return {
        "supabase": {
            "main": {"url": urls["supabase"], "service_role_key": SUPABASE.secret, **ca},
            "wrong": {"url": urls["supabase"], "service_role_key": TOKEN.secret, **ca},
            "sql": {"url": urls["supabase"], "pg_dsn": _dsn(postgres.app.port), **ca},
        },
        "shopify": {
            "main": {"shop_domain": urls["shopify"], "access_token": SHOPIFY.secret, **ca},
            "down": {"shop_domain": urls["closed"], "access_token": SHOPIFY.secret, **ca},
        },
        "api": {
            "main": {"base_url": urls["token"], "token": "${API_TOKEN}", "health_path": "/me", **ca},
            "basic": {"base_url": urls["basic"], "health_path": "/me", **login, **ca},
            "down": {"base_url": urls["closed"], "api_key": TOKEN.secret, "headers": {"X-More": TOKEN.secret}},
        },
    }


def _dsn(port: int) -> str:
    return f"postgresql://dsn:{quote(DSN.secret, safe='')}@127.0.0.1:{port}/app"


def _accounts(mariadb: MariaDBServer, postgres: PostgresServer) -> None:
    with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER {USER}@'%%' IDENTIFIED BY %s", (MYSQL.secret,))
        cursor.execute(f"GRANT ALL ON app.* TO {USER}@'%'")
    with closing(postgres.connect()) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            for name, canary in ((USER, POSTGRES), ("dsn", DSN)):
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                cursor.execute(statement.format(sql.Identifier(name), sql.Literal(canary.secret)))


def _at(port: int) -> str:
    return f"https://localhost:{port}"
