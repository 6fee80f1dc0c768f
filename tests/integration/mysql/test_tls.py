"""TLS of the mysql family, on a real MariaDB server that has certificates (CONN-017)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.drivers import get_driver
from osiris_provider.errors import AuthError, ConnectTimeoutError, NetworkError
from osiris_provider.testing.context import RecordingContext

from tests.faults.sql import CERTIFICATE, KEY, Certificates
from tests.integration.tls import client_files
from tests.servers import MariaDBServer

CONNECTOR = get_connector("mysql")
Fields = dict[str, Any]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[MariaDBServer]:
    files = {**certificates.files(), "ca.pem": certificates.trusted.read_bytes()}
    with MariaDBServer([f"--ssl-cert={CERTIFICATE}", f"--ssl-key={KEY}", "--ssl-ca=ca.pem"], files) as running:
        with closing(running.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER tls_only@'%' IDENTIFIED BY 'right' REQUIRE SSL")
            cursor.execute("CREATE USER certified@'%' IDENTIFIED BY 'right' REQUIRE X509")
        yield running


@pytest.fixture
def fields(server: MariaDBServer) -> Fields:
    return {"family": "mysql", "alias": "test", **asdict(server.app), "host": "localhost"}


def cipher_of(fields: Fields) -> str:
    """Log in and ask the server how the line is encrypted; empty if it is not."""
    with closing(CONNECTOR.create_client(fields)) as client, client.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        return str(cursor.fetchone()[1])


def test_conn_017_tls_if_the_server_offers_it(fields: Fields) -> None:
    assert cipher_of(fields) != ""


@pytest.mark.parametrize("never", [{"ssl": False}, {"ssl_mode": "DISABLED"}])
def test_conn_017_never_tls_if_the_connection_says_so(fields: Fields, never: Fields) -> None:
    assert cipher_of({**fields, **never}) == ""


def test_conn_017_ssl_encrypts(fields: Fields) -> None:
    assert cipher_of({**fields, "ssl": True}) != ""


def test_conn_017_ssl_ca_alone_encrypts_and_verifies(fields: Fields, certificates: Certificates) -> None:
    assert cipher_of({**fields, "ssl_ca": str(certificates.trusted)}) != ""
    with pytest.raises(NetworkError) as raised:
        cipher_of({**fields, "ssl_ca": str(certificates.other)})
    assert raised.value.fault.slug == "certificate_untrusted"


def test_conn_017_ssl_ca_verifies_the_name(fields: Fields, certificates: Certificates) -> None:
    with pytest.raises(NetworkError) as raised:
        cipher_of({**fields, "host": "127.0.0.1", "ssl_ca": str(certificates.trusted)})
    assert raised.value.fault.slug == "certificate_wrong_name"


def test_conn_017_the_authority_alone_is_verified_if_the_connection_says_so(
    fields: Fields, certificates: Certificates
) -> None:
    lenient = {**fields, "host": "127.0.0.1", "ssl_verify": "ca"}
    assert cipher_of({**lenient, "ssl_ca": str(certificates.trusted)}) != ""
    with pytest.raises(NetworkError) as raised:
        cipher_of({**lenient, "ssl_ca": str(certificates.other)})
    assert raised.value.fault.slug == "certificate_untrusted"


def test_conn_017_ssl_verify_asks_the_authorities_of_the_system(fields: Fields) -> None:
    with pytest.raises(NetworkError) as raised:
        cipher_of({**fields, "ssl_verify": True})
    assert raised.value.fault.slug == "certificate_untrusted"


def test_conn_017_client_certificate(fields: Fields, certificates: Certificates, tmp_path: Path) -> None:
    certified = {**fields, "user": "certified", "password": "right", "database": None, "ssl": True}
    with pytest.raises(AuthError):
        cipher_of(certified)
    assert cipher_of({**certified, **client_files(certificates, tmp_path, "ssl_cert", "ssl_key")}) != ""


def test_conn_017_an_account_for_tls_only_works_unless_tls_is_off(fields: Fields) -> None:
    account = {**fields, "user": "tls_only", "password": "right", "database": None}
    assert cipher_of(account) != ""
    with pytest.raises(AuthError, match="the account may be for TLS only: set ssl: true") as raised:
        cipher_of({**account, "ssl": False})
    assert raised.value.fault.slug == "wrong_password"


def test_encrypted_client_has_no_deadline_after_login(fields: Fields) -> None:
    impatient = {**fields, "ssl": True, "connect_timeout": 0.5}
    with closing(CONNECTOR.create_client(impatient)) as client, client.cursor() as cursor:
        cursor.execute("SELECT SLEEP(0.7)")
        assert cursor.fetchone() == (0,)


def test_read_timeout_bounds_every_answer(fields: Fields) -> None:
    client = CONNECTOR.create_client({**fields, "read_timeout": 0.2})
    with pytest.raises(ConnectTimeoutError):
        CONNECTOR.translate_errors(fields, lambda: client.cursor().execute("SELECT SLEEP(5)"))


@pytest.mark.parametrize("partitions", [{}, {"partition_on": "id"}])
def test_much_is_read_over_tls_and_can_be_left(fields: Fields, server: MariaDBServer, partitions: Fields) -> None:
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(fields["database"])
        rows = "SELECT seq AS id, REPEAT('x', 50) AS pad FROM seq_1_to_200000"
        cursor.execute(f"CREATE OR REPLACE TABLE much (id INT) {rows}")

    def read() -> pa.RecordBatchReader:
        config = {"table": "much", **partitions, "resolved_connection": {**fields, "ssl": True}}
        run = get_driver("mysql.extractor").run
        reader: pa.RecordBatchReader = run(step_id="read", config=config, inputs={}, ctx=RecordingContext())["data"]
        return reader

    try:
        assert sorted(read().read_all()["id"].to_pylist()) == list(range(1, 200_001))
        left = read()
        left.read_next_batch()
        del left
    finally:
        close_all()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("osiris-read")]
