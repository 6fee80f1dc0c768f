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
    NOT_READY,
    PASSWORD_EXPIRED,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

# smtplib has one class for both, and no code.
_NOT_OFFERED = TLS_REFUSED.reworded(
    "{address} offers no TLS or no login, but the connection asks for it. Check the port, disable_ssl and disable_tls."
)
_NO_SERVICE = HOST_NOT_ALLOWED.reworded("{address} does not serve this machine. Have its address allowed there.")
NO_CODE = -1
"""What smtplib has for an answer that does not begin with one."""
_REPLIES = {
    421: NOT_READY,
    450: NOT_READY,
    451: NOT_READY,
    452: NOT_READY,
    # Of RFC 4954 and RFC 5248.
    432: PASSWORD_EXPIRED,
    525: ACCOUNT_LOCKED,
    454: NOT_READY,
    530: TLS_REQUIRED,
    534: LOGIN_METHOD,
    535: WRONG_PASSWORD,
    538: TLS_REQUIRED,
}


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
            raise SMTPRefusedError(code)
    known = hook.get_connection(hook.smtp_conn_id)
    return {"proven": bool(known.login and known.password)}


TYPE = HookType(
    conn_types=("smtp",),
    title="SMTP",
    codes={
        "SMTPRefusedError": _REPLIES,
        "SMTPAuthenticationError": {**_REPLIES},
        "SMTPNotSupportedError": _NOT_OFFERED,
        "SMTPServerDisconnected": RESET,
        "SMTPHeloError": GARBAGE,
        "SMTPConnectError": {**_REPLIES, 550: _NO_SERVICE, 554: _NO_SERVICE, NO_CODE: GARBAGE},
        "SMTPResponseException": _REPLIES,
    },
    codes_at=("smtp_code",),
    probe=_noop,
    prepare=_once,
    default_port=465,
    evidence="real server",
)
