"""As much of an Oracle database as a check needs: TNS, a login with an 11g verifier, ``select 1 from dual``, expiries.

Packets and messages are as Oracle's own python-oracledb, whose source is open, reads and writes them.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import time
from datetime import datetime
from io import BufferedIOBase

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.hooks.servers.tcp import Imitation, exactly

_CONNECT, _ACCEPT, _REFUSE, _DATA = 1, 2, 4, 6
_PROTOCOL, _DATA_TYPES, _FUNCTION, _ERROR, _ROW_HEADER, _ROW, _PARAMETERS, _STATUS, _DESCRIBE = (
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
    16,
)
_AUTH_PHASE_ONE = 118
_VERIFIER_11G = 0xB152
_NO_SERVICE, _WRONG_PASSWORD, _NO_MORE_ROWS = 12514, 1017, 1403
_TNS_12_1 = 315
_NUMBER, _DATE = 2, 12
_NO_SUCH_TABLE = 942
Expiry = datetime | None | int | float
"""When the password ends in UTC, None for never, a number of an error, or a float: seconds of silence."""
_STATUS_OK = bytes([_STATUS, 0, 0])


class OracleServer(Imitation):
    """A listener with one service, and its database with one user.

    :param login: of the user.
    :param password: of the user.
    :param service: that the listener knows.
    :param refusal: code of the error that it refuses a login with.
    :param busy: code of the error that the listener refuses every connection with, None if it does not.
    :param expiry: what it says of the password.
    """

    def __init__(
        self,
        login: str,
        password: str,
        service: str,
        refusal: int = _WRONG_PASSWORD,
        busy: int | None = None,
        expiry: Expiry = _NO_SUCH_TABLE,
    ) -> None:
        super().__init__()
        self._expiry = expiry
        self._refusal, self._busy = refusal, busy
        self._login, self._password, self._service = login.encode(), password.encode(), service.encode()

    def talk(self, incoming: BufferedIOBase, outgoing: BufferedIOBase) -> None:
        """Serve one client."""
        request = _packet(incoming, small=True)
        size, offset = struct.unpack_from(">HH", request, 16)
        # What does not fit comes in a packet of its own.
        described = request if len(request) + 8 >= size + offset else _packet(incoming, small=True)
        if self._busy or b"SERVICE_NAME=" + self._service not in described:
            said = b"(DESCRIPTION=(TMP=)(VSNNUM=203424000)(ERR=%d))" % (self._busy or _NO_SERVICE)
            _send(outgoing, _REFUSE, b"\0\0" + struct.pack(">H", len(said)) + said, small=True)
            return
        accepted = struct.pack(">HH10xB9xI", _TNS_12_1, 0, 0, 8192)
        _send(outgoing, _ACCEPT, accepted, small=True)
        self._serve(incoming, outgoing, _Login(self._password))

    def _serve(self, incoming: BufferedIOBase, outgoing: BufferedIOBase, login: _Login) -> None:
        while True:
            message = _packet(incoming)[2:]
            if message[0] == _PROTOCOL:
                answer = _capabilities()
            elif message[0] == _DATA_TYPES:
                answer = bytes([_DATA_TYPES, 0, 0])
            elif message[:2] == bytes([_FUNCTION, _AUTH_PHASE_ONE]):
                answer = login.challenge()
            elif b"AUTH_SESSKEY" in message:
                if self._login not in message or not login.accepts(message):
                    self.refused += 1
                    _send(outgoing, _DATA, b"\0\0" + _error(self._refusal, b"what the database says"))
                    return
                answer = login.welcome()
            else:
                answer = self._answer(message)
            _send(outgoing, _DATA, b"\0\0" + answer)

    def _answer(self, message: bytes) -> bytes:
        if b"select 1 from dual" in message:
            return _result(_NUMBER, 22, b"1", bytes([0xC1, 2]))
        if b"user_users" not in message:
            return _STATUS_OK
        if isinstance(self._expiry, float):
            time.sleep(self._expiry)
        if isinstance(self._expiry, int | float):
            return _error(int(self._expiry), b"what the database says")
        return _result(_DATE, 7, b"ENDS", _date(self._expiry) if self._expiry else b"")


class _Login:
    """One login: both sides make a key of the password and of what each of them has chosen."""

    def __init__(self, password: bytes) -> None:
        self._password = password
        self._salt = secrets.token_bytes(10)
        self._ours = secrets.token_bytes(48)
        self._hash = hashlib.sha1(password + self._salt, usedforsecurity=False).digest() + bytes(4)
        self._key = b""

    def challenge(self) -> bytes:
        return _parameters(
            (b"AUTH_SESSKEY", _hex(_encrypted(self._hash, self._ours)), 0),
            (b"AUTH_VFR_DATA", _hex(self._salt), _VERIFIER_11G),
        )

    def accepts(self, message: bytes) -> bool:
        theirs = _decrypted(self._hash, _value(message, b"AUTH_SESSKEY"))
        mixed = bytes(one ^ other for one, other in zip(self._ours[16:40], theirs[16:40], strict=True))
        self._key = (
            hashlib.md5(mixed[:16], usedforsecurity=False).digest()
            + hashlib.md5(mixed[16:], usedforsecurity=False).digest()
        )[:24]
        given = _decrypted(self._key, _value(message, b"AUTH_PASSWORD"))[16:]
        return given[: -given[-1]] == self._password

    def welcome(self) -> bytes:
        proof = _encrypted(self._key, bytes(16) + b"SERVER_TO_CLIENT")
        version = 12 << 24 | 1 << 20 | 2 << 8
        return _parameters(
            (b"AUTH_SESSION_ID", b"1", 0),
            (b"AUTH_SERIAL_NUM", b"1", 0),
            (b"AUTH_VERSION_NO", b"%d" % version, 0),
            (b"AUTH_SVR_RESPONSE", _hex(proof), 0),
        )


def _packet(stream: BufferedIOBase, small: bool = False) -> bytes:
    """Return what is in the next packet; before the connection is accepted, sizes have two bytes."""
    (size,) = struct.unpack_from(">H" if small else ">I", exactly(stream, 8))
    return exactly(stream, size - 8)


def _send(stream: BufferedIOBase, kind: int, content: bytes, small: bool = False) -> None:
    size = len(content) + 8
    head = struct.pack(">HHBxxx", size, 0, kind) if small else struct.pack(">IBxxx", size, kind)
    stream.write(head + content)


def _hex(data: bytes) -> bytes:
    return data.hex().upper().encode()


def _encrypted(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(data)


def _decrypted(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor().update(data)


def _number(value: int) -> bytes:
    """Return a number as Oracle sends it: how many bytes it has, then these."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(data)]) + data


