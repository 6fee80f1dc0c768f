"""What expires of a connection is in its report: certificates, passwords and tokens, on real servers."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme
from osiris_provider.cli.main import main
from osiris_provider.connectors import get_connector
from psycopg2 import sql

from tests.faults.peers import Cut, Peer, forward
from tests.faults.sql import CERTIFICATE, KEY, chain
from tests.security.hook_doctor.mail_server import MailServer
from tests.servers import APP_PASSWORD, MariaDBServer, MySQLServer, PostgresServer
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_supabase import FakeSupabase
from tests.servers.apis.http import Reply

Fields = dict[str, Any]
EXPIRES = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=9, hours=12)
CLIENT_EXPIRES = EXPIRES - timedelta(days=5)
PASSWORD_EXPIRES = EXPIRES + timedelta(days=30)
RIGHTS = "SELECT (user, host, plugin, password_last_changed, password_lifetime) ON mysql.user"


class Files:
    """An authority, and the certificates of a server and a client, which expire soon."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.ca = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.server = authority.issue_cert("localhost", not_after=EXPIRES)
        client = authority.issue_cert("client", not_after=CLIENT_EXPIRES)
        self.client_cert, self.client_key = directory / "client.pem", directory / "client-key.pem"
        # As `openssl x509 -text` writes it: words before the certificate.
        self.client_cert.write_bytes(b"Certificate:\n    Data:\n" + chain(client))
        client.private_key_pem.write_to_path(str(self.client_key))
        self.client_key.chmod(0o600)

    def of_server(self) -> dict[str, bytes]:
        return {
            CERTIFICATE: chain(self.server),
            KEY: self.server.private_key_pem.bytes(),
            "ca.pem": self.ca.read_bytes(),
        }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def mariadb_tls(files: Files) -> Iterator[MariaDBServer]:
    options = [f"--ssl-cert={CERTIFICATE}", f"--ssl-key={KEY}", "--ssl-ca=ca.pem"]
    with MariaDBServer(options, files.of_server()) as server:
        yield server


@pytest.fixture(scope="module")
def postgres_tls(files: Files) -> Iterator[PostgresServer]:
    conf = {"ssl": "on", "ssl_cert_file": CERTIFICATE, "ssl_key_file": KEY, "ssl_ca_file": "ca.pem"}
    hba = ["hostssl all trusted 127.0.0.1/32 trust"]
    with PostgresServer(conf, hba, files.of_server()) as server:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            for role in ("trusted", "short_lived"):
                statement = "CREATE ROLE {} LOGIN PASSWORD 'right' VALID UNTIL {}"
                cursor.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(str(PASSWORD_EXPIRES))))
            cursor.execute("CREATE ROLE other; GRANT other TO short_lived; ALTER ROLE short_lived SET role = 'other'")
            cursor.execute("CREATE ROLE lasting LOGIN PASSWORD 'right' VALID UNTIL 'infinity'")
        yield server


def expires(fields: Fields) -> list[tuple[str, datetime]]:
    """Check a connection that is healthy, and return what its report says about expiries."""
    ok, verdict = get_connector(fields["family"]).doctor({"alias": "test", **fields}, 10)
    assert ok, verdict
    entries = verdict["details"].get("expires", [])
    for entry in entries:
        left = datetime.fromisoformat(entry["at"]) - datetime.now(timezone.utc)
        assert entry["days_left"] == left.days
        assert sorted(entry) == ["at", "days_left", "what"]
    return [(entry["what"], datetime.fromisoformat(entry["at"])) for entry in entries]


def of_server(port: int) -> tuple[str, datetime]:
    return f"TLS certificate of localhost:{port}", EXPIRES


@pytest.mark.parametrize("verify", [False, True])
def test_mysql_tells_when_the_certificates_of_both_sides_expire(
    mariadb_tls: MariaDBServer, files: Files, verify: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"family": "mysql", **asdict(mariadb_tls.app), "host": "localhost"}
    tls = {"ssl_ca": str(files.ca)} if verify else {"ssl": True}
    assert expires({**fields, **tls}) == [of_server(mariadb_tls.port)]
    assert expires({**fields, "ssl": False}) == []
    monkeypatch.setenv("HOME", str(files.client_cert.parent))
    client = {"ssl_cert": f"~/{files.client_cert.name}", "ssl_key": str(files.client_key)}
    assert expires({**fields, **tls, **client}) == [
        ("client certificate", CLIENT_EXPIRES),
        of_server(mariadb_tls.port),
    ]


def test_mysql_tells_a_certificate_that_has_expired_if_no_one_verifies_it() -> None:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    past = trustme.CA().issue_cert("localhost", not_before=now - timedelta(days=9), not_after=now - timedelta(hours=30))
    certificates = {CERTIFICATE: chain(past), KEY: past.private_key_pem.bytes()}
    with MariaDBServer([f"--ssl-cert={CERTIFICATE}", f"--ssl-key={KEY}"], certificates) as server:
        ok, verdict = get_connector("mysql").doctor({"family": "mysql", **asdict(server.app), "ssl": True}, 10)
    assert (ok, verdict["category"]) == (True, "ok")
    assert [entry["days_left"] for entry in verdict["details"]["expires"]] == [-2]


