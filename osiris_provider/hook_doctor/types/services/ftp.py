"""FTP: the hook's test never asks the server for anything after the login; a NOOP does. Codes are of RFC 959."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, TLS_REQUIRED
from osiris_provider.connectors.sql.faults import DENIED, NOT_READY, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType


class FTPReplyError(Exception):
    """A reply that is a refusal.

    :param code: the first three digits of the reply.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _noop(hook: Any) -> Details:
    import ftplib

    try:
        client = hook.get_conn()
        client.voidcmd("NOOP")
        hook.close_conn()
    except (ftplib.error_perm, ftplib.error_temp) as refusal:
        # ftplib hands the reply on as it is; it begins with its code.
        code = str(refusal)[:3]
        raise FTPReplyError(int(code) if code.isdecimal() else 0) from None
    login = hook.get_connection(hook.ftp_conn_id).login
    return {"proven": bool(login) and login not in ("anonymous", "ftp")}


TYPE = HookType(
    conn_types=("ftp",),
    title="FTP",
    codes={
        "FTPReplyError": {
            421: NOT_READY,
            430: WRONG_PASSWORD,
            434: NOT_READY,
            522: TLS_REQUIRED,
            530: WRONG_PASSWORD,
            532: DENIED,
            534: TLS_REQUIRED,
            550: DENIED,
        },
        "error_reply": GARBAGE,
        "error_proto": GARBAGE,
    },
    probe=_noop,
    default_port=21,
    evidence="real server",
)
