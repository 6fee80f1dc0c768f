"""Ways to log in to a real MySQL server: what each needs, and what doctor makes of a refusal (CONN-010, 017)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from typing import Any, Final

import pymysql
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.interrupt import stop
from osiris_provider.errors import AuthError, NetworkError

from tests.servers import MariaDBServer, MySQLFamilyServer, MySQLServer

CONNECTOR: Final = get_connector("mysql")
PASSWORD: Final = "Zażółć gęślą jaźń"
PLUGINS: Final = ("caching_sha2_password", "sha256_password")
Fields = dict[str, Any]


@pytest.fixture(scope="module")
def server(mysql_server: MySQLServer) -> Iterator[MySQLServer]:
    users = {f"by_{plugin}": f"WITH {plugin} BY '{PASSWORD}'" for plugin in PLUGINS}
    users |= {"tls_only": f"BY '{PASSWORD}' REQUIRE SSL", "certified": f"BY '{PASSWORD}' REQUIRE X509"}
    execute(mysql_server, *(f"CREATE USER {user}@'%' IDENTIFIED {how}" for user, how in users.items()))
    yield mysql_server
    execute(mysql_server, *(f"DROP USER {user}@'%'" for user in users))


@pytest.fixture(autouse=True)
def cold(server: MySQLServer) -> None:
    """Have the server forget whose password it has seen: the next login takes the password itself."""
    execute(server, "FLUSH PRIVILEGES")


def execute(server: MySQLFamilyServer, *statements: str) -> list[tuple[Any, ...]]:
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def logins(server: MySQLServer) -> int:
    ((_, count),) = execute(server, "SHOW GLOBAL STATUS LIKE 'Connections'")
    return int(count)


def fields_of(server: MySQLFamilyServer, user: str, **fields: Any) -> Fields:
    account = {**asdict(server.app), "user": user, "password": PASSWORD, "database": None}
    return {"family": "mysql", "alias": "test", **account, **fields}


def cipher_of(fields: Fields) -> str:
    with closing(CONNECTOR.create_client(fields)) as client, client.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        return str((cursor.fetchone() or ("", ""))[1])


def fault_of(fields: Fields) -> str:
    ok, verdict = CONNECTOR.doctor(fields, 10)
    return "ok" if ok else str(verdict["details"]["fault"])


@pytest.mark.parametrize("plugin", PLUGINS)
def test_conn_017_a_password_not_seen_yet_needs_tls_or_a_known_key(server: MySQLServer, plugin: str) -> None:
    plain = fields_of(server, f"by_{plugin}", ssl=False)
    with pytest.raises(AuthError, match="Set ssl: true; or server_public_key"):
        CONNECTOR.create_client(plain)
    assert cipher_of({**plain, "server_public_key": str(server.data / "public_key.pem")}) == ""
    execute(server, "FLUSH PRIVILEGES")
    assert cipher_of({**plain, "allow_public_key_retrieval": True}) == ""
    execute(server, "FLUSH PRIVILEGES")
    assert cipher_of({**plain, "ssl": None}) != ""


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("tls", [None, True])
def test_conn_017_a_unix_socket_is_no_line_that_others_hear(server: MySQLServer, plugin: str, tls: bool | None) -> None:
    local = fields_of(server, f"by_{plugin}", host=None, unix_socket=str(server.directory / "socket"), ssl=tls)
    assert (cipher_of(local) != "") == bool(tls)
    assert fault_of(local) == "ok"


def test_an_airflow_connection_to_localhost_is_checked_over_the_socket(
    server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = fields_of(server, "by_caching_sha2_password")
    slots = {"host": "localhost", "port": 1, "login": known["user"], "password": known["password"]}
    asked = {"family": "airflow", "alias": "local", "conn_type": "mysql", **slots}
    monkeypatch.setenv("MYSQL_UNIX_PORT", str(server.directory / "socket"))
    ok, verdict = get_connector("airflow").doctor(asked, 10)
    assert ok, verdict
    assert "server_version" in verdict["details"]
    monkeypatch.setenv("MYSQL_UNIX_PORT", "/nowhere/socket")
    _, verdict = get_connector("airflow").doctor(asked, 10)
    assert verdict["details"]["fault"] == "no_socket"
    assert "127.0.0.1" in verdict["message"]


def test_conn_014_a_statement_over_a_unix_socket_is_ended_at_the_server(server: MySQLServer) -> None:
    running = "SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'"
    local = fields_of(server, "by_caching_sha2_password", host=None, unix_socket=str(server.directory / "socket"))
    client = CONNECTOR.create_client(local)

    def sleep() -> None:
        with suppress(pymysql.Error), client.cursor() as cursor:
            cursor.execute("SELECT SLEEP(60)")

    with closing(client):
        waiting = threading.Thread(target=sleep)
        waiting.start()
        while not execute(server, running):
            assert waiting.is_alive()
        stop([client])
        waiting.join(10)
        assert not waiting.is_alive()
    assert not execute(server, running)


def test_conn_017_a_password_seen_before_is_proved_by_a_hash(server: MySQLServer) -> None:
    assert cipher_of(fields_of(server, "by_caching_sha2_password")) != ""
    assert cipher_of(fields_of(server, "by_caching_sha2_password", ssl=False)) == ""


def test_conn_017_certificates_that_the_server_made_itself(server: MySQLServer) -> None:
    fields = fields_of(server, "by_caching_sha2_password", ssl_ca=str(server.data / "ca.pem"))
    assert cipher_of({**fields, "ssl_verify": "ca"}) != ""
    with pytest.raises(NetworkError) as raised:
        CONNECTOR.create_client(fields)
    assert raised.value.fault.slug == "certificate_wrong_name"


def test_conn_010_the_right_password_without_tls_is_told_by_the_packets(server: MySQLServer) -> None:
    account = fields_of(server, "tls_only", ssl=False)
    CONNECTOR.create_client({**account, "ssl": True}).close()
    before = logins(server)
    assert fault_of(account) == "tls_required"
    assert fault_of({**account, "allow_public_key_retrieval": True, "password": "wrong"}) == "wrong_password"
    # The look at the status is a login too: none of the two checks took a second one.
    assert logins(server) - before == 3


def test_conn_010_the_right_password_without_a_certificate_is_told_by_the_packets(server: MySQLServer) -> None:
    account = fields_of(server, "certified")
    # MySQL has seen the password by this first login, although it refuses it for want of the certificate.
    assert fault_of(account) == "wrong_password"
    assert fault_of(account) == "client_certificate_required"
    files = {"ssl_cert": str(server.data / "client-cert.pem"), "ssl_key": str(server.data / "client-key.pem")}
    assert fault_of({**account, **files}) == "ok"


def test_conn_010_a_signature_proves_the_password_to_mariadb(mariadb: MariaDBServer) -> None:
    method = "IDENTIFIED VIA ed25519 USING PASSWORD"
    execute(mariadb, "INSTALL SONAME 'auth_ed25519'", f"CREATE USER signs@'%' {method}('{PASSWORD}')")
    try:
        fields = fields_of(mariadb, "signs")
        assert [fault_of(fields), fault_of({**fields, "password": "wrong"})] == ["ok", "wrong_password"]
    finally:
        execute(mariadb, "DROP USER signs@'%'", "UNINSTALL SONAME 'auth_ed25519'")


def test_conn_009_a_server_that_is_read_only_is_healthy(server: MySQLServer) -> None:
    execute(server, "SET GLOBAL read_only = ON")
    try:
        ok, verdict = CONNECTOR.doctor(fields_of(server, "by_caching_sha2_password"), 10)
    finally:
        execute(server, "SET GLOBAL read_only = OFF")
    assert (ok, verdict["details"]["read_only"]) == (True, True)


def test_conn_010_every_error_of_the_servers_own_reference_has_a_fault(server: MySQLServer) -> None:
    """From 10,000 on they are for the server's log."""
    query = "SELECT error_name, error_number FROM performance_schema.events_errors_summary_global_by_error"
    sent = {str(name): int(code) for name, code in execute(server, query) if code is not None and int(code) < 10_000}
    assert len(sent) > 1500
    unknown = [
        name for name, code in sent.items() if CONNECTOR.classify(pymysql.OperationalError(code, "")).slug == "unknown"
    ]
    assert not unknown