def test_mysql_tells_when_the_password_expires_to_who_may_know(mysql_server: MySQLServer) -> None:
    fields = {"family": "mysql", **asdict(mysql_server.app), "database": None, "ssl": False, "user": "short_lived"}
    fields |= {"password": "right", "allow_public_key_retrieval": True}
    with closing(mysql_server.connect()) as connection, connection.cursor() as cursor:
        try:
            cursor.execute("CREATE USER short_lived@'%' IDENTIFIED BY 'right' PASSWORD EXPIRE INTERVAL 40 DAY")
            assert expires(fields) == []
            cursor.execute(f"GRANT {RIGHTS} TO short_lived@'%'")
            ((what, at),) = expires(fields)
            assert what == "password of the account"
            assert abs(at - datetime.now(timezone.utc) - timedelta(days=40)) < timedelta(minutes=1)
            cursor.execute("ALTER USER short_lived@'%' PASSWORD EXPIRE NEVER")
            assert expires(fields) == []
            cursor.execute("ALTER USER short_lived@'%' PASSWORD EXPIRE DEFAULT")
            assert expires(fields) == []
        finally:
            cursor.execute("DROP USER IF EXISTS short_lived@'%'")


def test_mysql_is_asked_for_nothing_that_it_would_refuse_or_that_holds_a_hash(mysql_server: MySQLServer) -> None:
    fields = {"family": "mysql", **asdict(mysql_server.app), "ssl": True}
    with closing(mysql_server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE mysql.general_log")
        cursor.execute("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON")
        try:
            expires(fields)
        finally:
            cursor.execute("SET GLOBAL general_log = OFF, GLOBAL log_output = 'FILE'")
        cursor.execute("SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type = 'Query'")
        asked = [str(question) for (question,) in cursor.fetchall()]
    assert any("information_schema.tables" in question for question in asked)
    assert not [question for question in asked if "FROM mysql.user" in question or "SHOW CREATE" in question]


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_postgres_tells_when_the_certificates_of_both_sides_expire(
    postgres_tls: PostgresServer, files: Files, mode: str
) -> None:
    fields = {"family": "postgres", **asdict(postgres_tls.app), "host": "localhost", "sslmode": mode}
    fields |= {"sslrootcert": str(files.ca)} if mode == "verify-full" else {}
    assert expires(fields) == [of_server(postgres_tls.port)]
    client = {"sslcert": str(files.client_cert), "sslkey": str(files.client_key)}
    assert expires({**fields, **client}) == [("client certificate", CLIENT_EXPIRES), of_server(postgres_tls.port)]


def test_postgres_tells_until_when_the_password_is_valid(postgres_tls: PostgresServer) -> None:
    fields = {"family": "postgres", **asdict(postgres_tls.app), "host": "localhost", "sslmode": "disable"}
    own = {"user": "short_lived", "password": "right"}
    assert expires({**fields, **own}) == [("password of the account", PASSWORD_EXPIRES)]
    assert expires({**fields, "user": "lasting", "password": "right"}) == []
    # Who logs in without a password has none that expires.
    trusted = {"sslmode": "require", "user": "trusted", "password": "right"}
    assert expires({**fields, **trusted}) == [of_server(postgres_tls.port)]


@pytest.mark.parametrize("then", ["stall", "reset", "corrupt", "close"])
def test_a_question_about_expiries_that_fails_changes_no_verdict(postgres_tls: PostgresServer, then: Any) -> None:
    fields = {"family": "postgres", **asdict(postgres_tls.app), "sslmode": "disable", "alias": "test"}
    with Peer(forward(postgres_tls.port)) as peer:
        assert get_connector("postgres").doctor({**fields, "port": peer.port}, 10)[0]
        last = peer.answers
    with Peer(forward(postgres_tls.port, Cut(then, last))) as peer:
        ok, verdict = get_connector("postgres").doctor({**fields, "port": peer.port}, 2)
    assert (ok, verdict["category"], list(verdict["details"])) == (True, "ok", ["server_version"])
    # What it waited for is no latency of the server.
    assert (verdict["latency_ms"] or 9_999) < 900


def token(**claims: object) -> str:
    """Make a JSON Web Token."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def bearing(text: str) -> dict[str, bytes]:
    return {"Authorization": f"Bearer {text}".encode()}


def test_apis_tell_their_certificate_and_the_end_of_a_token(files: Files) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files.server.configure_cert(context)
    bearer = token(exp=EXPIRES.timestamp() + 86_400, sub="canary-4711")
    with FakeApi(bearing(bearer), tls=context) as server:
        fields = {"family": "api", "base_url": f"https://localhost:{server.port}/v1", "health_path": "me"}
        fields |= {"token": bearer, "ca_bundle": str(files.ca)}
        in_token = ("token in field token", EXPIRES + timedelta(days=1))
        assert expires(fields) == [of_server(server.port), in_token]
        client = {"ssl_cert": str(files.client_cert), "ssl_key": str(files.client_key)}
        assert expires({**fields, **client})[0] == ("client certificate", CLIENT_EXPIRES)
        assert "4711" not in json.dumps(get_connector("api").doctor(fields, 10))


@pytest.mark.parametrize(
    "text",
    ["plain", "a.b.c", token(), token(exp="soon"), token(exp=True), token(exp=-1), token(exp=1e300), "e30.e30.", ".."],
)
def test_what_is_no_token_with_an_end_tells_nothing(text: str) -> None:
    with FakeApi(bearing(text)) as server:
        fields = {"family": "api", "base_url": f"{server.origin}/v1", "health_path": "me", "token": text}
        assert expires(fields) == []


def test_supabase_tells_the_end_of_its_key_and_of_the_password_of_its_database(postgres_tls: PostgresServer) -> None:
    key = token(exp=int(EXPIRES.timestamp()), role="service_role")
    address = postgres_tls.app
    dsn = f"postgresql://short_lived:right@localhost:{address.port}/{address.database}?sslmode=disable"
    with FakeSupabase(key, "anon-key") as server:
        fields = {"family": "supabase", "url": server.origin, "service_role_key": key, "pg_dsn": dsn}
        ends = [("token in field service_role_key", EXPIRES), ("password of the account", PASSWORD_EXPIRES)]
        assert expires(fields) == ends


def test_a_public_value_that_holds_the_password_is_masked(mariadb_tls: MariaDBServer) -> None:
    fields = {"family": "mysql", **asdict(mariadb_tls.app), "host": "localhost", "ssl": True, "user": "local"}
    with closing(mariadb_tls.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE USER local@'%' IDENTIFIED BY 'localhost'")
    ((what, _),) = expires({**fields, "database": None, "password": "localhost"})
    assert what == "TLS certificate of ***"
    assert APP_PASSWORD not in what


def test_a_connection_of_another_providers_type_tells_it_too(mariadb_tls: MariaDBServer) -> None:
    address = mariadb_tls.app
    fields = {"family": "airflow", "conn_type": "mysql", "host": "127.0.0.1", "port": address.port}
    fields |= {"login": address.user, "password": address.password, "schema": address.database}
    assert expires({**fields, "extra": {"ssl_mode": "REQUIRED"}}) == [
        (f"TLS certificate of 127.0.0.1:{address.port}", EXPIRES)
    ]


@pytest.mark.parametrize("status", [200, 404])
def test_a_connection_of_type_http_tells_certificate_and_token_whatever_the_answer(files: Files, status: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files.server.configure_cert(context)
    bearer = token(exp=EXPIRES.timestamp() + 86_400)
    with FakeApi(bearing(bearer), tls=context) as server:
        server.mischief = lambda request: Reply.of_json({}, status if server.knows(request) else 401)
        fields: Fields = {"family": "airflow", "conn_type": "http", "host": "localhost", "port": server.port}
        fields |= {"schema": "https", "extra": {"Authorization": f"Bearer {bearer}", "verify": str(files.ca)}}
        in_token = ("token in field extra.Authorization", EXPIRES + timedelta(days=1))
        assert expires(fields) == [of_server(server.port), in_token]


def test_a_connection_that_its_hook_checks_tells_it_too(files: Files) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files.server.configure_cert(context)
    fields: Fields = {
        "family": "airflow",
        "conn_type": "smtp",
        "host": "localhost",
        "login": "loader",
        "password": "right",
    }
    with MailServer(accepts="right", tls=context) as server:
        fields |= {"port": server.port, "extra": {"disable_tls": True, "ssl_context": "none"}}
        connector = get_connector("airflow")
        connector.prepare([{"alias": "test", **fields}])
        assert expires(fields) == [of_server(server.port)]
        assert server.passwords == ["right"]


def test_the_command_line_names_what_expires_soon(
    mariadb_tls: MariaDBServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {**asdict(mariadb_tls.app), "host": "localhost"}
    file = tmp_path / "osiris_connections.yaml"
    file.write_text(json.dumps({"version": 1, "connections": {"mysql": {"soon": fields}}}))
    file.chmod(0o600)
    words = f"Connection successful; TLS certificate of localhost:{mariadb_tls.port} expires in 9 days; server_version"
    for days, named in ((10, True), (9, True), (8, False)):
        command = ["connections", "doctor", "@mysql.soon", "--timeout", "10", "--file", str(file)]
        assert main([*command, "--warn-days", str(days)]) == 0
        shown = capsys.readouterr().out
        assert (words in shown) is named, shown
        assert "days_left" not in shown
    assert main([*command, "--json"]) == 0
    assert [entry["days_left"] for entry in json.loads(capsys.readouterr().out)["details"]["expires"]] == [9]
