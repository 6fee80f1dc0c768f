"""TLS of the postgres family, on a real PostgreSQL server that has certificates (CONN-017)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.errors import AuthError, ConnectionConfigError, NetworkError
from psycopg2 import sql

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


def test_conn_017_root_certificate_alone_verifies(fields: Fields, certificates: Certificates) -> None:
    assert is_encrypted({**fields, "sslrootcert": str(certificates.trusted)})
    with pytest.raises(NetworkError) as raised:
        is_encrypted({**fields, "sslrootcert": str(certificates.other)})
    assert raised.value.facts["fault"] == "certificate_untrusted"


def test_conn_017_verify_full_verifies_the_name(fields: Fields, certificates: Certificates) -> None:
    by_address = {**fields, "host": "127.0.0.1", "sslrootcert": str(certificates.trusted)}
    assert is_encrypted({**by_address, "sslmode": "verify-ca"})
    with pytest.raises(NetworkError) as raised:
        is_encrypted({**by_address, "sslmode": "verify-full"})
    assert raised.value.facts["fault"] == "certificate_wrong_name"


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
