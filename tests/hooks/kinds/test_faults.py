"""Kinds of faults that users report of more than one type: a member of each kind, of the types whose libraries hide it.

Not a held-back set: these were found by reading what the libraries raise, and mended.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, WRONG
from tests.hooks.held_back.peers import HTML, Peer, Says, category_of, expect, listening, peer_of
from tests.hooks.servers.http_apis import API, Answer, elasticsearch, has_basic
from tests.hooks.servers.imitated_databases import to_clickhouse, to_oracle
from tests.hooks.servers.mongo import MongoServer
from tests.hooks.servers.oracle import OracleServer
from tests.hooks.servers.sql_apis import clickhouse
from tests.hooks.servers.tds import TDSServer
from tests.servers.process import HOST


@contextmanager
def closed() -> Iterator[int]:
    """Yield a port on which no one listens."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield taken.getsockname()[1]


def fault_of(connection: HookConnection) -> str:
    return category_of(connection).partition("(")[2].rstrip(")")


# No credentials, where some are wanted


class _AsksWho(MongoServer):
    """Answers a ping to everyone, as all do, and what needs a login to those who have logged in."""

    def _said(self, command: dict[str, Any]) -> dict[str, Any]:
        if "listDatabases" in command:
            return {"ok": 0.0, "errmsg": "m", "code": 13, "codeName": "Unauthorized"}
        return super()._said(command)


def test_mongo_that_wants_a_login_and_the_connection_has_none() -> None:
    with _AsksWho(PASSWORD) as server:
        expect(HookConnection("docs", "mongo", HOST, port=server.port), "auth")


def test_mongo_that_wants_no_login() -> None:
    with MongoServer(PASSWORD) as server:
        expect(HookConnection("docs", "mongo", HOST, port=server.port), "ok")


class _Secondary(MongoServer):
    """The only member of a replica set that is there."""

    def _said(self, command: dict[str, Any]) -> dict[str, Any]:
        name = f"{HOST}:{self.port}"
        state = {"isWritablePrimary": False, "secondary": True, "setName": "rs0", "hosts": [name], "me": name}
        return {**super()._said(command), **state}


@pytest.mark.parametrize(("preference", "expected"), [("primary", "network"), ("secondaryPreferred", "ok")])
def test_mongo_without_a_primary(preference: str, expected: str) -> None:
    """At once: the client itself waits for half a minute, and calls that a timeout."""
    with _Secondary(PASSWORD) as server:
        extra = {"replicaSet": "rs0", "readPreference": preference}
        expect(HookConnection("docs", "mongo", HOST, None, None, server.port, None, extra), expected)


# Refusals for which a client has no class


def redis_says(command: str, reply: bytes) -> Peer:
    """A server that answers one command with a reply of its own, and all others with OK."""

    def serve(line: socket.socket) -> None:
        with line.makefile("rb") as lines:
            while (head := lines.readline()).startswith(b"*"):
                words = [lines.read(int(lines.readline()[1:]) + 2).strip() for _ in range(int(head[1:]))]
                said = b" ".join(words).upper().startswith(command.encode())
                line.sendall(reply if said else b"+OK\r\n")

    return lambda: listening(serve)


REDIS: dict[str, tuple[str, bytes, dict[str, Any], str]] = {
    "a proxy's word for a wrong password": ("AUTH", b"-ERR invalid auth\r\n", {}, "wrong_password"),
    "a database that is not there": ("SELECT", b"-ERR DB index is out of range\r\n", {"db": 99}, "unknown_database"),
    "no cluster": (
        "CLUSTER SLOTS",
        b"-ERR This instance has cluster support disabled\r\n",
        {"cluster": True},
        "misconfigured",
    ),
    "a cluster, and a wrong password": ("AUTH", b"-WRONGPASS invalid\r\n", {"cluster": True}, "wrong_password"),
}


