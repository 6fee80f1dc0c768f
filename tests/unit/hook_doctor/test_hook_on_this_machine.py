"""What is wrong on this machine, before any server says so: files, keys, certificates, names of hosts."""

from __future__ import annotations

import errno
import json
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from osiris_provider.hook_doctor import HookConnection, hook_type
from osiris_provider.hook_doctor.base import UnreadableFieldError, reading_fields
from osiris_provider.hook_doctor.connection import is_locked
from osiris_provider.hook_doctor.types.databases.snowflake import SnowflakeKeyLockedError

from tests.unit.hook_doctor.test_hook_tables import caused, fault_of, of


@pytest.mark.parametrize(
    ("error", "slug", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "/nowhere/id"), "misconfigured", "A file that"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/id"), "misconfigured", "A file that"),
        (ModuleNotFoundError("No module named 'x'"), "provider_broken", "cannot be imported"),
    ],
)
def test_what_is_missing_on_this_machine_is_said(error: BaseException, slug: str, said: str) -> None:
    fault = fault_of(error, "smtp", "127.0.0.1")
    assert fault.slug == slug
    assert said in fault.message


@pytest.mark.parametrize(
    ("host", "category"),
    [
        # A slip of the pen, as any wrong letter.
        ("db.example.invalid ", "network"),
        (" db", "network"),
        # What belongs into another field.
        ("https://db.example.invalid", "unknown"),
        ("db.invalid/path", "unknown"),
        ("db.invalid:5432", "unknown"),
    ],
)
def test_a_host_that_can_be_no_name_is_told(host: str, category: str) -> None:
    import socket

    error = socket.gaierror(socket.EAI_NONAME, "x")
    assert "Leave the bare name" in fault_of(error, "smtp", host).message
    assert fault_of(error, "smtp", host).category == category
    assert "Leave the bare name" not in fault_of(error, "smtp", "db.example.invalid").message
    if "://" in host:
        assert "Leave the bare name" not in fault_of(error, "http", host).message


def test_a_port_in_the_host_where_the_driver_reads_one() -> None:
    import socket

    error = socket.gaierror(socket.EAI_NONAME, "x")
    for conn_type in ("mssql", "mongo"):
        assert fault_of(error, conn_type, "db.invalid:1433").category == "network"


def of_reading(what: Callable[[ssl.SSLContext, Path], object], tmp_path: Path) -> ssl.SSLError:
    with pytest.raises(ssl.SSLError) as caught:
        what(ssl.create_default_context(), tmp_path)
    return caught.value


def _of_another(context: ssl.SSLContext, path: Path) -> None:
    import trustme

    authority = trustme.CA()
    one, other = authority.issue_cert("a"), authority.issue_cert("b")
    one.cert_chain_pems[0].write_to_path(str(path / "certificate"))
    other.private_key_pem.write_to_path(str(path / "key"))
    context.load_cert_chain(path / "certificate", path / "key")


def _written(path: Path, text: str) -> Path:
    (path / "file").write_text(text)
    return path / "file"


NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "what",
    [
        lambda context, path: context.load_cert_chain(_written(path, "no PEM")),
        lambda context, path: context.load_cert_chain(_written(path, NO_CERTIFICATE)),
        lambda context, path: context.load_verify_locations(_written(path, "no PEM")),
        lambda context, path: context.load_verify_locations(_written(path, NO_CERTIFICATE)),
        lambda context, _: context.load_verify_locations(cadata="no PEM"),
        lambda context, _: context.load_verify_locations(cadata=NO_CERTIFICATE),
        _of_another,
    ],
    ids=[
        "a certificate that is no PEM",
        "one that is broken",
        "a CA file that is no PEM",
        "one that is broken.",
        "a CA that is no PEM",
        "one that is broken!",
        "a key of another",
    ],
)
def test_a_certificate_that_cannot_be_read_here_is_no_handshake_that_failed(
    what: Callable[[ssl.SSLContext, Path], object], tmp_path: Path
) -> None:
    error = of_reading(what, tmp_path)
    fault = fault_of(caused(of("MaxRetryError"), error), "kubernetes")
    assert (fault.slug, fault.category) == ("misconfigured", "unknown")
    assert "CA file" in fault.message


def test_what_cannot_be_decoded_is_a_field_before_a_server_has_been_asked() -> None:
    for text in (b"\xff", b"{"):
        with pytest.raises(UnreadableFieldError) as caught, reading_fields():
            json.loads(text.decode())
        assert fault_of(caught.value, "ssh").slug == "misconfigured"


def test_a_locked_key_is_told_from_one_that_is_none(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    secret = serialization.BestAvailableEncryption(b"right")
    created = rsa.generate_private_key(65537, 2048)
    pem = created.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    assert [is_locked(pem.decode(), one) for one in ("right", "wrong", "", None)] == [False, True, True, True]
    assert not is_locked("no key", "right")
    open_to_all = serialization.NoEncryption()
    plain = created.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, open_to_all).decode()
    assert not is_locked(plain, None)
    assert not is_locked(plain, "wrong")
    file = tmp_path / "key.p8"
    file.write_bytes(pem)

    def fault(passphrase: str, **extra: str) -> str:
        prepare = hook_type("snowflake").prepare
        assert prepare is not None
        try:
            prepare(HookConnection("c", "snowflake", password=passphrase, extra=extra))
        except SnowflakeKeyLockedError as error:
            return fault_of(error, "snowflake").slug
        return ""

    for extra in (
        {"private_key_file": str(file)},
        {"private_key_content": pem.decode()},
        {"private_key_content": b64encode(pem).decode()},
    ):
        assert [fault(one, **extra) for one in ("right", "wrong")] == ["", "login_method"]
    assert fault("right", private_key_file="/nowhere/key") == fault("right", private_key_content="no key") == ""
