"""What a client may tell a server about its password: the answers to MySQL's authentication plugins.

A server decides which plugin is used, and a hostile one picks the most talkative. Hashes over a challenge go to
anybody, as with every MySQL client. The password itself goes out only where no one but the server can read it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.faults import GARBAGE
from osiris_provider.connectors.mysql import faults
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import MissingPackageError

if TYPE_CHECKING:
    from pymysql.protocol import MysqlPacket

    from osiris_provider.connectors.mysql.connection import MySQLConnection

MORE_DATA, NEXT_FACTOR, SWITCH = 0x01, 0x02, 0xFE
"""First bytes of what a server says while a client logs in."""
FAST_PATH, FULL_AUTHENTICATION = 0x03, 0x04
SCRAMBLE_BYTES: Final = 20
"""Of a challenge, behind which a zero follows; that of ``client_ed25519`` is all of it, and longer."""
NO_ANSWER: Final = b"\0"
"""No plugin takes it for the password of an account that has one."""
DECLINED: Final = (faults.NO_PUBLIC_KEY, faults.CLEARTEXT_PASSWORD, faults.SECOND_FACTOR, sql.LOGIN_METHOD)
"""What is wanted for these is not given."""
MAX_STEPS: Final = 8
"""Answers that a login takes at most. A proxy may ask for one plugin after the other."""


@dataclass
class Authentication:
    """One login: what the client may say, and how far it has got.

    :param public_key: the server's RSA key, as PEM, which the user vouches for.
    :param retrieve_key: take the server's word for its key.
    :param cleartext: send the password itself to a server that no one has verified.
    :param local: the line is a Unix socket.
    """

    public_key: bytes | None = field(default=None, repr=False)
    retrieve_key: bool = False
    cleartext: bool = False
    local: bool = False
    _plugin: str = ""
    _salt: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, model: MySQLConnection) -> Authentication:
        """Return what a connection's fields allow."""
        return cls(
            public_key=model.public_key(),
            retrieve_key=model.allow_public_key_retrieval,
            cleartext=model.allow_cleartext_password,
            local=model.unix_socket is not None,
        )

    def begin(self, plugin: str, salt: bytes) -> None:
        """Take over what the server's greeting says.

        :param plugin: which the client's first answer is for.
        :param salt: the challenge.
        """
        self._plugin, self._salt = plugin, salt

    def run(self, connection: Any, packet: MysqlPacket) -> MysqlPacket:
        """Answer the server until it lets the client in, and return the packet that says so.

        :param connection: PyMySQL's, which has sent its first answer.
        :param packet: what the server said to that.
        :raises DiagnosedError: the server asks for what must not be given to it, or for what there is not.
        :raises MissingPackageError: the plugin needs a package.
        :raises pymysql.Error: the server refused the login, or the line failed.
        """
        try:
            for _ in range(MAX_STEPS):
                if packet.is_ok_packet():
                    return packet
                packet = self._answer(connection, _data(packet))
        except DiagnosedError as error:
            if error.fault in DECLINED:
                _decline(connection)
            raise
        raise DiagnosedError(GARBAGE)

    def _answer(self, connection: Any, data: bytes) -> MysqlPacket:
        more = b""
        if data[0] == NEXT_FACTOR:
            raise DiagnosedError(faults.SECOND_FACTOR)
        if data[0] == SWITCH:
            name, _, self._salt = data[1:].partition(b"\0")
            # Without a name it is the method of MySQL 4.0, whose hashes are as good as the password.
            self._plugin = name.decode("ascii", "replace")
        elif data[0] == MORE_DATA and data[1:] and self._plugin == "caching_sha2_password":
            more = data[1:]
        else:
            raise DiagnosedError(GARBAGE)
        plugins: dict[str, Callable[[Any, bytes], MysqlPacket]] = {
            "mysql_native_password": self._native,
            "client_ed25519": self._ed25519,
            "caching_sha2_password": self._caching_sha2,
            "sha256_password": self._sha256,
            "mysql_clear_password": self._cleartext,
            "dialog": self._dialog,
        }
        if self._plugin not in plugins:
            raise DiagnosedError(sql.LOGIN_METHOD)
        return plugins[self._plugin](connection, more)

    def _native(self, connection: Any, _: bytes) -> MysqlPacket:
        from pymysql._auth import scramble_native_password

        return _say(connection, scramble_native_password(connection.password, self._salt))

    def _ed25519(self, connection: Any, _: bytes) -> MysqlPacket:
        from pymysql._auth import ed25519_password

        try:
            signature = ed25519_password(connection.password, self._salt)
        except RuntimeError:
            signature = None
        if signature is None:
            message = "The account uses client_ed25519, which needs a package: pip install pynacl"
            raise MissingPackageError(message)
        return _say(connection, signature)

    def _caching_sha2(self, connection: Any, more: bytes) -> MysqlPacket:
        from pymysql._auth import scramble_caching_sha2

        if not more or not connection.password:
            return _say(connection, scramble_caching_sha2(connection.password, self._salt[:SCRAMBLE_BYTES]))
        if more[0] == FAST_PATH:
            return self._proven(connection)
        if more[0] != FULL_AUTHENTICATION:
            raise DiagnosedError(GARBAGE)
        if self.local or is_encrypted(connection):
            return _say(connection, connection.password + b"\0")
        return self._encrypted_password(connection, b"\2")

    def _proven(self, connection: Any) -> MysqlPacket:
        """Read what comes after the server has found the password right."""
        import pymysql

        try:
            return _read(connection)
        except pymysql.OperationalError as error:
            if error.args[0] != faults.ACCESS_DENIED:
                raise
        raise DiagnosedError(faults.CERTIFICATE_REQUIRED if is_encrypted(connection) else faults.ACCOUNT_FOR_TLS)

    def _sha256(self, connection: Any, _: bytes) -> MysqlPacket:
        if not connection.password:
            return _say(connection, b"")
        if is_encrypted(connection):
            return _say(connection, connection.password + b"\0")
        return self._encrypted_password(connection, b"\1")

    def _encrypted_password(self, connection: Any, request: bytes) -> MysqlPacket:
        """Send the password encrypted with the server's RSA key.

        :param request: what asks the server for its key.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from pymysql._auth import sha2_rsa_encrypt

        key = self.public_key or self._retrieved_key(connection, request)
        data = None
        with suppress(ValueError, TypeError, AttributeError, ZeroDivisionError, UnsupportedAlgorithm):
            data = sha2_rsa_encrypt(connection.password, self._salt, key)
        if data is None:
            # What the server sent is no RSA key, or no challenge.
            raise DiagnosedError(GARBAGE)
        return _say(connection, data)

    def _retrieved_key(self, connection: Any, request: bytes) -> bytes:
        import pymysql

        # No one sits in between on a Unix socket; a server wants the key for sha256_password there too.
        if not (self.retrieve_key or self.local):
            raise DiagnosedError(faults.NO_PUBLIC_KEY)
        try:
            return _data(_say(connection, request))[1:]
        except pymysql.OperationalError as error:
            if error.args[0] != faults.ACCESS_DENIED:
                raise
        raise DiagnosedError(faults.NO_RSA_KEY)

    def _cleartext(self, connection: Any, _: bytes) -> MysqlPacket:
        if not (self.cleartext or is_verified(connection)):
            raise DiagnosedError(faults.CLEARTEXT_PASSWORD)
        return _say(connection, connection.password + b"\0")

    def _dialog(self, connection: Any, _: bytes) -> MysqlPacket:
        """Answer the first question of PAM, which is for the password; there is no answer to any other."""
        packet = self._cleartext(connection, b"")
        if packet.is_ok_packet():
            return packet
        raise DiagnosedError(faults.SECOND_FACTOR)


def is_encrypted(connection: Any) -> bool:
    """Return whether a connection's line is inside TLS."""
    return _tls_line(connection) is not None


def is_verified(connection: Any) -> bool:
    """Return whether a connection's line is inside TLS with a server whose certificate was verified."""
    line = _tls_line(connection)
    return line is not None and line.context.verify_mode == ssl.CERT_REQUIRED


def _tls_line(connection: Any) -> ssl.SSLSocket | None:
    line = connection._sock  # noqa: SLF001 - has no public name
    return line if isinstance(line, ssl.SSLSocket) else None


def _say(connection: Any, data: bytes) -> MysqlPacket:
    connection.write_packet(data)
    # What shows the variables of an error would show it, and the wait is what a timeout breaks off.
    del data
    return _read(connection)


def _read(connection: Any) -> MysqlPacket:
    packet: MysqlPacket = connection._read_packet()  # noqa: SLF001 - has no public name
    return packet


def _decline(connection: Any) -> None:
    """End the login in order: a server counts those that are broken off, and after a hundred refuses the machine."""
    import pymysql

    with suppress(pymysql.Error):
        connection.write_packet(NO_ANSWER)


def _data(packet: MysqlPacket) -> bytes:
    return bytes(packet.get_all_data())  # type: ignore[no-untyped-call]  # its stub has no types
