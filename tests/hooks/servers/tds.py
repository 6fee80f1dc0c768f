"""As much of Microsoft SQL Server as a check needs: TDS 7.1 and later without TLS, one login, ``SELECT 1``, expiries.

Message types, tokens and the layout of LOGIN7 are of Microsoft's MS-TDS.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from datetime import datetime
from io import BufferedIOBase

from tests.hooks.servers.tcp import Imitation, exactly

_BATCH, _REPLY, _ATTENTION, _LOGIN7, _PRELOGIN = 0x01, 0x04, 0x06, 0x10, 0x12
_END_OF_MESSAGE = 1
_VERSION, _ENCRYPTION = 0, 1
_NO_TLS = 2
_LOGIN_FAILED = {18456: 14}
_DONE, _DONE_ERROR, _DONE_COUNT, _DONE_ATTENTION = 0x0000, 0x0002, 0x0010, 0x0020
_TDS_72 = 0x72000000
_INTN, _DATETIMN = 0x26, 0x6F
_DENIED = 229
Cell = int | datetime | None
Expiry = tuple[Cell, Cell, Cell, Cell] | int | float
"""The row that answers how long the password is valid, a number of an error, or a float: seconds of silence."""


class TDSServer(Imitation):
    """Takes one user with one password.

    :param login: of the user.
    :param password: of the user.
    :param refusal: numbers and severities of the errors that it refuses a login with, in turn.
    :param expiry: what it says of the password.
    """

    def __init__(
        self, login: str, password: str, refusal: Mapping[int, int] = _LOGIN_FAILED, expiry: Expiry = _DENIED
    ) -> None:
        super().__init__()
        self._expiry = expiry
        self._expected = (login, password)
        self._refusal = refusal

    def talk(self, incoming: BufferedIOBase, outgoing: BufferedIOBase) -> None:
        """Serve one client."""
        version = _TDS_72
        while True:
            kind, message = _message(incoming)
            if kind == _PRELOGIN:
                tokens = _prelogin()
            elif kind == _LOGIN7:
                (version,) = struct.unpack_from("<I", message, 4)
                if _credentials(message) != self._expected:
                    self.refused += 1
                    errors = (_error(number, severity, version) for number, severity in self._refusal.items())
                    outgoing.write(_packet(b"".join(errors) + _done(_DONE_ERROR, version)))
                    return
                tokens = _login_ack(version) + _done(_DONE, version)
            elif kind == _BATCH and "LOGINPROPERTY" in message.decode("utf-16-le", "replace"):
                tokens = self._expiry_tokens(version)
            elif kind == _BATCH and "SELECT 1" in message.decode("utf-16-le", "replace").upper():
                tokens = _one(version)
            else:
                tokens = _done(_DONE_ATTENTION if kind == _ATTENTION else _DONE, version)
            outgoing.write(_packet(tokens))

    def _expiry_tokens(self, version: int) -> bytes:
        if isinstance(self._expiry, tuple):
            return _row(version, ("days", "since", "now", "utc"), self._expiry)
        if isinstance(self._expiry, float):
            time.sleep(self._expiry)
            return b""
        return _error(self._expiry, 14, version) + _done(_DONE_ERROR, version)


def _message(stream: BufferedIOBase) -> tuple[int, bytes]:
    data = b""
    while True:
        kind, status, size = struct.unpack(">BBH4x", exactly(stream, 8))
        data += exactly(stream, size - 8)
        if status & _END_OF_MESSAGE:
            return kind, data


def _packet(data: bytes) -> bytes:
    return struct.pack(">BBHHBB", _REPLY, _END_OF_MESSAGE, len(data) + 8, 0, 1, 0) + data


def _prelogin() -> bytes:
    options = {_VERSION: bytes([16, 0, 0, 0, 0, 0]), _ENCRYPTION: bytes([_NO_TLS])}
    offset = 5 * len(options) + 1
    head = b""
    for option, value in options.items():
        head += struct.pack(">BHH", option, offset, len(value))
        offset += len(value)
    return head + b"\xff" + b"".join(options.values())


def _credentials(login: bytes) -> tuple[str, str]:
    user, password = (_field(login, position) for position in (40, 44))
    # Not encrypted: halves of each byte swapped, and some bits turned.
    clear = bytes((byte ^ 0xA5) >> 4 | ((byte ^ 0xA5) & 0x0F) << 4 for byte in password)
    return user.decode("utf-16-le"), clear.decode("utf-16-le")


def _field(login: bytes, position: int) -> bytes:
    offset, characters = struct.unpack_from("<HH", login, position)
    return login[offset : offset + 2 * characters]


def _text(text: str, size: str = "B") -> bytes:
    return struct.pack(f"<{size}", len(text)) + text.encode("utf-16-le")


def _login_ack(version: int) -> bytes:
    body = b"\x01" + struct.pack(">I", version) + _text("Microsoft SQL Server") + bytes([16, 0, 0, 0])
    return b"\xad" + struct.pack("<H", len(body)) + body


def _error(number: int, severity: int, version: int) -> bytes:
    line = struct.pack("<I" if version >= _TDS_72 else "<H", 1)
    said = _text("What the server says.", "H") + _text("imitation") + _text("")
    body = struct.pack("<IBB", number, 1, severity) + said + line
    return b"\xaa" + struct.pack("<H", len(body)) + body


def _done(status: int, version: int, rows: int = 0) -> bytes:
    return b"\xfd" + struct.pack("<HHQ" if version >= _TDS_72 else "<HHI", status, 0, rows)


def _one(version: int) -> bytes:
    """Return the result of ``SELECT 1``: a column of type INT4 without a name, a row, and the end."""
    user_type = "<I" if version >= _TDS_72 else "<H"
    column = struct.pack("<H", 1) + struct.pack(user_type, 0) + struct.pack("<HB", 0, 0x38) + _text("")
    return b"\x81" + column + b"\xd1" + struct.pack("<i", 1) + _done(_DONE_COUNT, version, 1)


def _row(version: int, names: tuple[str, ...], cells: tuple[Cell, ...]) -> bytes:
    """Return a result of one row: its first column is an integer, the others are times; all may be NULL."""
    user_type = struct.pack("<I" if version >= _TDS_72 else "<H", 0)
    described = values = b""
    for number, (name, cell) in enumerate(zip(names, cells, strict=True)):
        kind = bytes([_DATETIMN, 8]) if number else bytes([_INTN, 4])
        described += user_type + struct.pack("<H", 1) + kind + _text(name)
        values += _cell(cell)
    return b"\x81" + struct.pack("<H", len(names)) + described + b"\xd1" + values + _done(_DONE_COUNT, version, 1)


def _cell(cell: Cell) -> bytes:
    if cell is None:
        return b"\0"
    if isinstance(cell, int):
        return struct.pack("<Bi", 4, cell)
    since = cell - datetime(1900, 1, 1)  # noqa: DTZ001 - of the server's time zone
    return struct.pack("<BiI", 8, since.days, since.seconds * 300)
