"""Faults of FTP and IMAP that the tables of codes were not written against: a part of the second held-back set.

The categories were written down before the first run, by what an operator calls each fault. Of the set's 166 faults, in
three files, 124 were right at first (75 %). Of the other 42, 35 were missing in tables and probes, one code stays
ambiguous, and 6 were no faults of the doctor: a peer that was not as the real one, or a hook that takes what was meant
to be wrong.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, WRONG, Served
from tests.hooks.held_back.peers import (
    HARD_PASSWORD,
    HTTP_400,
    NOISE,
    SSH_BANNER,
    Situation,
    answering_lines,
    expect,
    listening,
    peer_of,
    scripted,
    tls,
)
from tests.hooks.servers.real import ftp, imap
from tests.servers.process import HOST

Change = dict[str, Any]
Peer = Callable[[], AbstractContextManager[int]]


# FTP

HELLO = b"220 files ready\r\n"
ASKS = b"331 Please specify the password.\r\n"


def ftp_peer(*replies: bytes) -> Peer:
    return lambda: scripted(*replies, *replies[-1:] * 3)


def takes_one_password() -> AbstractContextManager[int]:
    """An FTP server that knows one password, with all that a URL would have to quote."""

    def answer(line: bytes) -> bytes:
        if line.startswith(b"PASS"):
            return b"230 ok\r\n" if line == f"PASS {HARD_PASSWORD}\r\n".encode() else b"530 no\r\n"
        return ASKS if line.startswith(b"USER") else b"200 ok\r\n"

    return answering_lines(HELLO, answer)


def vsftpd() -> AbstractContextManager[int]:
    """Has one code for a wrong password and for a login without TLS."""

    def answer(line: bytes) -> bytes:
        if line.startswith(b"FEAT"):
            return b"211-Features:\r\n AUTH TLS\r\n EPSV\r\n211 End\r\n"
        return b"530 Non-anonymous sessions must use encryption.\r\n"

    return answering_lines(HELLO, answer)


def silent() -> AbstractContextManager[int]:
    """Waits for the client to begin, as HTTP and implicit TLS do."""
    return listening(lambda line: line.recv(1))


FTP_SAYS: dict[str, Situation] = {
    "too many users": (ftp_peer(b"421 There are too many connections from your address\r\n"), {}, "network"),
    "shutting down in the login": (ftp_peer(HELLO, ASKS, b"421 Service not available, closing\r\n"), {}, "network"),
    "wrong password": (ftp_peer(HELLO, ASKS, b"530 Login incorrect.\r\n"), {}, "auth"),
    "invalid user or password": (ftp_peer(HELLO, ASKS, b"430 Invalid username or password\r\n"), {}, "auth"),
    "account information that is not there": (
        ftp_peer(HELLO, ASKS, b"332 Need account for login.\r\n", b"530 Not logged in.\r\n"),
        {},
        "auth",
    ),
    "TLS required, as vsftpd says it": (vsftpd, {}, "network"),
    "TLS required, as ProFTPD says it": (
        ftp_peer(HELLO, b"550 SSL/TLS required on the control channel\r\n"),
        {},
        "network",
    ),
    "TLS required, as FileZilla says it": (ftp_peer(HELLO, b"503 Use AUTH first.\r\n"), {}, "network"),
    "TLS required by policy": (ftp_peer(HELLO, b"534 Policy requires SSL.\r\n"), {}, "network"),
    "a home that is not there": (
        ftp_peer(HELLO, ASKS, b"500 OOPS: cannot change directory:/home/loader\r\n"),
        {},
        "permission",
    ),
    "speaks SSH": (ftp_peer(SSH_BANNER), {}, "network"),
    "speaks noise": (ftp_peer(NOISE + b"\r\n"), {}, "network"),
    "hangs up": (lambda: listening(lambda _: None), {}, "network"),
    "waits for TLS, or for a request": (silent, {}, "timeout"),
    "listens on IPv4, asked on IPv6": (ftp_peer(HELLO), {"host": "::1"}, "network"),
    "a host with a blank in it": (ftp_peer(HELLO), {"host": "files example.invalid"}, "network"),
    "a password with all that needs quoting": (takes_one_password, {"password": HARD_PASSWORD}, "ok"),
}


@pytest.mark.parametrize("situation", FTP_SAYS)
def test_ftp_says(situation: str) -> None:
    peer, change, expected = FTP_SAYS[situation]
    with peer_of(peer) as port:
        expect(replace(HookConnection("files", "ftp", HOST, "loader", PASSWORD, port), **change), expected)


@pytest.fixture(scope="module")
def files() -> Iterator[Served]:
    with ftp() as served:
        yield served


FTP: dict[str, tuple[Change, str]] = {
    "no such user": ({"login": "ghost"}, "auth"),
    "no password": ({"password": None}, "auth"),
    "no user where anonymous may not": ({"login": None, "password": None}, "auth"),
    "a letter too much": ({"password": f"{PASSWORD} "}, "auth"),
}


@pytest.mark.parametrize("situation", FTP)
def test_ftp(situation: str, files: Served) -> None:
    change, expected = FTP[situation]
    expect(replace(files.connection, **change), expected)


# IMAP

IMAP_HELLO = b"* OK IMAP4rev1 ready\r\n"


def imap_peer(
    login: bytes,
    greeting: bytes = IMAP_HELLO,
    capability: bytes = b"IMAP4rev1",
    context: Callable[[], ssl.SSLContext] | None = None,
) -> Peer:
    """A server that answers a login with the rest of a line after the tag, or with a line of its own."""

    def answer(line: bytes) -> bytes | None:
        tag, _, command = line.partition(b" ")
        command = command.upper()
        if command.startswith(b"CAPABILITY"):
            return b"* CAPABILITY " + capability + b"\r\n" + tag + b" OK done\r\n"
        if command.startswith((b"LOGIN", b"AUTHENTICATE")):
            return login + b"\r\n" if login.startswith(b"*") else tag + b" " + login + b"\r\n"
        return tag + b" OK done\r\n"

    return lambda: answering_lines(greeting, answer, context() if context else None)


IMAP_SAYS: dict[str, Situation] = {
    "wrong password": (imap_peer(b"NO [AUTHENTICATIONFAILED] Invalid credentials"), {}, "auth"),
    "wrong password, before RFC 5530": (imap_peer(b"NO Login failed."), {}, "auth"),
    "a login by a browser is wanted": (imap_peer(b"NO [ALERT] Please log in via your web browser"), {}, "auth"),
    "an account that is to be asked about": (imap_peer(b"NO [CONTACTADMIN] Account disabled"), {}, "auth"),
    "an expired password": (imap_peer(b"NO [EXPIRED] Your password has expired"), {}, "auth"),
    "a mailbox that is not allowed": (imap_peer(b"NO [NOPERM] Access denied"), {}, "permission"),
    "no right on the account": (imap_peer(b"NO [AUTHORIZATIONFAILED] No such right"), {}, "auth"),
    "too many at once": (imap_peer(b"NO [LIMIT] Maximum number of connections reached"), {}, "network"),
    "its users cannot be asked now": (imap_peer(b"NO [UNAVAILABLE] Temporary authentication failure"), {}, "network"),
    "TLS first": (
        imap_peer(b"NO [PRIVACYREQUIRED] Plaintext disallowed", capability=b"IMAP4rev1 STARTTLS LOGINDISABLED"),
        {},
        "network",
    ),
    "a command that it does not know": (imap_peer(b"BAD Command unrecognized: LOGIN"), {}, "unknown"),
    "too many connections": (lambda: scripted(b"* BYE Too many connections\r\n"), {}, "network"),
    "shutting down in the login": (imap_peer(b"* BYE [UNAVAILABLE] shutting down"), {}, "network"),
    "another protocol": (lambda: scripted(HTTP_400, HTTP_400), {}, "network"),
    "speaks SSH": (lambda: scripted(SSH_BANNER, SSH_BANNER), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE + b"\r\n"), {}, "network"),
    "waits for TLS": (silent, {}, "timeout"),
    "TLS where none is spoken": (imap_peer(b"OK"), {"extra": {"use_ssl": True}}, "network"),
    "a certificate of an unknown authority": (
        imap_peer(b"OK", context=tls),
        {"extra": {"use_ssl": True}},
        "network",
    ),
    "an SSL context that there is not": (
        imap_peer(b"OK", context=tls),
        {"extra": {"use_ssl": True, "ssl_context": "nonee"}},
        "unknown",
    ),
    # The hook logs in all the same, and fails.
    "logged in already": (imap_peer(b"OK", greeting=b"* PREAUTH welcome\r\n"), {}, "unknown"),
}


@pytest.mark.parametrize("situation", IMAP_SAYS)
def test_imap_says(situation: str) -> None:
    peer, change, expected = IMAP_SAYS[situation]
    with peer_of(peer) as port:
        plain = HookConnection("mail", "imap", HOST, "loader", PASSWORD, port, None, {"use_ssl": False})
        expect(replace(plain, **change), expected)


@pytest.fixture(scope="module")
def mail() -> Iterator[Served]:
    with imap() as served:
        yield served


IMAP: dict[str, tuple[Change, str]] = {
    "no such user": ({"login": "ghost"}, "auth"),
    "an empty password": ({"password": ""}, "auth"),
    "a password with quotes": ({"password": 'w"r\\ong ' + WRONG}, "auth"),
    "TLS where none is spoken": ({"extra": {"use_ssl": True}}, "network"),
}


@pytest.mark.parametrize("situation", IMAP)
def test_imap(situation: str, mail: Served) -> None:
    change, expected = IMAP[situation]
    expect(replace(mail.connection, **change), expected)
