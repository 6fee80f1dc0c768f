"""Faults that are common in the field, and that the tables of codes were not written against: SFTP and IMAP.

A part of the fifth held-back set; its figures are in test_common.py. The servers are OpenSSH and Dovecot, put
into each situation.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from imaplib import IMAP4
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection
from osiris_provider.hook_doctor.processes import servers

from tests.faults.sql import chain
from tests.hooks.case import PASSWORD, Served
from tests.hooks.held_back.peers import authority, expect, issued, listening, scripted
from tests.hooks.servers.programs import directory
from tests.hooks.servers.real import ftp, imap, smtp, ssh
from tests.servers.process import HOST

Change = dict[str, Any]
Serve = Callable[[], AbstractContextManager[Served]]

# SFTP


@cache
def rsa_key() -> tuple[str, str]:
    """Return a private key and its line in authorized_keys."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def configured(settings: str = "", **account: str) -> Serve:
    return lambda: ssh("sftp", settings, **account)


# Its subsystem is a program, which the shell of the account starts.
PROGRAM = "Subsystem sftp /usr/lib/openssh/sftp-server"
NO_SIGNATURES = {"disabled_algorithms": {"pubkeys": ["rsa-sha2-256", "rsa-sha2-512"]}}
SFTP: dict[str, tuple[Serve, Change, str]] = {
    "no SFTP on the server": (configured(subsystem=""), {}, "permission"),
    # It hangs up after the login, and says why in its own log only.
    "a root directory that others may write to": (configured("ChrootDirectory /tmp"), {}, "network"),
    "logins by key only": (configured("PasswordAuthentication no"), {}, "auth"),
    "an account that is not on the list": (configured("AllowUsers somebody"), {}, "auth"),
    "an account that has expired": (configured(ageing="19000:0:99999:7::19500:"), {}, "auth"),
    # The login is accepted. That the session ends is all that a client sees, as with a shell that is /bin/false.
    "a password that has to be changed": (configured(ageing="0:0:99999:7:::"), {}, "permission"),
    "an account without a shell": (configured(subsystem=PROGRAM, program="/usr/sbin/nologin"), {}, "permission"),
    "no session for anybody": (configured("MaxSessions 0"), {}, "permission"),
    "a key exchange that the client does not know": (
        configured("KexAlgorithms sntrup761x25519-sha512@openssh.com"),
        {},
        "network",
    ),
    "a second factor": (configured("AuthenticationMethods password,publickey"), {}, "auth"),
    "a key before the password, and one try": (
        configured("MaxAuthTries 1"),
        {"private_key": lambda: rsa_key()[0]},
        "auth",
    ),
    "a host key of another kind than is known": (
        configured(),
        {"host_key": lambda: rsa_key()[1], "no_host_key_check": False},
        "network",
    ),
    "an account whose shell is none": (configured(subsystem=PROGRAM, program="/bin/false"), {}, "permission"),
    "in maintenance": (configured(closed="Back at noon."), {}, "network"),
}


@pytest.mark.parametrize("situation", SFTP)
def test_sftp(situation: str) -> None:
    serve, extra, expected = SFTP[situation]
    given = {name: value() if callable(value) else value for name, value in extra.items()}
    with serve() as served:
        expect(replace(served.connection, extra={**served.connection.extra, **given}), expected)


def test_sftp_key_whose_signatures_are_all_switched_off() -> None:
    private, public = rsa_key()
    with directory("keys") as path:
        (path / "keys").write_text(f"{public}\n")
        with configured(f"AuthorizedKeysFile {path / 'keys'}")() as served:
            key = {**served.connection.extra, "private_key": private}
            by_key = replace(served.connection, password=None, extra=key)
            expect(by_key, "ok")
            expect(replace(by_key, extra={**key, **NO_SIGNATURES}), "unknown")


def test_sftp_at_the_port_of_ftp() -> None:
    extra = {"no_host_key_check": True, "look_for_keys": False}
    with ftp() as served:
        expect(replace(served.connection, conn_type="sftp", extra=extra), "network")


# IMAP


