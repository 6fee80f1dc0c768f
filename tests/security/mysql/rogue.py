"""A server that speaks just enough of MySQL's protocol to ask for a password in every way, and records all."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from typing_extensions import Self

from tests.faults.peers import Peer

SALT: Final = b"abcdefghijklmnopqrst"
VERSION: Final = b"8.0.99-rogue"
CAPABILITIES: Final = 0x00FFF7FF
"""All that a MySQL 8 says it can, except for TLS."""
TLS: Final = 1 << 11
OK: Final = b"\0\0\0\2\0\0\0"
DENIED: Final = b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied"
SHA2: Final = ("caching_sha2_password", "sha256_password")
CLEAR: Final = ("mysql_clear_password", "dialog")


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return a key of the rogue's own."""
    return rsa.generate_private_key(65537, 2048)


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half of a key, as servers send it."""
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, kind)


@dataclass(frozen=True)
class Script:
    """What the rogue says.

    :param greeting: the plugin of its greeting.
    :param switch: the plugin that it then asks to switch to; empty: the method of MySQL 4.0; None: it does not.
    :param tls: its certificate, if it offers TLS.
    :param early: bytes that follow the greeting outside of TLS.
    :param welcome: whether it lets everyone in at the end.
    :param file: that it asks for instead of answering a SELECT, or LOAD DATA if it has answers.
    :param answers: rows that it has for statements with these words in them.
    """

    greeting: str = "caching_sha2_password"
    switch: str | None = None
    tls: ssl.SSLContext | None = field(default=None, compare=False)
    early: bytes = b""
    welcome: bool = False
    file: Path | None = None
    answers: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()

    @property
    def plugin(self) -> str:
        """The plugin that is used in the end."""
        return self.greeting if self.switch is None else self.switch


class RogueMySQL:
    """Listens on :attr:`port` and plays a script to everyone.

    :param script: what it says.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._peer = Peer(lambda _, sock: self._play(sock))
        self.port = self._peer.port
        self.heard: list[bytes] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._peer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.__exit__()

    def wait(self) -> None:
        """Wait until a client has come and gone."""
        assert self._over.wait(10), "the client is still there"

    def knows(self, password: bytes) -> bool:
        """Return whether it heard the password, or a form of it from which the password is had without guessing."""
        digests = [getattr(hashlib, name)(password).digest() for name in ("md5", "sha1", "sha256", "sha512")]
        said = b"".join(self.heard)
        forms = [password, _xor(password + b"\0"), *digests, *(digest.hex().encode() for digest in digests)]
        return any(form in said for form in forms) or any(password in _decrypted(packet) for packet in self.heard)

    def _play(self, sock: socket.socket) -> None:
        line = _Line(sock, self.heard)
        # Clients hang up when they have heard enough.
        with contextlib.suppress(OSError, EOFError):
            self._converse(line)
        line.sock.close()
        self._over.set()

    def _converse(self, line: _Line) -> None:
        script = self._script
        line.say(greeting(script), script.early)
        first = line.hear()
        if script.tls and len(first) == 32:
            line.sock = script.tls.wrap_socket(line.sock, server_side=True)
            line.hear()
        # A client that has no answer ready for the greeting's plugin is asked by name, as real servers do.
        switch = script.switch
        if switch is None and script.greeting not in ("mysql_native_password", "caching_sha2_password"):
            switch = script.greeting
        if switch is not None:
            line.say(b"\xfe" + (switch.encode() + b"\0" + SALT + b"\0" if switch else b""))
            line.hear()
        if script.plugin == "caching_sha2_password":
            line.say(b"\1\4")
            line.hear()
        if script.plugin in SHA2 and not isinstance(line.sock, ssl.SSLSocket):
            # Asked for or not: this is its key.
            line.say(b"\1" + public_pem(rsa_key()))
            line.hear()
        line.say(OK if script.welcome else DENIED)
        while script.welcome:
            line.number = -1
            self._answer(line, line.hear())

    def _answer(self, line: _Line, asked: bytes) -> None:
        script = self._script
        row = next((row for words, row in script.answers if words in asked), None)
        if row is not None:
            for packet in result_of(row):
                line.say(packet)
        elif script.file and (b"LOAD DATA" if script.answers else b"SELECT") in asked:
            line.say(b"\xfb" + bytes(script.file))
            while script.answers and line.hear():
                pass
            if script.answers:
                line.say(OK)
        else:
            line.say(OK)


class _Line:
    def __init__(self, sock: socket.socket, heard: list[bytes]) -> None:
        self.sock = sock
        self.heard = heard
        self.number = -1

    def say(self, packet: bytes, more: bytes = b"") -> None:
        self.number = (self.number + 1) % 256
        self.sock.sendall(frame(packet, self.number) + more)

    def hear(self) -> bytes:
        header = self._exactly(4)
        self.number = header[3]
        packet = self._exactly(int.from_bytes(header[:3], "little"))
        self.heard.append(packet)
        return packet

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                self.heard.append(data)
                raise EOFError
            data += piece
        return data


def frame(packet: bytes, number: int) -> bytes:
    """Return a packet as it goes over the line."""
    return len(packet).to_bytes(3, "little") + bytes([number]) + packet


def result_of(row: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the packets of a result of one row, whose columns are whole numbers and texts."""
    end = b"\xfe\0\0\2\0"
    yield bytes([len(row)])
    for value in row:
        dtype = 8 if value.isdigit() else 253
        yield b"\3def\0\0\0\1c\0\x0c" + struct.pack("<HIBHB2x", 45, 255, dtype, 0, 0)
    yield end
    yield b"".join(bytes([len(value)]) + value for value in row)
    yield end


def greeting(script: Script) -> bytes:
    """Return what the rogue says first."""
    flags = CAPABILITIES | (TLS if script.tls else 0)
    head = struct.pack("<I8sxHBHHB10x", 7, SALT[:8], flags & 0xFFFF, 45, 2, flags >> 16, 21)
    return b"\n" + VERSION + b"\0" + head + SALT[8:] + b"\0" + script.greeting.encode() + b"\0"


def _xor(text: bytes) -> bytes:
    return bytes(byte ^ SALT[number % len(SALT)] for number, byte in enumerate(text))


def _decrypted(packet: bytes) -> bytes:
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303 - MySQL's
    try:
        return _xor(rsa_key().decrypt(packet, scheme))
    except ValueError:
        return b""


@contextlib.contextmanager
def rogue(script: Script) -> Iterator[RogueMySQL]:
    """Play a script."""
    with RogueMySQL(script) as server:
        yield server
