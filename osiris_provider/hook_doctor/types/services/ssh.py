"""SSH and SFTP: classes of paramiko. The hook would try a wrong password three times; here it is tried once."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, TLS_FAILED, UNKNOWN_HOST
from osiris_provider.connectors.sql.faults import DENIED, LOGIN_METHOD, NO_PASSWORD, NOT_READY, WRONG_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import ELSE, HookType, reading_fields
from osiris_provider.hook_doctor.connection import HookConnection, is_locked
from osiris_provider.hook_doctor.faults import FILE_UNREADABLE, KEY_LOCKED

HOST_KEY_CHANGED = Fault(
    "host_key_changed",
    "network",
    "{address} shows another host key than the connection or known_hosts has. Find out why before you trust it.",
    permanent=True,
)
HOST_KEY_UNKNOWN = Fault(
    "host_key_unknown",
    "network",
    "{address} shows a host key that neither the connection nor known_hosts has. Set host_key, once you know its key.",
    permanent=True,
)
_NO_COMMON_WAY = TLS_FAILED.reworded(
    "{address} and this machine have no SSH algorithm in common. Update the older of both."
)
_REFUSES_THE_WAY = LOGIN_METHOD.reworded(
    "{address} does not allow this way to log in, a password or a key. Use another, or have it allowed there."
)
_WANTS_MORE = LOGIN_METHOD.reworded(
    "{address} accepts this password or key, and wants something more. Use an account that needs one of them alone."
)
_ENOUGH_TRIES = LOGIN_METHOD.reworded(
    "{address} ends the login after too many tries. If the password is right, leave out the keys that are tried before "
    "it: private_key, key_file and look_for_keys."
)
_NO_SFTP = DENIED.reworded("{address} accepts the login, and offers no SFTP to this account. Have it allowed there.")
_NO_SESSION = DENIED.reworded(
    "{address} accepts the login, and ends the session. Check the account there: its shell, its home, and whether its "
    "password has to be changed."
)
_SHELL_TALKS = DENIED.reworded(
    "{address} accepts the login, but the account's shell answers in the place of SFTP. Have it given a shell, or one "
    "that prints nothing at the login, or internal-sftp."
)
_NO_LOGIN = 254
"""Exit status of OpenSSH where /etc/nologin lets no one in."""
_EXIT_STATUS_SECONDS = 1.0
_GREETS = re.compile(r"(\d{3}[ -]|\+OK|\* (OK|BYE|PREAUTH))")
"""How FTP and mail begin, where SSH says its version."""


class SSHHungUpError(Exception):
    """The server has ended the line during the login, without a word, which is a refusal for paramiko; or after it."""


class SSHSaidGoodbyeError(Exception):
    """The server has ended the login, and said so, as after too many tries."""


class SSHNotEnoughError(Exception):
    """What the server was given is right, and it wants more; for paramiko the login is done."""


class SSHOtherServerError(Exception):
    """The server greets in another protocol, and paramiko waits for SSH."""


class SSHNoSubsystemError(Exception):
    """The server does not start SFTP."""


class SSHSessionEndedError(Exception):
    """The account's session has ended before SFTP began.

    :param code: exit status of its program.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class SSHKeyLockedError(Exception):
    """A private key cannot be read without another passphrase."""


class SSHKeyFileError(Exception):
    """The file of a private key may not be read here."""


class SSHNothingToLogInError(Exception):
    """There is neither a password nor a key."""


class SSHHostKeyUnknownError(Exception):
    """Of paramiko's policy for host keys, which has no class of its own for that."""


def _tell_apart() -> None:
    """Have paramiko tell the ends of a login apart, in this process only: it has no codes for them."""
    paramiko = import_module("paramiko")
    said_goodbye: list[Any] = []
    _note_goodbyes(paramiko, said_goodbye)
    _tell_logins(paramiko, said_goodbye)
    _tell_greetings(paramiko)
    _tell_channels(paramiko)
    _tell_sessions(paramiko)


def _note_goodbyes(paramiko: Any, said_goodbye: list[Any]) -> None:
    wait, take_goodbye = paramiko.AuthHandler.wait_for_response, paramiko.Transport._parse_disconnect  # noqa: SLF001 - as below

    def note_goodbye(transport: Any, message: Any) -> Any:
        said_goodbye.append(transport)
        return take_goodbye(transport, message)

    def wait_for_response(handler: Any, event: Any) -> Any:
        try:
            return wait(handler, event)
        except paramiko.AuthenticationException as refusal:
            # A refusal takes the name away.
            is_refused = handler.username is None or handler.transport in said_goodbye
            if type(refusal) is not paramiko.AuthenticationException or handler.transport.is_active() or is_refused:
                raise
            raise SSHHungUpError from None

    paramiko.AuthHandler.wait_for_response = wait_for_response
    paramiko.Transport._parse_disconnect = note_goodbye  # noqa: SLF001 - there is no other place


