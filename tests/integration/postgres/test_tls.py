"""TLS of the postgres family, on a real PostgreSQL server that has certificates (CONN-017)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.postgres.auth import can_refuse
from osiris_provider.connectors.postgres.libpq import as_reached, log_in
from osiris_provider.errors import AuthError, ConnectionConfigError, NetworkError
from osiris_provider.net.deadline import Deadline
from psycopg2 import extensions, sql

from tests.faults.sql import CERTIFICATE, KEY, Certificates
from tests.integration.tls import client_files
from tests.servers import PostgresServer

CONNECTOR = get_connector("postgres")
Fields = dict[str, Any]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[PostgresServer]:
    conf = {"ssl": "on", "ssl_cert_file": CERTIFICATE, "ssl_key_file": KEY, "ssl_ca_file": "ca.pem"}
    hba = [
        "hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
        "hostnossl all tls_only 127.0.0.1/32 reject",
    ]
    files = {**certificates.files(), "ca.pem": certificates.trusted.read_bytes()}
    with PostgresServer(conf, hba, files) as running:
        with closing(running.connect()) as connection, connection.cursor() as cursor:
            for role in ("certified", "tls_only"):
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'right'").format(sql.Identifier(role)))
        yield running


@pytest.fixture
def fields(server: PostgresServer) -> Fields:
    # libpq asks for ::1 as well if the host is localhost; the next address is then tried.
    return {"family": "postgres", "alias": "test", **asdict(server.app), "host": "localhost"}


def is_encrypted(fields: Fields) -> bool:
    """Log in and ask the server whether the line is encrypted."""
    with closing(CONNECTOR.create_client(fields)) as client, client.cursor() as cursor:
        cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(("mode", "encrypted"), [("disable", False), ("prefer", True), ("require", True)])
def test_conn_017_sslmode(fields: Fields, mode: str, encrypted: bool) -> None:
    assert is_encrypted({**fields, "sslmode": mode}) is encrypted


@pytest.mark.parametrize("mode", ["disable", "require"])
def test_a_server_that_has_shown_that_it_knows_the_password_may_ask_for_it_again(fields: Fields, mode: str) -> None:
    parameters = CONNECTOR.model.parse({**fields, "sslmode": mode}).parameters()
    with closing(log_in(parameters, Deadline(10))) as connection:
        reached = as_reached(connection)
    # Another login goes the same way, and gives nothing else away.
    careful = {"require_auth": "!password"} if mode == "disable" and can_refuse() else {}
    assert reached == {"hostaddr": "127.0.0.1", "sslmode": mode, **careful}


def test_conn_017_root_certificate_alone_verifies(fields: Fields, certificates: Certificates) -> None:
    assert is_encrypted({**fields, "sslrootcert": str(certificates.trusted)})
    with pytest.raises(NetworkError) as raised:
        is_encrypted({**fields, "sslrootcert": str(certificates.other)})
    assert raised.value.fault.slug == "certificate_untrusted"


def test_conn_017_verify_full_verifies_the_name(fields: Fields, certificates: Certificates) -> None:
    by_address = {**fields, "host": "127.0.0.1", "sslrootcert": str(certificates.trusted)}
    assert is_encrypted({**by_address, "sslmode": "verify-ca"})
    with pytest.raises(NetworkError) as raised:
        is_encrypted({**by_address, "sslmode": "verify-full"})
    assert raised.value.fault.slug == "certificate_wrong_name"


def test_conn_017_client_certificate(fields: Fields, certificates: Certificates, tmp_path: Path) -> None:
    certified = {**fields, "user": "certified", "password": "right", "sslmode": "require"}
    with pytest.raises(AuthError):
        is_encrypted(certified)
    assert is_encrypted({**certified, **client_files(certificates, tmp_path, "sslcert", "sslkey")})


def test_conn_017_key_that_others_can_read(fields: Fields, certificates: Certificates, tmp_path: Path) -> None:
    files = client_files(certificates, tmp_path, "sslcert", "sslkey")
    Path(files["sslkey"]).chmod(0o644)
    with pytest.raises(ConnectionConfigError, match="chmod 600"):
        is_encrypted({**fields, "user": "certified", "password": "right", "sslmode": "require", **files})


def test_conn_017_role_that_must_use_tls_is_told_from_a_wrong_password(fields: Fields) -> None:
    role = {**fields, "user": "tls_only", "sslmode": "disable"}
    _, right = CONNECTOR.doctor({**role, "password": "right"}, 10)
    assert (right["category"], right["details"]["fault"]) == ("network", "tls_required")
    _, wrong = CONNECTOR.doctor({**role, "password": "wrong", "sslmode": "require"}, 10)
    assert (wrong["category"], wrong["details"]["fault"]) == ("auth", "wrong_password")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"sslmode": "always"}, "sslmode"),
        ({"sslrootcert": "/no/such/file.pem"}, "field sslrootcert"),
        ({"sslmode": "verify-full"}, "sslrootcert is required"),
    ],
)
def test_conn_017_mistakes_in_the_fields(
    fields: Fields, given: Fields, named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConnectionConfigError, match=named):
        CONNECTOR.create_client({**fields, **given})


FIELDS = {
    "ssl_min_protocol_version": "TLSv1.2",
    "ssl_max_protocol_version": "TLSv1.3",
    "channel_binding": "require",
    "require_auth": "scram-sha-256",
    "gssencmode": "disable",
    "krbsrvname": "kerberos",
    "target_session_attrs": "read-write",
    "keepalives": True,
    "keepalives_idle": 31,
    "keepalives_interval": 11,
    "keepalives_count": 4,
    "tcp_user_timeout": 31000,
    "application_name": "of the fields",
    "options": "-c statement_timeout=61000",
    "sslmode": "require",
}


@pytest.mark.parametrize("as_dsn", [False, True], ids=["fields", "dsn"])
def test_conn_017_every_field_reaches_libpq(fields: Fields, as_dsn: bool) -> None:
    given = {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in FIELDS.items()}
    connection = {**fields, **FIELDS}
    if as_dsn:
        names = {"host": "host", "port": "port", "user": "user", "password": "password", "database": "dbname"}
        where = {names[name]: str(value) for name, value in fields.items() if name in names}
        connection = {"family": "postgres", "alias": "x", "dsn": extensions.make_dsn(**where, **given)}
    assert CONNECTOR.doctor(connection, 10)[0]
    with closing(CONNECTOR.create_client(connection)) as client:
        reached = client.get_dsn_parameters()
        assert {name: reached.get(name) for name in given} == given
        with client.cursor() as cursor:
            cursor.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert cursor.fetchone() == ("TLSv1.3",)


def test_conn_017_a_list_of_revoked_certificates_that_is_missing_is_told(
    fields: Fields, certificates: Certificates
) -> None:
    _, verdict = CONNECTOR.doctor({**fields, "sslrootcert": str(certificates.trusted), "sslcrl": "/no/such"}, 10)
    assert "field sslcrl" in verdict["message"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"require_auth": "scram"}, "field require_auth: names ways to log in"),
        ({"require_auth": "!md5,password"}, "field require_auth: names ways to log in"),
        ({"target_session_attrs": "master"}, "field target_session_attrs"),
        ({"channel_binding": True}, "field channel_binding"),
        ({"sslnegotiation": "direct"}, "field sslnegotiation: direct needs sslmode"),
        ({"sslnegotiation": "direct", "sslmode": "prefer"}, "field sslnegotiation: direct needs sslmode"),
        ({"ssl_min_protocol_version": "1.2"}, "field ssl_min_protocol_version"),
        ({"ssl_min_protocol_version": "TLSv1.3", "ssl_max_protocol_version": "TLSv1.2"}, "libpq does not take one"),
    ],
)
def test_conn_008_mistakes_in_the_rarer_fields(fields: Fields, given: Fields, named: str) -> None:
    ok, verdict = CONNECTOR.doctor({**fields, **given}, 10)
    assert (ok, verdict["details"]["fault"]) == (False, "misconfigured")
    assert named in verdict["message"]


def test_a_server_of_another_kind_is_told_from_a_broken_one(fields: Fields) -> None:
    ok, verdict = CONNECTOR.doctor({**fields, "target_session_attrs": "standby"}, 10)
    assert (ok, verdict["details"]) == (False, {"fault": "wrong_server", "retryable": True})
    with pytest.raises(NetworkError, match="target_session_attrs"):
        CONNECTOR.create_client({**fields, "target_session_attrs": "standby"})
    assert CONNECTOR.doctor({**fields, "target_session_attrs": "primary"}, 10)[0]


def test_a_service_file_cannot_say_less_of_tls() -> None:
    _, verdict = CONNECTOR.doctor({"family": "postgres", "alias": "x", "dsn": "service=main host=h user=u"}, 10)
    assert "service file" in verdict["message"]