@pytest.fixture(scope="module", autouse=True)
def believed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have checks believe the authority, so that another fault of a certificate is what they see."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        servers().close()
        yield
    servers().close()


TLS = """
ssl = yes
ssl_cert = <{path}/server.pem
ssl_key = <{path}/server.key
service imap-login {
  inet_listener imap {
    ssl = yes
  }
}
"""
WANTS_CERTIFICATE = """
ssl_ca = <{path}/ca.pem
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
ssl_require_crl = no
"""


def dovecot(settings: str = "", **account: Any) -> Serve:
    return lambda: imap(settings, **account)


def with_tls(name: str = HOST, settings: str = "", *, expired: bool = False) -> Serve:
    def serve() -> AbstractContextManager[Served]:
        server = issued(name, expired=expired)
        files = {
            "server.pem": chain(server),
            "server.key": server.private_key_pem.bytes(),
            "ca.pem": authority().cert_pem.bytes(),
        }
        return imap(TLS + settings, files=files)

    return serve


IMAP: dict[str, tuple[Serve, Change, str]] = {
    "an account that may not log in": (dovecot(of_user="::::::nologin=y reason=Closed"), {}, "auth"),
    "an account for other addresses": (dovecot(of_user="::::::allow_nets=192.0.2.0/24"), {}, "auth"),
    "a mailbox on a server that is away": (
        dovecot(of_user=f"::::::proxy=y host={HOST} port=9 proxy_timeout=5"),
        {},
        "network",
    ),
    "an account without a mailbox": (dovecot(userdb="driver = passwd-file\n  args = /dev/null"), {}, "network"),
    "a mailbox that the server may not open": (dovecot("mail_location = maildir:/root/mail/%u\n"), {}, "network"),
    "logins by token only": (dovecot("auth_mechanisms = xoauth2\n"), {}, "auth"),
    "a certificate that has expired": (with_tls(expired=True), {"use_ssl": True}, "network"),
    "a certificate for another name": (with_tls("mail.example.com"), {"use_ssl": True}, "network"),
    "a client certificate is wanted": (with_tls(settings=WANTS_CERTIFICATE), {"use_ssl": True}, "auth"),
    "behind a balancer that says who asks": (
        dovecot("service imap-login {\n  inet_listener imap {\n    haproxy = yes\n  }\n}\n"),
        {},
        "network",
    ),
}


@pytest.mark.parametrize("situation", IMAP)
def test_imap(situation: str) -> None:
    serve, extra, expected = IMAP[situation]
    with serve() as served:
        expect(replace(served.connection, extra={**served.connection.extra, **extra}), expected)


def test_imap_without_a_process_for_another_session() -> None:
    one = dovecot("service imap {\n  process_limit = 1\n}\n")
    with one() as served, IMAP4(HOST, served.connection.port or 0) as other:
        other.login("loader", PASSWORD)
        # It lets the login wait.
        expect(served.connection, "timeout")


def test_imap_with_a_password_beyond_ascii() -> None:
    with dovecot()() as served:
        expect(replace(served.connection, password=f"{PASSWORD}é"), "unknown")


def old_tls() -> AbstractContextManager[int]:
    """A server of the time before TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.deprecated_call():
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    issued(HOST).configure_cert(context)
    return listening(lambda line: line.sendall(b"* OK IMAP4rev1 ready\r\n"), context)


def to_imap(port: int, *, use_ssl: bool = False) -> HookConnection:
    return HookConnection("mail", "imap", HOST, "loader", PASSWORD, port, None, {"use_ssl": use_ssl})


def test_imap_that_speaks_old_tls_only() -> None:
    with old_tls() as port:
        expect(to_imap(port, use_ssl=True), "network")


def test_imap_at_the_port_of_pop3() -> None:
    # As Dovecot greets there.
    with scripted(b"+OK Dovecot (Debian) ready.\r\n", b"-ERR Unknown command.\r\n") as port:
        expect(to_imap(port), "network")


def test_imap_at_the_port_of_smtp() -> None:
    with smtp() as served:
        expect(to_imap(served.connection.port or 0), "network")
