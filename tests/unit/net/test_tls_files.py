"""Which of the files of TLS is of no use, and that all of them are read when they are the right ones."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from osiris_provider.net.tls_files import (
    MAX_PASSPHRASE,
    TLSFileError,
    load_authorities,
    load_certificate,
    load_revoked,
)

from tests.integration.tls import revoked_list

PASSPHRASE = "é" * 511
"""As long as the cryptography library takes it."""


def weak() -> bytes:
    """Return a certificate whose key has 1,024 bits, and the key."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]), datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + pem(key)


def weakly_signed(client: trustme.LeafCert) -> bytes:
    """Return a certificate that names SHA-1 for its signature, which no library makes any more, and the key."""
    der = ssl.PEM_cert_to_DER_cert(client.cert_chain_pems[0].bytes().decode())
    sha256, sha1 = (bytes.fromhex("2a864886f70d0101") + last for last in (b"\x0b", b"\x05"))
    return ssl.DER_cert_to_PEM_cert(der.replace(sha256, sha1)).encode() + client.private_key_pem.bytes()


def pem(key: rsa.RSAPrivateKey, passphrase: str = "") -> bytes:
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    directory = tmp_path_factory.mktemp("files")
    authority, of_rsa = trustme.CA(), trustme.CA(key_type=trustme.KeyType.RSA)
    client = authority.issue_cert("client", key_type=trustme.KeyType.RSA)
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    contents = {
        "ca": authority.cert_pem.bytes(),
        "cert": client.cert_chain_pems[0].bytes(),
        "key": pem(key),
        "both": client.cert_chain_pems[0].bytes() + pem(key),
        "locked": pem(key, PASSPHRASE),
        "other": authority.issue_cert("client", key_type=trustme.KeyType.RSA).private_key_pem.bytes(),
        "other type": authority.issue_cert("client").private_key_pem.bytes(),
        "weak": weak(),
        "weakly signed": weakly_signed(of_rsa.issue_cert("client")),
        "list": revoked_list(authority, 1),
        "text": b"hello\n",
    }
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    return {name: str(directory / name) for name in (*contents, "missing")}


@pytest.fixture
def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize(("file", "said"), [("missing", "cannot be read"), ("text", "no certificate"), ("key", "no ")])
def test_authorities_that_are_of_no_use(
    file: str, said: str, context: ssl.SSLContext, files: Mapping[str, str]
) -> None:
    with pytest.raises(TLSFileError) as raised:
        load_authorities(context, files[file])
    assert (raised.value.role, said in raised.value.text("some")) == ("ca", True)


@pytest.mark.parametrize("file", ["missing", "text", "ca", "cert"])
def test_a_list_of_revoked_certificates_that_is_of_no_use(
    file: str, context: ssl.SSLContext, files: Mapping[str, str]
) -> None:
    with pytest.raises(TLSFileError) as raised:
        load_revoked(context, files[file])
    assert raised.value.role == "crl"


def test_the_right_files_are_read(context: ssl.SSLContext, files: Mapping[str, str]) -> None:
    before = context.verify_flags
    load_authorities(context, files["ca"])
    load_revoked(context, files["list"])
    assert context.cert_store_stats() == {"x509": 1, "crl": 1, "x509_ca": 1}
    assert context.verify_flags == before | ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


LONG = "é" * (MAX_PASSPHRASE // 2 + 1)
CLIENT = [
    ("cert", "key", None, ""),
    ("both", None, "of no key", ""),
    ("cert", "locked", PASSPHRASE, ""),
    ("missing", "key", None, "cert"),
    ("cert", "missing", None, "cert"),
    ("text", "key", None, "cert"),
    ("key", "key", None, "cert"),
    ("weak", None, None, "cert"),
    ("weakly signed", None, None, "cert"),
    ("cert", None, None, "key"),
    ("cert", "text", None, "key"),
    ("cert", "other", None, "key"),
    ("cert", "other type", None, "key"),
    ("cert", "locked", None, "password"),
    ("cert", "locked", "wrong", "password"),
    ("cert", "locked", LONG, "password"),
]


@pytest.mark.parametrize(("cert", "key", "password", "role"), CLIENT)
def test_the_files_of_a_client(
    cert: str, key: str | None, password: str | None, role: str, context: ssl.SSLContext, files: Mapping[str, str]
) -> None:
    actual = ""
    try:
        load_certificate(context, files[cert], key and files[key], password)
    except TLSFileError as error:
        actual = error.role
        said = error.text("some")
        assert said.startswith("field some: ")
        assert not any(path in said for path in files.values())
        assert str(key).startswith("other") is ("not that of the client" in said)
        assert cert.startswith("weak") is ("too weak" in said)
        assert (role == "password" and password is None) is ("is missing, and the key is" in said)
        assert (key is None and role == "key") is ("is missing, and the file of" in said)
        assert password is None or password not in said
    assert actual == role