def _text(text: bytes) -> bytes:
    return _number(len(text)) + (bytes([len(text)]) + text if text else b"")


def _value(message: bytes, name: bytes) -> bytes:
    """Return the value of a parameter, which is written in hexadecimal digits."""
    position = message.index(name) + len(name)
    position += 1 + message[position]
    return bytes.fromhex(message[position + 1 : position + 1 + message[position]].decode())


def _parameters(*named: tuple[bytes, bytes, int]) -> bytes:
    pairs = b"".join(_text(name) + _text(value) + _number(flags) for name, value, flags in named)
    return bytes([_PARAMETERS]) + _number(len(named)) + pairs + _STATUS_OK


def _capabilities() -> bytes:
    compiled = bytearray(64)
    compiled[7] = 7  # fields of version 12.1
    charsets = bytes(9) + struct.pack(">H", 2000)
    head = bytes([_PROTOCOL, 6, 0]) + b"imitation\0" + struct.pack("<HBH", 873, 0, 0)
    return (
        head + struct.pack(">H", len(charsets)) + charsets + bytes([len(compiled)]) + compiled + bytes([16]) + bytes(16)
    )


def _error(number: int, message: bytes) -> bytes:
    """Return the end of an answer, which is an error in any case; what is zero has no bytes but its size."""
    said = b"ORA-%05d: %s\n" % (number, message)
    # Up to the cursor and the place of the error; five bytes of flags and one; the row's address and what was batched.
    zeros = bytes(8) + bytes(6) + bytes(5) + bytes(6) + bytes(3)
    return bytes([_ERROR]) + zeros + _number(number) + bytes(1) + bytes([len(said)]) + said


def _date(at: datetime) -> bytes:
    century, year = divmod(at.year, 100)
    return bytes([century + 100, year + 100, at.month, at.day, at.hour + 1, at.minute + 1, at.second + 1])


def _result(dtype: int, size: int, name: bytes, value: bytes) -> bytes:
    """Return the result of a query: a column, a row, and that there are no more; an empty value is NULL."""
    column = bytes([dtype, 0, 0, 0]) + _number(size) + bytes(6) + bytes(1) + bytes([1, 0]) + _text(name) + bytes(4)
    described = bytes([_DESCRIBE, 0]) + _number(22) + _number(1) + bytes(1) + column + bytes(6)
    row = bytes([_ROW_HEADER]) + bytes(7) + bytes([_ROW, len(value)]) + value
    return described + row + _error(_NO_MORE_ROWS, b"no data found")