@pytest.mark.parametrize("situation", REDIS)
def test_redis_says(situation: str) -> None:
    command, reply, extra, fault = REDIS[situation]
    with peer_of(redis_says(command, reply)) as port:
        assert fault_of(HookConnection("kv", "redis", HOST, None, PASSWORD, port, None, extra)) == fault


ELASTICSEARCH = {401: "auth", 403: "permission", 404: "unknown", 429: "network", 502: "network"}


@pytest.mark.parametrize("status", ELASTICSEARCH)
def test_a_refusal_in_front_of_elasticsearch_that_is_called_json_and_is_none(status: int) -> None:
    with peer_of(Says(status, "refused")) as port:
        expect(HookConnection("es", "elasticsearch", HOST, "loader", PASSWORD, port, "http"), ELASTICSEARCH[status])


def index_user(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Answer a user of an index, who may not monitor the cluster, as Elasticsearch does."""
    if path.startswith("/_security") or not has_basic(headers):
        return elasticsearch(path, headers, body)
    reason = "action [cluster:monitor/main] is unauthorized for user [loader] with effective roles [shop]"
    return 403, {"error": {"type": "security_exception", "reason": reason}, "status": 403}, False


@pytest.mark.parametrize(("password", "expected"), [(PASSWORD, "ok"), (WRONG, "auth")])
def test_a_user_of_elasticsearch_who_may_not_ask_what_it_is(password: str, expected: str) -> None:
    with API(index_user) as api:
        expect(HookConnection("es", "elasticsearch", HOST, "loader", password, api.port, "http"), expected)


def test_a_server_in_front_of_elasticsearch_that_refuses_everything() -> None:
    with peer_of(Says(403, {"error": {"type": "forbidden"}, "status": 403})) as port:
        expect(HookConnection("es", "elasticsearch", HOST, "loader", PASSWORD, port, "http"), "permission")


def test_elasticsearch_without_a_port() -> None:
    """The hook makes a URL of it that is none; whether something listens on the usual port is another matter."""
    expect(HookConnection("es", "elasticsearch", HOST, "loader", PASSWORD, None, "http"), "unknown")


IMAP = {
    "a mailbox that Exchange does not connect": (b"BAD User is authenticated but not connected.", "permission"),
    "a mailbox that fails": (b"NO [SERVERBUG] Internal error", "network"),
}


def mailbox_says(select: bytes, logout: bytes | None) -> Peer:
    """A server that lets everyone in."""

    def serve(line: socket.socket) -> None:
        line.sendall(b"* OK IMAP4rev1 ready\r\n")
        with line.makefile("rb") as lines:
            for said in lines:
                tag, _, command = said.upper().partition(b" ")
                reply = b"OK done"
                if command.startswith(b"CAPABILITY"):
                    line.sendall(b"* CAPABILITY IMAP4rev1\r\n")
                elif command.startswith(b"EXAMINE"):
                    reply = select
                elif command.startswith(b"LOGOUT"):
                    if logout is None:
                        return
                    reply = logout
                line.sendall(tag + b" " + reply + b"\r\n")

    return lambda: listening(serve)


def to_imap(port: int) -> HookConnection:
    return HookConnection("mail", "imap", HOST, "loader", PASSWORD, port, None, {"use_ssl": False})


@pytest.mark.parametrize("situation", IMAP)
def test_imap_opens_no_inbox(situation: str) -> None:
    select, expected = IMAP[situation]
    with peer_of(mailbox_says(select, b"OK bye")) as port:
        expect(to_imap(port), expected)


@pytest.mark.parametrize("logout", [None, b"BAD Unknown command"])
def test_imap_that_takes_no_leave_is_healthy(logout: bytes | None) -> None:
    with peer_of(mailbox_says(b"OK done", logout)) as port:
        expect(to_imap(port), "ok")


@pytest.mark.parametrize("code", [604, 4088, 20001])
def test_oracle_with_a_trigger_on_logging_in(code: int) -> None:
    with OracleServer("loader", "another password", "ORCLPDB1", code) as server:
        expect(to_oracle(HOST, server.port), "permission")


def test_oracle_with_a_vault_that_refuses() -> None:
    with OracleServer("loader", "another password", "ORCLPDB1", 47400) as server:
        expect(to_oracle(HOST, server.port), "permission")


def test_sql_server_without_a_user() -> None:
    """The driver then looks for a ticket of Kerberos, and sends no login without one."""
    with TDSServer("loader", PASSWORD) as server:
        expect(HookConnection("dwh", "mssql", HOST, None, None, server.port, "sales"), "auth")


def test_clickhouse_whose_header_is_lost_on_the_way() -> None:
    with peer_of(Says(403, "Code: 516. DB::Exception: loader: Authentication failed. (AUTHENTICATION_FAILED)")) as port:
        expect(to_clickhouse(HOST, port), "auth")


def test_a_page_in_the_place_of_clickhouse() -> None:
    with peer_of(Says(200, HTML)) as port:
        expect(to_clickhouse(HOST, port), "network")


# Fields that are wrong

FIELDS: dict[str, HookConnection] = {
    "a URL for a host": HookConnection("kv", "redis", "redis://cache.invalid", port=6379),
    "a port in the host": HookConnection("kv", "redis", "cache.invalid:6379", port=6379),
    "a URL for a host of a family": HookConnection("db", "mysql", "mysql://db.invalid", "loader", PASSWORD, 3306),
    "an empty label in the host of a family": HookConnection("db", "postgres", ".db.invalid", "loader", PASSWORD, 5432),
    "a URL for a host of MongoDB": HookConnection("docs", "mongo", "mongodb://docs.invalid", port=27017),
    "JSON that is none": HookConnection(
        "db", "mysql", "127.0.0.1", "loader", PASSWORD, 3306, None, {"ssl": "{ca: /etc/ca.pem}"}
    ),
}


@pytest.mark.parametrize("situation", FIELDS)
def test_a_field_that_no_server_can_be_blamed_for(situation: str) -> None:
    expect(FIELDS[situation], "unknown")


def test_settings_of_clickhouse_that_are_no_json() -> None:
    with API(clickhouse) as server:
        extra = {"session_settings": "{max_threads: 4}"}
        expect(replace(to_clickhouse(HOST, server.port), extra=extra), "unknown")


# Where it is asked


def test_drivers_that_read_a_port_in_the_host() -> None:
    with TDSServer("loader", PASSWORD) as server:
        expect(HookConnection("dwh", "mssql", f"{HOST}:{server.port}", "loader", PASSWORD, None, "sales"), "ok")
    with MongoServer(PASSWORD) as docs:
        expect(HookConnection("docs", "mongo", f"{HOST}:{docs.port}"), "ok")


def test_oracle_whose_dsn_is_elsewhere_is_not_looked_for_at_its_host() -> None:
    with closed() as nobody, OracleServer("loader", PASSWORD, "ORCLPDB1") as server:
        extra = {"dsn": f"{HOST}:{server.port}/ORCLPDB1"}
        expect(HookConnection("erp", "oracle", HOST, "loader", PASSWORD, nobody, None, extra), "ok")


def _wants_a_login(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_clickhouse_behind_a_proxy_that_wants_a_login(scheme: str) -> None:
    """Only the proxy knows the server's name."""
    plain = to_clickhouse("clickhouse.invalid", 8443)
    with listening(_wants_a_login) as port:
        extra = {"secure": scheme == "https", "client_kwargs": {f"{scheme}_proxy": f"http://{HOST}:{port}"}}
        expect(HookConnection("ch", "clickhouse", plain.host, "loader", PASSWORD, 8443, None, extra), "auth")


def test_trino_by_a_url() -> None:
    with peer_of(Says(401, "Unauthorized")) as port:
        expect(HookConnection("sql", "trino", f"http://{HOST}:{port}", "loader", extra={"catalog": "tpch"}), "auth")
    with closed() as port:
        expect(HookConnection("sql", "trino", f"http://{HOST}:{port}", "loader", extra={"catalog": "tpch"}), "network")
