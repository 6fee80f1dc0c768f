"""What of TLS is asked for when a failed login to PostgreSQL is looked into: the same that libpq asks for."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from osiris_provider.connectors.faults import RESET
from osiris_provider.connectors.postgres.diagnose import UNASKED, diagnose
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.deadline import Deadline

from tests.security.postgres.rogue import MD5, RoguePostgres


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(directory: Path) -> trustme.CA:
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    other.cert_pem.write_to_path(str(directory / "other.pem"))
    client = authority.issue_cert("client")
    client.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    client.private_key_pem.write_to_path(str(directory / "key.pem"))
    (directory / "key.pem").chmod(0o600)
    return authority


def context_of(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def asked(server: RoguePostgres, directory: Path, **given: str) -> str:
    """Return what a look into a login says: nothing in particular if TLS and all before the password is in order."""
    files = {name: str(directory / value) for name, value in given.items() if value.endswith(".pem")}
    known = {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": str(server.port),
        "user": "u",
        "sslpassword": UNASKED,
    }
    try:
        fault = diagnose(Parameters({**known, **given, **files}), Deadline(5))
    except ssl.SSLCertVerificationError:
        return "not verified"
    except ssl.SSLError:
        return "no TLS"
    return "in order" if fault is RESET else fault.slug


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    return tmp_path / ".postgresql" / "root.crt"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sslmode": "require"}, "in order"),
        ({"sslmode": "prefer"}, "in order"),
        ({"sslmode": "require", "sslrootcert": "ca.pem"}, "in order"),
        ({"sslmode": "require", "sslrootcert": "other.pem"}, "not verified"),
        ({"sslmode": "require", "sslrootcert": "ca.pem", "host": "db.example.com"}, "in order"),
        ({"sslmode": "verify-ca", "sslrootcert": "ca.pem", "host": "db.example.com"}, "in order"),
        ({"sslmode": "verify-ca", "sslrootcert": "other.pem"}, "not verified"),
        ({"sslmode": "verify-full", "sslrootcert": "ca.pem"}, "in order"),
        ({"sslmode": "verify-full", "sslrootcert": "ca.pem", "host": "db.example.com"}, "not verified"),
        ({"sslmode": "verify-full", "sslrootcert": "system"}, "not verified"),
    ],
)
@pytest.mark.usefixtures("home")
def test_conn_017_what_is_verified(
    given: dict[str, str], expected: str, authority: trustme.CA, directory: Path
) -> None:
    with RoguePostgres(MD5, tls=context_of(authority)) as server:
        assert asked(server, directory, **given) == expected


def test_conn_017_authorities_at_home_and_of_the_system(
    authority: trustme.CA, directory: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RoguePostgres(MD5, tls=context_of(authority)) as server:
        for name, expected in (("ca.pem", "in order"), ("other.pem", "not verified")):
            home.write_bytes((directory / name).read_bytes())
            assert [asked(server, directory, sslmode=mode) for mode in ("require", "verify-full")] == [expected] * 2
        monkeypatch.setenv("SSL_CERT_FILE", str(directory / "ca.pem"))
        assert asked(server, directory, sslmode="verify-full", sslrootcert="system") == "in order"


@pytest.mark.parametrize("limit", ["ssl_min_protocol_version", "ssl_max_protocol_version"])
def test_conn_017_versions_of_tls_have_the_limits_of_the_connection(
    limit: str, authority: trustme.CA, directory: Path
) -> None:
    context = context_of(authority)
    mine, others = ("TLSv1.3", "TLSv1.2") if "min" in limit else ("TLSv1.2", "TLSv1.3")
    version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[others]
    context.minimum_version = context.maximum_version = version
    with RoguePostgres(MD5, tls=context) as server:
        assert asked(server, directory, sslmode="require", **{limit: mine}) == "no TLS"
        assert asked(server, directory, sslmode="require", **{limit: others}) == "in order"


def test_conn_017_the_certificate_of_the_client_is_shown(authority: trustme.CA, directory: Path) -> None:
    context = context_of(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.configure_trust(context)
    own = {"sslcert": "cert.pem", "sslkey": "key.pem"}
    with RoguePostgres(MD5, tls=context) as server:
        assert asked(server, directory, sslmode="require", **own) == "in order"
        assert asked(server, directory, sslmode="require") == "no TLS"


@pytest.mark.parametrize(
    ("owner", "mode", "is_strict"),
    [
        (0, 0o600, True),
        (0, 0o640, True),
        (0, 0o660, False),
        (0, 0o650, False),
        (0, 0o604, False),
        (1000, 0o600, True),
        (1000, 0o700, True),
        (1000, 0o640, False),
        (1000, 0o601, False),
    ],
)
def test_conn_017_a_key_that_others_can_read_is_told_as_libpq_is_strict_about_it(
    owner: int, mode: int, is_strict: bool, authority: trustme.CA, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, stat = str(directory / "key.pem"), os.stat
    own: dict[str, Any] = {"sslmode": "require", "sslcert": "cert.pem", "sslkey": "key.pem"}
    status = SimpleNamespace(st_mode=0o100000 | mode, st_uid=owner)
    monkeypatch.setattr(os, "stat", lambda path, **how: status if path == key else stat(path, **how))
    with RoguePostgres(MD5, tls=context_of(authority)) as server:
        if is_strict:
            assert asked(server, directory, **own) == "in order"
        else:
            with pytest.raises(ConnectionConfigError, match="chmod 600") as raised:
                asked(server, directory, **own)
            assert raised.value.field == "sslkey"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"sslrootcert": "text.pem"}, "sslrootcert"),
        ({"sslcert": "text.pem"}, "sslcert"),
        ({"sslcert": "cert.pem", "sslkey": "text.pem"}, "sslkey"),
        ({"sslcert": "cert.pem", "sslkey": "locked.pem"}, "sslpassword"),
        ({"sslcert": "cert.pem", "sslkey": "locked.pem", "sslpassword": "wrong"}, "sslpassword"),
        ({"sslrootcert": "ca.pem", "sslcrl": "text.pem"}, "sslcrl"),
    ],
)
def test_conn_008_a_file_that_is_of_no_use_is_told_by_its_field(
    given: dict[str, str], field: str, authority: trustme.CA, directory: Path
) -> None:
    (directory / "text.pem").write_text("hello\n")
    key = serialization.load_pem_private_key((directory / "key.pem").read_bytes(), None)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    (directory / "locked.pem").write_bytes(
        key.private_bytes(encoding, form, serialization.BestAvailableEncryption(b"right"))
    )
    (directory / "locked.pem").chmod(0o600)
    with RoguePostgres(MD5, tls=context_of(authority)) as server:
        with pytest.raises(ConnectionConfigError) as raised:
            asked(server, directory, sslmode="verify-ca" if "sslrootcert" in given else "require", **given)
        assert (raised.value.field, f"field {field}" in str(raised.value)) == (field, True)
        if field == "sslpassword":
            assert asked(server, directory, sslmode="require", **{**given, "sslpassword": "right"}) == "in order"
