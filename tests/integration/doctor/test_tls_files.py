"""Files of TLS that are of no use: the field that names the wrong one is said, and nothing is asked at the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from osiris_provider.connectors import get_connector

from tests.faults.sql import CERTIFICATE, KEY, Certificates
from tests.integration.tls import issued, revoked_list
from tests.servers import PostgresServer

PASSPHRASE = "the passphrase of the tests"
NAMES = {
    "api": {"ca": "ca_bundle", "cert": "ssl_cert", "key": "ssl_key", "password": "ssl_key_password"},
    "mysql": {"ca": "ssl_ca", "cert": "ssl_cert", "key": "ssl_key"},
    "postgres": {"ca": "sslrootcert", "cert": "sslcert", "key": "sslkey", "password": "sslpassword", "crl": "sslcrl"},
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def files(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return paths by name; ``missing`` is not there."""
    path = tmp_path_factory.mktemp("files")
    client, other = issued(certificates, "good"), issued(certificates, "good")
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    locked = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    contents = {
        "ca": certificates.trusted.read_bytes(),
        "cert": client.cert_chain_pems[0].bytes(),
        "key": client.private_key_pem.bytes(),
        "other key": other.private_key_pem.bytes(),
        "locked key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, locked
        ),
        "text": b"hello\n",
        "empty": b"",
    }
    for name, content in contents.items():
        (path / name).write_bytes(content)
        (path / name).chmod(0o600)
    return {name: str(path / name) for name in (*contents, "missing")}


@pytest.fixture(scope="module")
def postgres(certificates: Certificates) -> Iterator[PostgresServer]:
    with PostgresServer(
        {"ssl": "on", "ssl_cert_file": CERTIFICATE, "ssl_key_file": KEY}, files=certificates.files()
    ) as running:
        yield running


@pytest.fixture
def connections(postgres: PostgresServer) -> Mapping[str, dict[str, Any]]:
    return {
        "api": {"base_url": "https://127.0.0.1:9", "health_path": "me", "token": "t0k3n"},
        "mysql": {"host": "127.0.0.1", "port": 9, "user": "u", "password": "p", "ssl": True},
        "postgres": {**asdict(postgres.app), "sslmode": "verify-ca"},
    }


EVERYWHERE = ("api", "mysql", "postgres")
WITH_PASSPHRASE = ("api", "postgres")
SITUATIONS: dict[str, tuple[tuple[str, ...], dict[str, str], str, str]] = {
    "authority missing": (EVERYWHERE, {"ca": "missing"}, "ca", "read"),
    "authority empty": (EVERYWHERE, {"ca": "empty"}, "ca", "is empty or holds no certificate"),
    "authority a text": (EVERYWHERE, {"ca": "text"}, "ca", "is empty or holds no certificate"),
    "authority a key": (EVERYWHERE, {"ca": "key"}, "ca", "is empty or holds no certificate"),
    "certificate missing": (EVERYWHERE, {"cert": "missing", "key": "key"}, "cert", "no such file"),
    "certificate empty": (EVERYWHERE, {"cert": "empty", "key": "key"}, "cert", "is empty or holds no certificate"),
    "certificate a text": (EVERYWHERE, {"cert": "text", "key": "key"}, "cert", "is empty or holds no certificate"),
    "key not given": (EVERYWHERE, {"cert": "cert"}, "key", "is missing"),
    "key missing": (EVERYWHERE, {"cert": "cert", "key": "missing"}, "key", "no such file"),
    "key a text": (EVERYWHERE, {"cert": "cert", "key": "text"}, "key", "is empty or holds no private key"),
    "key of another certificate": (EVERYWHERE, {"cert": "cert", "key": "other key"}, "key", "not that of the client"),
    "revoked, a text": (("postgres",), {"crl": "text"}, "crl", "holds no list of revoked certificates"),
    "revoked, empty": (("postgres",), {"crl": "empty"}, "crl", "holds no list of revoked certificates"),
    "revoked, an authority": (("postgres",), {"crl": "ca"}, "crl", "holds no list of revoked certificates"),
    "key encrypted": (("mysql",), {"cert": "cert", "key": "locked key"}, "key", "is encrypted"),
    "no passphrase": (WITH_PASSPHRASE, {"cert": "cert", "key": "locked key"}, "password", "is missing, and the key is"),
    "wrong passphrase": (
        WITH_PASSPHRASE,
        {"cert": "cert", "key": "locked key", "password": "wrong"},
        "password",
        "is not the passphrase",
    ),
}


@pytest.mark.parametrize(
    ("family", "situation"), [(family, name) for name, row in SITUATIONS.items() for family in row[0]]
)
def test_the_field_of_a_file_that_is_of_no_use_is_named(
    family: str,
    situation: str,
    connections: Mapping[str, dict[str, Any]],
    files: Mapping[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    _, given, wrong, said = SITUATIONS[situation]
    names = NAMES[family]
    fields = {names[role]: files.get(file, file) for role, file in {"ca": "ca", **given}.items()}
    connection = {"family": family, "alias": "test", **connections[family], **fields}
    _, verdict = get_connector(family).doctor(connection, 10)
    assert (verdict["category"], verdict["details"].get("fault")) == ("unknown", "misconfigured")
    assert verdict["message"].startswith(f"field {names[wrong]}: ")
    assert said in verdict["message"]
    assert "pass phrase" not in "".join(capfd.readouterr())
    assert not any(path in verdict["message"] for path in files.values())


def test_the_right_passphrase_is_taken(connections: Mapping[str, dict[str, Any]], files: Mapping[str, str]) -> None:
    given = {"sslrootcert": "ca", "sslcert": "cert", "sslkey": "locked key"}
    fields = {**{name: files[file] for name, file in given.items()}, "sslpassword": PASSPHRASE}
    ok, verdict = get_connector("postgres").doctor(
        {"family": "postgres", "alias": "test", **connections["postgres"], **fields}, 10
    )
    assert ok, verdict


@pytest.mark.parametrize("situation", ["ok", "certificate_revoked", "out of date", "of another authority"])
def test_a_list_of_revoked_certificates_counts(
    situation: str,
    connections: Mapping[str, dict[str, Any]],
    files: Mapping[str, str],
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    server = x509.load_pem_x509_certificate(certificates.good.cert_chain_pems[0].bytes())
    lists = {
        "ok": revoked_list(certificates.authority, 1),
        "certificate_revoked": revoked_list(certificates.authority, 1, server.serial_number),
        "out of date": revoked_list(certificates.authority, 1, last=-1),
        "of another authority": revoked_list(trustme.CA(), 1),
    }
    path = tmp_path / "crl.pem"
    path.write_bytes(lists[situation])
    fields = {"sslrootcert": files["ca"], "sslcrl": str(path)}
    connection = {"family": "postgres", "alias": "test", **connections["postgres"], **fields}
    _, verdict = get_connector("postgres").doctor(connection, 10)
    expected = situation if situation in ("ok", "certificate_revoked") else "certificate_untrusted"
    assert verdict["details"].get("fault", "ok") == expected, verdict
    assert expected != "certificate_untrusted" or "The list of revoked certificates" in verdict["message"]
