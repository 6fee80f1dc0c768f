"""SMTP: the codes of RFC 5321 and RFC 4954 that smtplib hands on.

smtplib tries a refused password again with each mechanism that the server offers; here the first refusal ends it.
"""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_REFUSED, TLS_REQUIRED
from osiris_provider.connectors.sql.faults import (
    ACCOUNT_LOCKED,
    HOST_NOT_ALLOWED,
    LOGIN_METHOD,
    NO_PASSWORD,
    NOT_READY,
    PASSWORD_EXPIRED,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import numbered

# smtplib has one class for both, and no code.
_NOT_OFFERED = TLS_REFUSED.reworded(
    "{address} offers no TLS or no login, but the connection asks for it. Check the port, disable_ssl and disable_tls."
)
_NO_SERVICE = HOST_NOT_ALLOWED.reworded("{address} does not serve this machine. Have its address allowed there.")
# Of RFC 5321, RFC 4954 and RFC 5248; those that begin with 4 are for now.
_REPLIES = numbered(
    (NOT_READY, "400-499"),
    (PASSWORD_EXPIRED, "432"),
    (ACCOUNT_LOCKED, "525"),
    (HOST_NOT_ALLOWED, "521 550 554"),
    (TLS_REQUIRED, "523 530 538"),
    (LOGIN_METHOD, "534"),
    (WRONG_PASSWORD, "535"),
)
_TO_A_LOGIN = {
    # The login is all that could be refused, whatever it is called.
    **numbered((WRONG_PASSWORD, "500-599")),
    **_REPLIES,
    **numbered((WRONG_PASSWORD, "550 554"), (LOGIN_METHOD, "502-504")),
}
_BEFORE_A_LOGIN = {**_REPLIES, **numbered((_NO_SERVICE, "521 550 553 554 571"))}


def _once(connection: HookConnection) -> HookConnection:
    from dataclasses import replace

    # Before apache-airflow-providers-smtp 3.0 the limit is the number of tries, since then of the further ones. What is
    # tried again is opening the connection; the password comes behind it.
    return replace(connection, extra={**connection.extra, "retry_limit": 1})


class SMTPRefusedError(Exception):
    """A refused login; unlike smtplib's own exception, its loop over the mechanisms does not catch it.

    :param smtp_code: of the reply.
    """

    def __init__(self, smtp_code: int) -> None:
        super().__init__(smtp_code)
        self.smtp_code = smtp_code


class SMTPLoginWantedError(Exception):
    """The server takes no mail before a login, and the connection has none."""


_LOGIN_WANTED = 530
"""Also of a line that has to be encrypted first."""
_NEXT_MECHANISM = (504, 534)
_DONE = range(200, 300)


def _noop(hook: Any) -> Details:
    import smtplib

    authenticate = smtplib.SMTP.auth

    def auth_once(client: Any, mechanism: str, *args: Any, **options: Any) -> Any:
        try:
            return authenticate(client, mechanism, *args, **options)
        except smtplib.SMTPAuthenticationError as refusal:
            if refusal.smtp_code in _NEXT_MECHANISM:
                raise
            raise SMTPRefusedError(refusal.smtp_code) from None

    smtplib.SMTP.auth = auth_once  # type: ignore[method-assign, assignment] # in this process only
    with hook:
        code, _ = hook._smtp_client.noop()  # noqa: SLF001 - as the hook's own test does
        if code not in _DONE:
            raise smtplib.SMTPResponseException(code, b"")
        known = hook.get_connection(hook.smtp_conn_id)
        has_login = bool(known.login and known.password)
        if not has_login and known.extra_dejson.get("auth_type") != "oauth2":
            _begin_mail(hook._smtp_client, known.extra_dejson.get("from_email") or "")  # noqa: SLF001 - as above
    return {"proven": has_login}


def _begin_mail(client: Any, sender: str) -> None:
    """Begin a mail, and take it back: nothing else shows whether one may be sent without a login."""
    import ssl

    client.ehlo_or_helo_if_needed()
    code, _ = client.mail(sender)
    if code == _LOGIN_WANTED:
        is_encrypted = isinstance(client.sock, ssl.SSLSocket)
        raise SMTPRefusedError(code) if client.has_extn("starttls") and not is_encrypted else SMTPLoginWantedError
    client.rset()


def _in_clear(connection: HookConnection) -> str | None:
    has_tls = not (connection.extra.get("disable_ssl") and connection.extra.get("disable_tls"))
    return "take disable_tls out of extra" if connection.password and not has_tls else None


TYPE = HookType(
    conn_types=("smtp",),
    title="SMTP",
    codes={
        "SMTPRefusedError": _TO_A_LOGIN,
        "SMTPLoginWantedError": NO_PASSWORD,
        "SMTPAuthenticationError": _TO_A_LOGIN,
        "SMTPNotSupportedError": _NOT_OFFERED,
        "SMTPServerDisconnected": RESET,
        # The server offers ways to log in, and none with a password.
        "SMTPException": LOGIN_METHOD,
        "SMTPHeloError": {**_BEFORE_A_LOGIN, ELSE: GARBAGE},
        "SMTPConnectError": {**_BEFORE_A_LOGIN, ELSE: GARBAGE},
        "SMTPResponseException": {**_REPLIES, ELSE: GARBAGE},
    },
    codes_at=("smtp_code",),
    probe=_noop,
    prepare=_once,
    default_port=465,
    needs_host=True,
    in_clear=_in_clear,
    evidence="real server",
)
