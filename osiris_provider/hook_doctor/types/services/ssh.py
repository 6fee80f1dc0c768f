"""SSH and SFTP: classes of paramiko. The hook would try a wrong password three times; here it is tried once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, TLS_FAILED, UNKNOWN_HOST
from osiris_provider.connectors.sql.faults import DENIED, LOGIN_METHOD, NO_PASSWORD, WRONG_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection, is_locked
from osiris_provider.hook_doctor.faults import KEY_LOCKED

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


class SSHKeyLockedError(Exception):
    """A private key cannot be read without another passphrase."""


class SSHNothingToLogInError(Exception):
    """There is neither a password nor a key."""


class SSHHostKeyUnknownError(Exception):
    """Of paramiko's policy for host keys, which has no class of its own for that."""


class SSHHungUpError(Exception):
    """The server has ended the line during the login, without a word; for paramiko that is a refusal."""


def _checked(connection: HookConnection) -> HookConnection:
    def reject(*_: Any) -> None:
        raise SSHHostKeyUnknownError

    # In this process only.
    import_module("paramiko").RejectPolicy.missing_host_key = reject
    _tell_hanging_up()
    extra = connection.extra
    key, looks = extra.get("private_key"), str(extra.get("look_for_keys", True)).lower() != "false"
    if not (key or connection.password or extra.get("key_file") or looks):
        raise SSHNothingToLogInError
    if isinstance(key, str) and is_locked(key, extra.get("private_key_passphrase")):
        raise SSHKeyLockedError
    return connection


def _tell_hanging_up() -> None:
    """Have paramiko tell a server that hangs up from one that refuses, or says goodbye after too many tries."""
    paramiko = import_module("paramiko")
    wait, take_goodbye = paramiko.AuthHandler.wait_for_response, paramiko.Transport._parse_disconnect  # noqa: SLF001
    said_goodbye: list[Any] = []

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

    # In this process only.
    paramiko.AuthHandler.wait_for_response = wait_for_response
    paramiko.Transport._parse_disconnect = note_goodbye  # noqa: SLF001 - there is no other place


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
        "PasswordRequiredException": KEY_LOCKED,
        "AuthenticationException": WRONG_PASSWORD,
        "BadHostKeyException": HOST_KEY_CHANGED,
        "SSHHostKeyUnknownError": HOST_KEY_UNKNOWN,
        "SSHKeyLockedError": KEY_LOCKED,
        "SSHNothingToLogInError": NO_PASSWORD,
        "IncompatiblePeer": _NO_COMMON_WAY,
        "NoValidConnectionsError": {},
        # Of an SFTP that may not list its own directory.
        "PermissionError": DENIED,
        "SFTPError": GARBAGE,
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
