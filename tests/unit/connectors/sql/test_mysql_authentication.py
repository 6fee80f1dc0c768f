"""What a login answers to each method of MySQL and MariaDB, and where it ends: without any server."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from osiris_provider.connectors.faults import GARBAGE
from osiris_provider.connectors.mysql import faults
from osiris_provider.connectors.mysql.authentication import MAX_STEPS, Authentication
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.connectors.sql.faults import LOGIN_METHOD
from osiris_provider.errors import Fault
from pymysql.protocol import MysqlPacket

from tests.security.mysql.rogue import public_pem, rsa_key

# As long as a key of Ed25519, so that another library can tell whether a signature is of it.
PASSWORD = b"thirty-two bytes of a passphrase"
OK, MORE, DENIED = b"\0\0\0\2\0\0\0", b"\1", b"\xff\x15\x04#28000Access denied"
CHALLENGE = bytes(range(1, 21))
# Nothing behind it, and it may end in any byte.
LONG_CHALLENGE = bytes(range(31, -1, -1))
SHA2, SHA256, NATIVE, CLEAR = (
    "caching_sha2_password",
    "sha256_password",
    "mysql_native_password",
    "mysql_clear_password",
)


class Line:
    """PyMySQL's connection, whose server says the same whatever it hears.

    :param verify: what TLS has verified of the server; None: there is no TLS.
    """

    def __init__(self, verify: ssl.VerifyMode | None = None, password: bytes = PASSWORD) -> None:
        self.password = password
        self.said: Iterator[bytes] = iter(())
        self.heard: list[bytes] = []
        self._sock = None if verify is None else TLSLine.__new__(TLSLine)
        if self._sock:
            self._sock.context = SimpleNamespace(verify_mode=verify)

    def write_packet(self, data: bytes) -> None:
        self.heard.append(data)

    def _read_packet(self) -> MysqlPacket:
        said = next(self.said, None)
        if said is None:
            raise pymysql.OperationalError(2013, "")
        packet = MysqlPacket(said, "utf8")
        packet.check_error()
        return packet

    first = _read_packet


class TLSLine(ssl.SSLSocket):
    context: Any = None


def answers(*said: bytes, line: Line | None = None, greeting: str = SHA2, **fields: Any) -> list[bytes]:
    """Log in to a server that says this, until it lets the client in; return what it heard."""
    line = line or Line()
    line.said = iter(said)
    login = Authentication(**fields)
    login.begin(greeting, CHALLENGE)
    assert login.run(line, line.first()).is_ok_packet()
    return line.heard


def switch(plugin: str, challenge: bytes = CHALLENGE + b"\0") -> bytes:
    return b"\xfe" + plugin.encode() + b"\0" + challenge


def refusal(*said: bytes, line: Line | None = None, **fields: Any) -> tuple[Fault, list[bytes]]:
    """Return why a login ends, and what the server has heard until then."""
    line = line or Line()
    with pytest.raises(DiagnosedError) as raised:
        answers(*said, line=line, **fields)
    return raised.value.fault, line.heard


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


def digest(name: str, *parts: bytes) -> bytes:
    return hashlib.new(name, b"".join(parts)).digest()


@pytest.mark.parametrize("greeting", [SHA2, NATIVE, "no_such_plugin"])
def test_a_hash_is_over_the_challenge_of_the_switch(greeting: str) -> None:
    other = CHALLENGE[::-1]
    once, again = digest("sha1", PASSWORD), digest("sha1", digest("sha1", PASSWORD))
    native = xor(once, digest("sha1", other, again))
    assert answers(switch(NATIVE, other + b"\0"), OK, greeting=greeting) == [native]
    once, again = digest("sha256", PASSWORD), digest("sha256", digest("sha256", PASSWORD))
    assert answers(switch(SHA2, other + b"\0"), OK, greeting=greeting) == [xor(once, digest("sha256", again, other))]


def test_a_password_that_is_none_is_said_in_no_form() -> None:
    for plugin in (NATIVE, SHA2, SHA256):
        assert answers(switch(plugin), OK, line=Line(password=b"")) == [b""]


@pytest.mark.parametrize("plugin", [SHA2, SHA256])
@pytest.mark.parametrize(("tls", "local"), [(True, False), (False, True), (False, False)])
def test_the_password_itself_goes_where_no_one_else_hears_it(plugin: str, tls: bool, local: bool) -> None:
    key, line = rsa_key(), Line(ssl.CERT_NONE if tls else None)
    public = public_pem(key)
    asked = switch(plugin), *((MORE + b"\4",) if plugin == SHA2 else ())
    if tls or (local and plugin == SHA2):
        assert answers(*asked, OK, line=line, local=local)[-1] == PASSWORD + b"\0"
        return
    *_, request, sent = answers(*asked, MORE + public, OK, line=line, local=local, retrieve_key=not local)
    (known,) = answers(*asked, OK, public_key=public)[-1:]
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303 - MySQL's
    for encrypted in (sent, known):
        assert xor(key.decrypt(encrypted, scheme), (CHALLENGE * 2)[: len(PASSWORD) + 1]) == PASSWORD + b"\0"
    # A server wants the key for the older method on a socket too.
    assert request == (b"\2" if plugin == SHA2 else b"\1")


def test_a_signature_is_over_all_of_a_challenge() -> None:
    (signature,) = answers(switch("client_ed25519", LONG_CHALLENGE), OK)
    Ed25519PrivateKey.from_private_bytes(PASSWORD).public_key().verify(signature, LONG_CHALLENGE)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ((MORE + b"\3", DENIED), faults.ACCOUNT_FOR_TLS),
        ((MORE + b"\4",), faults.NO_PUBLIC_KEY),
        ((switch(SHA256),), faults.NO_PUBLIC_KEY),
        ((switch(CLEAR),), faults.CLEARTEXT_PASSWORD),
        ((switch("dialog"),), faults.CLEARTEXT_PASSWORD),
        ((b"\2",), faults.SECOND_FACTOR),
        ((switch("no_such_plugin"),), LOGIN_METHOD),
        ((switch("mysql_old_password"),), LOGIN_METHOD),
        ((b"\xfe",), LOGIN_METHOD),
        ((b"\xfe\xff\xfe\0",), LOGIN_METHOD),
        # Of no method, or none that has more to say.
        ((MORE,), GARBAGE),
        ((MORE + b"\5",), GARBAGE),
        ((switch(NATIVE), MORE + b"\3"), GARBAGE),
        ((b"\3",), GARBAGE),
    ],
)
def test_a_login_that_is_not_gone_on_with_ends_in_order(said: Sequence[bytes], fault: Fault) -> None:
    why, heard = refusal(*said, OK)
    assert why is fault
    # Only a login that is declined is ended by an answer: one that was refused, or speaks nonsense, is over.
    is_declined = fault not in (GARBAGE, faults.ACCOUNT_FOR_TLS)
    assert (heard[-1:] == [b"\0"]) == is_declined
    assert PASSWORD not in b"".join(heard)


def test_what_a_server_makes_of_a_password_that_is_right() -> None:
    proven = MORE + b"\3", DENIED
    assert refusal(*proven, line=Line(ssl.CERT_NONE))[0] is faults.CERTIFICATE_REQUIRED
    assert answers(*proven[:1], OK) == []
    with pytest.raises(pymysql.OperationalError, match="2013"):
        answers(*proven[:1])


def test_a_server_without_an_rsa_key() -> None:
    asked = switch(SHA256)
    assert refusal(asked, DENIED, retrieve_key=True)[0] is faults.NO_RSA_KEY
    assert refusal(asked, MORE + b"no key", retrieve_key=True)[0] is GARBAGE
    assert refusal(switch(SHA256, b""), MORE + public_pem(rsa_key()), retrieve_key=True)[0] is GARBAGE
    with pytest.raises(pymysql.OperationalError, match="2013"):
        answers(asked, retrieve_key=True)


@pytest.mark.parametrize("plugin", [CLEAR, "dialog"])
def test_a_password_in_clear_goes_to_who_is_known_or_allowed(plugin: str) -> None:
    known = Line(ssl.CERT_REQUIRED)
    assert answers(switch(plugin), OK, line=known) == answers(switch(plugin), OK, cleartext=True) == [PASSWORD + b"\0"]
    assert refusal(switch(plugin), OK, line=Line(ssl.CERT_NONE))[0] is faults.CLEARTEXT_PASSWORD


def test_pam_has_one_question_that_a_password_answers() -> None:
    assert refusal(switch("dialog"), b"\2One-time password: ", cleartext=True)[0] is faults.SECOND_FACTOR


def test_a_server_that_goes_on_asking_is_none() -> None:
    assert len(answers(*[switch(NATIVE)] * (MAX_STEPS - 1), OK)) == MAX_STEPS - 1 == 7
    why, heard = refusal(*[switch(NATIVE)] * MAX_STEPS, OK)
    assert (why, len(heard)) == (GARBAGE, MAX_STEPS)


def test_what_is_secret_is_not_shown() -> None:
    login = Authentication(public_key=b"a key")
    login.begin(SHA2, CHALLENGE)
    assert b"a key".decode() not in repr(login)
    assert str(CHALLENGE) not in repr(login)
