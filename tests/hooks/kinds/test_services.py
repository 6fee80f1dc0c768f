"""Faults of the kinds that held-back sets had missed, of services: other protocols, logins that want more, files that
hold something else, proxies, redirects.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection, check_hook
from osiris_provider.net.deadline import Deadline

from tests.faults.peers import closed_port
from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import HTML, Says, Situation, answering_lines, expect, listening, peer_of, scripted
from tests.hooks.held_back.test_lines import ASKS, HELLO, Peer, ftp_peer
from tests.hooks.held_back.test_tokens import to_slack
from tests.hooks.kinds.test_clouds import DENIES, ELSEWHERE, LIST, OTHER_API, WANTS_LOGIN, proxy
from tests.hooks.servers.real import ftp, smtp, ssh
from tests.servers.process import HOST

DONE = b"230 ok\r\n"
PWD = b'257 "/" is the current directory\r\n'
FTP: dict[str, Situation] = {
    "hangs up instead of a farewell": (lambda: scripted(HELLO, ASKS, DONE, PWD), {}, "ok"),
    "says no farewell": (lambda: scripted(HELLO, ASKS, DONE, PWD, b""), {}, "ok"),
    "asks for a code, too": (
        ftp_peer(HELLO, ASKS, b"332 One-time code\r\n", b"332 One-time code\r\n"),
        {},
        "auth",
    ),
    "wants a login, and the connection has none": (ftp_peer(HELLO, b"503 Log in first\r\n"), {"login": None}, "auth"),
    "never ends its line": (lambda: listening(lambda line: line.sendall(b"220 " + b"x" * 20_000)), {}, "network"),
    "is one for mail": (
        lambda: answering_lines(b"220 mail ESMTP\r\n", lambda _: b"502 5.5.2 Error: command not recognized\r\n"),
        {},
        "network",
    ),
    "refuses in another encoding": (ftp_peer(HELLO, ASKS, "530 Accès refusé\r\n".encode("latin-1")), {}, "auth"),
    "greets in another encoding": (ftp_peer("220 Bienvenue à tous\r\n".encode("latin-1")), {}, "unknown"),
    "does not know what to do with a user": (ftp_peer(HELLO, b"504 Not for that parameter\r\n"), {}, "unknown"),
    "is one for POP": (ftp_peer(b"+OK POP3 ready\r\n", b"-ERR\r\n"), {}, "network"),
    "is one for IMAP": (ftp_peer(b"* OK IMAP4rev1 ready\r\n", b"* BAD\r\n"), {}, "network"),
    "has an encoding that there is not": (ftp_peer(HELLO), {"extra": {"encoding": "utf-99"}}, "unknown"),
    "has a port out of range": (closed_port, {"port": 70_000}, "unknown"),
    "has an empty label": (closed_port, {"host": "a..example.invalid"}, "unknown"),
    "gets a password with a line break": (ftp_peer(HELLO, ASKS), {"password": f"{PASSWORD}\nx"}, "unknown"),
}


@pytest.mark.parametrize("situation", FTP)
def test_ftp_that(situation: str) -> None:
    peer, change, expected = FTP[situation]
    with peer_of(peer) as port:
        plain = HookConnection("files", "ftp", HOST, "loader", PASSWORD, port)
        expect(replace(plain, **change), expected)


def test_ftp_that_takes_anyone_proves_no_password() -> None:
    with peer_of(ftp_peer(HELLO, DONE, PWD, b"221 bye\r\n")) as port:
        details = check_hook(HookConnection("files", "ftp", HOST, "loader", PASSWORD, port), Deadline(60))
    assert details["proven"] is False


def test_ftp_at_the_port_of_smtp() -> None:
    with smtp() as served:
        expect(replace(served.connection, conn_type="ftp", extra={}), "network")


def test_smtp_at_the_port_of_ftp() -> None:
    with ftp() as served:
        expect(replace(served.connection, conn_type="smtp", extra=PLAIN), "network")


# HTTP, where a field says how the peer is reached that our own doctor does not know

VERIFY = {"verify": False}


def scripted_answer(rest: bytes) -> Peer:
    """An HTTP server that answers with more than its status, and then hangs up."""

    def serve(line: Any) -> None:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\r\n" + rest)

    return lambda: listening(serve)


HTTP: dict[str, tuple[Peer | Says, dict[str, Any], str]] = {
    "has nothing at its root": (Says(404, HTML), VERIFY, "ok"),
    "takes no such method there": (Says(405), VERIFY, "ok"),
    "does not accept the password": (Says(401), VERIFY, "auth"),
    "forbids it": (Says(403), VERIFY, "permission"),
    "fails": (Says(500), VERIFY, "network"),
    "has too much to do": (Says(429), VERIFY, "network"),
    "redirects in a circle": (Says(302, "", {"Location": "/"}), VERIFY, "ok"),
    "breaks off in its answer": (scripted_answer(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), VERIFY, "network"),
    "has a certificate that is no file": (Says(200), {"cert": "/nowhere/client.pem"}, "unknown"),
}


@pytest.mark.parametrize("situation", HTTP)
def test_http_that(situation: str) -> None:
    peer, extra, expected = HTTP[situation]
    with peer_of(peer) as port:
        schema = "https" if "cert" in extra else "http"
        expect(HookConnection("web", "http", HOST, "loader", PASSWORD, port, schema, extra), expected)


@pytest.mark.parametrize(("scheme", "status", "expected"), [
    ("http", WANTS_LOGIN, "auth"), ("https", WANTS_LOGIN, "auth"), ("https", DENIES, "permission"),
])  # fmt: skip
def test_http_by_a_proxy_that_refuses(scheme: str, status: bytes, expected: str) -> None:
    with proxy(status) as port:
        extra = {"proxies": {scheme: f"http://{HOST}:{port}"}}
        expect(HookConnection("web", "http", "web.example.invalid", None, None, None, scheme, extra), expected)


# Slack

SLACK: dict[str, Situation] = {
    "sends elsewhere": (ELSEWHERE, {}, "unknown"),
    "is another API": (OTHER_API, {}, "network"),
    "is another API with another status": (Says(201, {}), {}, "network"),
    "answers with a list": (LIST, {}, "network"),
    "is asked at a port out of range": (LIST, {"extra": {"base_url": f"http://{HOST}:70000/api/"}}, "unknown"),
    "is being moved": (Says(200, {"ok": False, "error": "migration_in_progress"}), {}, "network"),
    "is asked by an address without a scheme": (LIST, {"extra": {"base_url": "slack.com/api/"}}, "unknown"),
    "is asked with a time that is no number": (LIST, {"extra": {"timeout": "soon"}}, "unknown"),
    "is asked by an address with an empty label": (LIST, {"extra": {"base_url": "http://a..invalid/api/"}}, "unknown"),
    "is asked by a proxy that is no text": (LIST, {"extra": {"proxy": 8080}}, "unknown"),
    "gets a token that is no ASCII": (LIST, {"password": f"{PASSWORD}é→"}, "unknown"),
}


@pytest.mark.parametrize("situation", SLACK)
def test_slack_that(situation: str) -> None:
    peer, change, expected = SLACK[situation]
    with peer_of(peer) as port:
        expect(to_slack(port, **change), expected)


@pytest.mark.parametrize(("status", "expected"), [(WANTS_LOGIN, "auth"), (DENIES, "permission")])
def test_slack_by_a_proxy_that_does_not_connect(status: bytes, expected: str) -> None:
    with proxy(status) as port:
        change = {"proxy": f"http://{HOST}:{port}", "base_url": "https://slack.example.invalid/api/"}
        expect(to_slack(9, extra=change), expected)


# SMTP

PLAIN = {"disable_ssl": True, "disable_tls": True}


@pytest.mark.parametrize("ways", [b"XOAUTH2", b"GSSAPI NTLM"])
def test_smtp_that_takes_no_passwords(ways: bytes) -> None:
    def answer(line: bytes) -> bytes:
        return b"250-mail\r\n250 AUTH " + ways + b"\r\n" if line[:4].upper() == b"EHLO" else b"250 2.0.0 Ok\r\n"

    with answering_lines(b"220 mail ESMTP\r\n", answer) as port:
        expect(HookConnection("mail", "smtp", HOST, "loader", PASSWORD, port, None, PLAIN), "auth")


# SSH

KEYS: dict[str, bytes] = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00\x01",
    "a public key": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA loader",
    "a key of PuTTY": b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n",
}


@pytest.fixture(scope="module")
def shell() -> Any:
    with ssh() as served:
        yield served.connection


@pytest.mark.parametrize("holds", KEYS)
def test_ssh_key_file_that_holds(holds: str, shell: HookConnection, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEYS[holds])
    extra = {**shell.extra, "key_file": str(tmp_path / "key")}
    expect(replace(shell, password=None, extra=extra), "unknown")


def test_ssh_key_file_that_may_not_be_read(shell: HookConnection) -> None:
    # Not even root may.
    extra = {**shell.extra, "key_file": "/proc/sys/net/ipv4/route/flush"}
    expect(replace(shell, password=None, extra=extra), "unknown")
