"""IMAP: the hook has no test; a NOOP after its login shows that the server works. Response codes are of RFC 5530."""

from __future__ import annotations

import re
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_REQUIRED
from osiris_provider.connectors.sql.faults import LOGIN_DENIED, NOT_READY, PASSWORD_EXPIRED, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

_CODE = re.compile(rb"\s*\[([A-Z]+)")
"""A response code comes first, in brackets."""


class IMAPLoginError(Exception):
    """The server said NO to a login.

    :param code: of the response, such as ``AUTHENTICATIONFAILED``; empty if it has none.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _noop(hook: Any) -> Details:
    import imaplib

    try:
        client = hook.get_conn().mail_client
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        if hook.mail_client is None:
            raise
        text = error.args[0] if error.args else b""
        said = _CODE.match(text if isinstance(text, bytes) else str(text).encode())
        raise IMAPLoginError(said[1].decode() if said else "") from None
    client.noop()
    state = client.state
    client.logout()
    return {"proven": state == "AUTH"}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    default_port = 993 if connection.extra.get("use_ssl", True) else 143
    return (connection.host, connection.port or default_port) if connection.host else None


TYPE = HookType(
    conn_types=("imap",),
    title="IMAP",
    codes={
        "IMAPLoginError": {
            # Servers of before RFC 5530.
            "": WRONG_PASSWORD,
            "AUTHENTICATIONFAILED": WRONG_PASSWORD,
            "AUTHORIZATIONFAILED": LOGIN_DENIED.reworded(
                "{address} accepts the password, but does not let this user in. Ask its operator."
            ),
            "CONTACTADMIN": LOGIN_DENIED.reworded("{address} refuses the login and sends the user to its operator."),
            "EXPIRED": PASSWORD_EXPIRED,
            "PRIVACYREQUIRED": TLS_REQUIRED,
            "INUSE": NOT_READY,
            "SERVERBUG": NOT_READY,
            "UNAVAILABLE": NOT_READY,
        },
        "abort": RESET,
        "error": GARBAGE,
    },
    codes_at=("code",),
    probe=_noop,
    endpoint=_endpoint,
    evidence="real server",
)
