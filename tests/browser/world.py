"""The servers that connections of the tests lead to, and those connections: a healthy one a family, and broken ones."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.peers import Peer, closed_port, silent
from tests.faults.sql import Certificates
from tests.servers import MariaDBServer, PostgresServer, entry
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_shopify import FakeShopify
from tests.servers.apis.fake_supabase import FakeSupabase
from tests.servers.apis.http import Reply

Fields = dict[str, Any]
WRONG = "wrong-canary-4711"
SERVICE_KEY = "sb_secret_of_the_tests"
ANON_KEY = "sb_publishable_of_the_tests"
ACCESS_TOKEN = "shpat_of_the_tests"
API_TOKEN = "token-of-the-tests"
CASES = (
    ("mysql", "wrong password", "auth"),
    ("mysql", "closed port", "network"),
    ("mysql", "silent port", "timeout"),
    ("mysql", "no right", "permission"),
    ("postgres", "wrong password", "auth"),
    ("postgres", "closed port", "network"),
    ("postgres", "silent port", "timeout"),
    ("postgres", "no right", "permission"),
    ("supabase", "wrong key", "auth"),
    ("supabase", "closed port", "network"),
    ("supabase", "no right", "permission"),
    ("shopify", "wrong token", "auth"),
    ("shopify", "closed port", "network"),
    ("shopify", "no right", "permission"),
    ("api", "wrong token", "auth"),
    ("api", "closed port", "network"),
    ("api", "no right", "permission"),
    ("duckdb", "no directory", "unknown"),
    ("duckdb", "not a database", "unknown"),
)
"""Family, name and category of each broken connection."""


@dataclass(frozen=True)
class World:
    """What the tests connect to.

    :param healthy: a healthy connection a family, fields only.
    :param changes: of the broken ones, by family and name: what is other than in the healthy one.
    """

    healthy: dict[str, Fields]
    changes: dict[tuple[str, str], Fields]
    mariadb: MariaDBServer
    postgres: PostgresServer

    def broken(self, family: str, name: str) -> Fields:
        """Return the fields of a broken connection."""
        return {**self.healthy[family], **self.changes[family, name]}


@contextmanager
def running_world(directory: Path, mariadb: MariaDBServer, postgres: PostgresServer) -> Iterator[World]:
    """Start what is missing and say where all is.

    :param directory: for files.
    """
    certificates = Certificates(directory)
    text = directory / "text.duckdb"
    text.write_text("this is no database" * 1000)
    with ExitStack() as stack:
        supabase = stack.enter_context(FakeSupabase(SERVICE_KEY, ANON_KEY, {"t": []}, tls=_tls(certificates)))
        strict = stack.enter_context(FakeSupabase(SERVICE_KEY, ANON_KEY, tls=_tls(certificates)))
        strict.failure = Reply.of_json({"code": "42501", "message": "permission denied"}, 403)
        poor = stack.enter_context(FakeShopify(ACCESS_TOKEN, tls=_tls(certificates)))
        poor.scopes = []
        shopify = stack.enter_context(FakeShopify(ACCESS_TOKEN, tls=_tls(certificates)))
        bearer = {"Authorization": f"Bearer {API_TOKEN}".encode()}
        api = stack.enter_context(FakeApi(bearer, tls=_tls(certificates)))
        closed = stack.enter_context(closed_port())
        quiet = stack.enter_context(Peer(silent))
        ca = {"ca_bundle": str(certificates.trusted)}
        healthy: dict[str, Fields] = {
            "mysql": entry(mariadb.app),
            "postgres": entry(postgres.app),
            "supabase": {"url": _at(supabase.port), "service_role_key": SERVICE_KEY, **ca},
            "shopify": {"shop_domain": _at(shopify.port), "access_token": ACCESS_TOKEN, **ca},
            "api": {"base_url": _at(api.port) + "/v1", "token": API_TOKEN, "health_path": "/me", **ca},
            "duckdb": {"path": str(directory / "Ware House.duckdb")},
        }
        _forbid(postgres)
        closed_at, silent_at = {"port": closed}, {"port": quiet.port}
        wrong: Fields = {"password": WRONG}
        changes = {
            ("mysql", "wrong password"): wrong,
            ("mysql", "closed port"): closed_at,
            ("mysql", "silent port"): silent_at,
            ("mysql", "no right"): {"database": "mysql"},
            ("postgres", "wrong password"): wrong,
            ("postgres", "closed port"): closed_at,
            ("postgres", "silent port"): silent_at,
            ("postgres", "no right"): {"database": "forbidden"},
            **_http_changes(_at(closed), strict=_at(strict.port), poor=_at(poor.port)),
            ("duckdb", "no directory"): {"path": str(directory / "no such" / "x.duckdb")},
            ("duckdb", "not a database"): {"path": str(text)},
        }
        yield World(healthy, changes, mariadb, postgres)


def _http_changes(closed: str, *, strict: str, poor: str) -> dict[tuple[str, str], Fields]:
    """Return what is other in the broken connections of the HTTP families; the arguments are origins."""
    return {
        ("supabase", "wrong key"): {"service_role_key": WRONG},
        ("supabase", "closed port"): {"url": closed},
        ("supabase", "no right"): {"url": strict},
        ("shopify", "wrong token"): {"access_token": WRONG},
        ("shopify", "closed port"): {"shop_domain": closed},
        ("shopify", "no right"): {"shop_domain": poor},
        ("api", "wrong token"): {"token": WRONG},
        ("api", "closed port"): {"base_url": closed},
        ("api", "no right"): {"health_path": "/forbidden"},
    }


def _tls(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.good.configure_cert(context)
    return context


def _at(port: int) -> str:
    return f"https://localhost:{port}"


def _forbid(server: PostgresServer) -> None:
    """Make a database that the application's user may not connect to."""
    with closing(server.connect()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE forbidden")
            cursor.execute("REVOKE CONNECT ON DATABASE forbidden FROM PUBLIC")
