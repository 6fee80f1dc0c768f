"""IMAP: the hook has no test; that INBOX can be read shows that the server works. Response codes are of RFC 5530."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, RESET, THROTTLED, TLS_REQUIRED
from osiris_provider.connectors.sql.faults import (
    DENIED,
    LOGIN_DENIED,
    LOGIN_METHOD,
    NO_PASSWORD,
    NOT_READY,
    PASSWORD_EXPIRED,
    TOO_MANY_CONNECTIONS,
    UNKNOWN_LOGIN,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

_CODE = re.compile(rb"\s*\[([A-Z]+)")
"""A response code comes first, in brackets."""


class IMAPLoginError(Exception):
    """The server said NO to a login, or BAD, or there was none.

    :param code: of the response, such as ``AUTHENTICATIONFAILED``; empty if it has none that says why; ``BAD`` of a
        login that was not understood, ``NONAUTH`` of a connection without user and password.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class IMAPMailboxError(Exception):
    """The server has let us in, and does not open the inbox.

    :param code: of the response; empty if it has none that says why.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _open_inbox(hook: Any) -> Details:
    import imaplib

    try:
        client = hook.get_conn().mail_client
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        if hook.mail_client is None:
            raise
        raise IMAPLoginError(_code_of(error, getattr(hook.mail_client, "capabilities", ()))) from None
    state = client.state
    if state == "NONAUTH":
        client.noop()
        client.logout()
        raise IMAPLoginError(state)
    try:
        # It marks nothing as seen.
        answer, said = client.select(readonly=True)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        # BAD: what Exchange says of a mailbox that is not this user's, or not there.
        answer, said = "BAD", []
    with suppress(imaplib.IMAP4.error, OSError):
        client.logout()
    if answer != "OK":
        raise IMAPMailboxError(_named(said[0] if said else b""))
    return {}


def _code_of(error: Exception, capabilities: Iterable[str]) -> str:
    text = error.args[0] if error.args else b""
    if "LOGINDISABLED" in capabilities:
        # Of RFC 3501: no one is let in without TLS, or no one by a password.
        return "PRIVACYREQUIRED" if "STARTTLS" in capabilities else "LOGINDISABLED"
    if not isinstance(text, bytes):
        # imaplib's own words: of BAD, and of a login where the server has let us in already.
        return "BAD"
    return _named(text)


def _named(text: Any) -> str:
    said = _CODE.match(text) if isinstance(text, bytes) else None
    code = said[1].decode() if said else ""
    return code if code in _REFUSALS else ""


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    default_port = 993 if connection.extra.get("use_ssl", True) else 143
    return (connection.host, connection.port or default_port) if connection.host else None


def _in_clear(connection: HookConnection) -> str | None:
    has_tls = connection.extra.get("use_ssl", True)
    return "set use_ssl in extra" if connection.password and not has_tls else None


_NO_INBOX = DENIED.reworded("{address} accepts the password, but does not open INBOX for this user. Ask its operator.")
_REFUSALS = {
    # Servers of before RFC 5530, and those with something to say to a person.
    "": WRONG_PASSWORD,
    "AUTHENTICATIONFAILED": WRONG_PASSWORD,
    "AUTHORIZATIONFAILED": LOGIN_DENIED.reworded(
        "{address} accepts the password, but does not let this user in. Ask its operator."
    ),
    "CONTACTADMIN": LOGIN_DENIED.reworded("{address} refuses the login and sends the user to its operator."),
    "EXPIRED": PASSWORD_EXPIRED,
    "NOPERM": DENIED,
    "PRIVACYREQUIRED": TLS_REQUIRED,
    "LIMIT": TOO_MANY_CONNECTIONS,
    "OVERQUOTA": THROTTLED,
    "LOGINDISABLED": LOGIN_METHOD.reworded("{address} takes no passwords, but tokens or tickets. The hook has none."),
    **dict.fromkeys(("CORRUPTION", "INUSE", "SERVERBUG", "UNAVAILABLE"), NOT_READY),
}


TYPE = HookType(
    conn_types=("imap",),
    title="IMAP",
    codes={
        "IMAPLoginError": {**_REFUSALS, "BAD": UNKNOWN_LOGIN, "NONAUTH": NO_PASSWORD},
        "IMAPMailboxError": {**_REFUSALS, "": _NO_INBOX},
        "abort": RESET,
        "error": GARBAGE,
    },
    codes_at=("code",),
    probe=_open_inbox,
    endpoint=_endpoint,
    needs_host=True,
    in_clear=_in_clear,
    evidence="real server",
)
