"""A mail server on this machine that counts the passwords that it is sent."""

from __future__ import annotations

import base64
import socket
import ssl
from contextlib import suppress

from osiris_provider.testing.peers import Peer


class MailServer(Peer):
    """Speaks as much of SMTP as a login takes (RFC 4954); a context manager.

    :param accepts: the password of every user.
    :param tls: with the certificate that it shows; None is an unencrypted line.
    """

    def __init__(self, accepts: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(_converse)
        self.tls = tls
        self.accepts = accepts
        self.passwords: list[str] = []

    def answer(self, line: str) -> str:
        """Return the reply to a command."""
        word, _, rest = line.partition(" ")
        word = word.upper()
        if word in ("EHLO", "HELO"):
            return "250-mail.example.com\r\n250 AUTH PLAIN"
        if word == "AUTH":
            password = base64.b64decode(rest.partition(" ")[2]).decode().rpartition("\0")[2]
            self.passwords.append(password)
            return "235 2.7.0 accepted" if password == self.accepts else f"535 5.7.8 not {password}"
        return "221 bye" if word == "QUIT" else "250 ok"


def _converse(peer: Peer, line: socket.socket) -> None:
    assert isinstance(peer, MailServer)
    if peer.tls is None:
        _serve(peer, line)
    else:
        # A client that hangs up before it has shaken hands.
        with suppress(OSError), peer.tls.wrap_socket(line, server_side=True) as encrypted:
            _serve(peer, encrypted)


def _serve(peer: MailServer, line: socket.socket) -> None:
    line.sendall(b"220 mail.example.com\r\n")
    with line.makefile("r", encoding="utf-8", newline="\r\n") as commands:
        for command in commands:
            line.sendall(peer.answer(command.rstrip("\r\n")).encode() + b"\r\n")