def _tell_logins(paramiko: Any, said_goodbye: list[Any]) -> None:
    log_in = paramiko.SSHClient._auth  # noqa: SLF001 - there is no other place

    def tell(client: Any, *given: Any, **named: Any) -> None:
        transport = client.get_transport()
        try:
            log_in(client, *given, **named)
        except paramiko.SSHException as error:
            if type(error) is paramiko.SSHException and transport in said_goodbye:
                raise SSHSaidGoodbyeError from None
            raise
        if not transport.is_authenticated():
            raise SSHNotEnoughError

    paramiko.SSHClient._auth = tell  # noqa: SLF001 - as above


def _tell_greetings(paramiko: Any) -> None:
    read = paramiko.packet.Packetizer.readline

    def readline(packets: Any, timeout: float) -> Any:
        line = read(packets, timeout)
        if isinstance(line, str) and _GREETS.match(line):
            raise SSHOtherServerError
        return line

    # With it nothing is read but what comes before the version.
    paramiko.packet.Packetizer.readline = readline


def _tell_hang_up(error: BaseException, transport: Any, unclassed: type[BaseException]) -> None:
    # Of the class that is for anything else.
    if type(error) is unclassed and not transport.is_active():
        raise SSHHungUpError from None


def _tell_channels(paramiko: Any) -> None:
    open_channel, invoke = paramiko.Transport.open_channel, paramiko.Channel.invoke_subsystem

    def tell_channel(transport: Any, *given: Any, **named: Any) -> Any:
        try:
            return open_channel(transport, *given, **named)
        except paramiko.SSHException as error:
            _tell_hang_up(error, transport, paramiko.SSHException)
            raise

    def tell_subsystem(channel: Any, subsystem: str) -> None:
        try:
            invoke(channel, subsystem)
        except paramiko.SSHException as error:
            _tell_hang_up(error, channel.get_transport(), paramiko.SSHException)
            if type(error) is paramiko.SSHException:
                raise SSHNoSubsystemError from None
            raise

    paramiko.Transport.open_channel = tell_channel
    paramiko.Channel.invoke_subsystem = tell_subsystem


def _tell_sessions(paramiko: Any) -> None:
    begin = paramiko.SFTPClient.__init__

    def tell_end(client: Any, channel: Any) -> None:
        try:
            begin(client, channel)
        except paramiko.SSHException:
            if not channel.status_event.wait(_EXIT_STATUS_SECONDS) or channel.exit_status <= 0:
                raise
        else:
            return
        # Not as what comes of an end of file, which would say more than a status that is not known.
        raise SSHSessionEndedError(channel.exit_status)

    paramiko.SFTPClient.__init__ = tell_end


def _checked(connection: HookConnection) -> HookConnection:
    def reject(*_: Any) -> None:
        raise SSHHostKeyUnknownError

    extra = connection.extra
    key, looks = extra.get("private_key"), str(extra.get("look_for_keys", True)).lower() != "false"
    if not (key or connection.password or extra.get("key_file") or looks):
        raise SSHNothingToLogInError
    if isinstance(key, str) and is_locked(key, extra.get("private_key_passphrase")):
        raise SSHKeyLockedError
    if isinstance(extra.get("key_file"), str):
        _read(extra["key_file"])
    # In this process only.
    import_module("paramiko").RejectPolicy.missing_host_key = reject
    _tell_apart()
    return connection


def _read(key_file: str) -> None:
    """Read the file before paramiko does: then its faults are none of a server's directory or answer."""
    try:
        with reading_fields():
            Path(key_file).read_text()
    except PermissionError:
        raise SSHKeyFileError from None


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    return (connection.host, connection.port or 22) if connection.host else None


TYPE = HookType(
    conn_types=("ssh", "sftp"),
    title="SSH and SFTP",
    codes={
        "BadAuthenticationType": _REFUSES_THE_WAY,
        # A key or a password was right, and is not enough.
        "PartialAuthentication": _REFUSES_THE_WAY,
        "SSHHungUpError": RESET,
        "SSHSaidGoodbyeError": _ENOUGH_TRIES,
        "SSHNotEnoughError": _WANTS_MORE,
        "SSHOtherServerError": GARBAGE,
        "SSHNoSubsystemError": _NO_SFTP,
        "SSHSessionEndedError": {_NO_LOGIN: NOT_READY, ELSE: _NO_SESSION},
        "PasswordRequiredException": KEY_LOCKED,
        "AuthenticationException": WRONG_PASSWORD,
        "BadHostKeyException": HOST_KEY_CHANGED,
        "SSHHostKeyUnknownError": HOST_KEY_UNKNOWN,
        "SSHKeyLockedError": KEY_LOCKED,
        "SSHKeyFileError": FILE_UNREADABLE,
        "SSHNothingToLogInError": NO_PASSWORD,
        "IncompatiblePeer": _NO_COMMON_WAY,
        "NoValidConnectionsError": {},
        # Of an SFTP that may not list its own directory.
        "PermissionError": DENIED,
        "SFTPError": _SHELL_TALKS,
        "ChannelException": DENIED,
        "ProxyCommandFailure": RESET,
        "CouldNotCanonicalize": UNKNOWN_HOST,
        "ConfigParseError": MISCONFIGURED,
        "MessageOrderError": GARBAGE,
    },
    codes_at=("code",),
    prepare=_checked,
    hook_params={"conn_retry_attempts": 1},
    endpoint=_endpoint,
    needs_host=True,
    evidence="real server",
)
