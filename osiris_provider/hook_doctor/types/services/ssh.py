"""SSH and SFTP: classes of paramiko. The hook would try a wrong password three times; here it is tried once."""

from __future__ import annotations

from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_FAILED
from osiris_provider.connectors.sql.faults import DENIED, LOGIN_METHOD, WRONG_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection

HOST_KEY_CHANGED = Fault(
    "host_key_changed",
    "network",
    "{address} shows another host key than the connection or known_hosts has. Find out why before you trust it.",
    permanent=True,
)
_NO_COMMON_WAY = TLS_FAILED.reworded(
    "{address} and this machine have no SSH algorithm in common. Update the older of both."
)
_NO_KEY_FILE = LOGIN_METHOD.reworded(
    "The private key for {address} is encrypted, and its passphrase is wrong or missing. Set private_key_passphrase."
)
_REFUSES_THE_WAY = LOGIN_METHOD.reworded(
    "{address} does not allow this way to log in, a password or a key. Use another, or have it allowed there."
)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    return (connection.host, connection.port or 22) if connection.host else None


TYPE = HookType(
    conn_types=("ssh", "sftp"),
    title="SSH and SFTP",
    codes={
        "BadAuthenticationType": _REFUSES_THE_WAY,
        "PasswordRequiredException": _NO_KEY_FILE,
        "AuthenticationException": WRONG_PASSWORD,
        "BadHostKeyException": HOST_KEY_CHANGED,
        "IncompatiblePeer": _NO_COMMON_WAY,
        "NoValidConnectionsError": {},
        # Of an SFTP that may not list its own directory.
        "PermissionError": DENIED,
        "SFTPError": GARBAGE,
        "ChannelException": DENIED,
        "ProxyCommandFailure": RESET,
    },
    codes_at=("code",),
    hook_params={"conn_retry_attempts": 1},
    endpoint=_endpoint,
    evidence="real server",
)
