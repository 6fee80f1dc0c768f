"""SMTP: the codes of RFC 5321 and RFC 4954 that smtplib hands on."""

from __future__ import annotations

from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_REFUSED, TLS_REQUIRED
from osiris_provider.connectors.sql.faults import LOGIN_METHOD, NOT_READY, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection

_REPLIES = {
    421: NOT_READY,
    454: NOT_READY,
    530: TLS_REQUIRED,
    534: LOGIN_METHOD,
    535: WRONG_PASSWORD,
    538: TLS_REQUIRED,
}


def _once(connection: HookConnection) -> HookConnection:
    from dataclasses import replace

    return replace(connection, extra={**connection.extra, "retry_limit": 0})


TYPE = HookType(
    conn_types=("smtp",),
    title="SMTP",
    codes={
        "SMTPAuthenticationError": {**_REPLIES},
        "SMTPNotSupportedError": TLS_REFUSED,
        "SMTPServerDisconnected": RESET,
        "SMTPHeloError": GARBAGE,
        "SMTPResponseException": _REPLIES,
    },
    codes_at=("smtp_code",),
    prepare=_once,
    default_port=465,
)
