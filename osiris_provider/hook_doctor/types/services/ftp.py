"""FTP: the hook's test asks the server for nothing after the login; a PWD does. Codes are of RFC 959."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, TLS_REQUIRED
from osiris_provider.connectors.sql.faults import (
    DENIED,
    HOST_NOT_ALLOWED,
    LOGIN_METHOD,
    NO_PASSWORD,
    NOT_READY,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import numbered

_TLS_ONLY = TLS_REQUIRED.reworded("{address} lets no one in without TLS, which FTPHook does not speak. Use FTPSHook.")
_NO_HOME = DENIED.reworded(
    "{address} accepts the password, but not the user's directory. Have it made or opened there."
)
_AUTH = re.compile(r"^ AUTH\b.*\b(?:TLS|SSL)", re.MULTILINE | re.IGNORECASE)
_CODE = re.compile(r"\d{3}")
_NO_LOGIN = 530
_NOT_THERE = (500, 502)


class FTPReplyError(Exception):
    """A reply that is a refusal.

    :param command: that was refused, such as ``PASS``; ``TLS`` for a refusal that TLS would avoid.
    :param code: the first three digits of the reply.
    """

    def __init__(self, command: str, code: int) -> None:
        super().__init__(command, code)
        self.at = f"{command} {code}"
        self.code = code


class FTPEncodingError(Exception):
    """A reply is in another encoding."""


def _pwd(hook: Any) -> Details:
    import ftplib

    sent: list[tuple[Any, str]] = []
    put = ftplib.FTP.putcmd

    def note(client: Any, line: str) -> None:
        sent.append((client, line.partition(" ")[0]))
        put(client, line)

    # In this process only.
    ftplib.FTP.putcmd = note  # type: ignore[method-assign, assignment] # a method of the class
    ftplib.FTP.getmultiline = _reply  # type: ignore[method-assign, assignment] # a method of the class
    try:
        client = hook.get_conn()
        # What no one may do without a login.
        client.voidcmd("PWD")
    except (ftplib.error_perm, ftplib.error_temp, ftplib.error_reply) as refusal:
        # ftplib hands the reply on as it is; it begins with its code.
        code = int(str(refusal)[:3])
        client, command = sent[-1] if sent else (None, "")
        if command == "PWD" and code in _NOT_THERE:
            # A small server without it; it has let us in.
            return {"proven": _is_proven(hook, sent)}
        if command == "USER" and code == _NO_LOGIN and _offers_tls(client):
            command = "TLS"
        raise FTPReplyError(command, code) from None
    with suppress(*ftplib.all_errors):
        # Some servers just hang up; for an answer there is no need to wait.
        client.putcmd("QUIT")
        client.close()
    return {"proven": _is_proven(hook, sent)}


def _is_proven(hook: Any, sent: list[tuple[Any, str]]) -> bool:
    login = hook.get_connection(hook.ftp_conn_id).login
    return login not in ("anonymous", "ftp") and "PASS" in (command for _, command in sent)


def _reply(client: Any) -> str:
    """Read a reply as ftplib does, which takes the banner of SSH for the first of many lines."""
    import ftplib

    lines = [_line(client)]
    code = lines[0][:3]
    if not _CODE.fullmatch(code):
        raise ftplib.error_proto
    while lines[0][3:4] == "-" and (len(lines) == 1 or lines[-1][:3] != code or lines[-1][3:4] == "-"):
        lines.append(_line(client))
    return "\n".join(lines)


def _line(client: Any) -> str:
    try:
        return str(client.getline())
    except UnicodeDecodeError as error:
        code = error.object[:3].decode("ascii", "replace")
        if not _CODE.fullmatch(code):
            raise
        # What refuses is a refusal in any encoding.
        if code[0] in "45":
            return code
        raise FTPEncodingError from None


def _offers_tls(client: Any) -> bool:
    import ftplib

    try:
        return bool(_AUTH.search(client.sendcmd("FEAT")))
    except ftplib.all_errors:
        return False


def _in_clear(connection: HookConnection) -> str | None:
    # The type has no setting for TLS: FTPSHook reads the same connections.
    return "use SFTP, or FTPSHook" if connection.password else None


TYPE = HookType(
    conn_types=("ftp",),
    title="FTP",
    codes={
        "FTPReplyError": {
            # Before there was a password: servers that want TLS first have no code for that.
            **dict.fromkeys(("TLS 530", "USER 503", "USER 550"), _TLS_ONLY),
            **dict.fromkeys(("PASS 500", "PASS 550"), _NO_HOME),
            **dict.fromkeys(("USER 501", "USER 553", "PASS 501", "PASS 503", "PASS 553", "ACCT 503"), WRONG_PASSWORD),
            **dict.fromkeys(("PWD 503", "PWD 530"), NO_PASSWORD),
            # It asks for more than user, password and account.
            **dict.fromkeys((f"ACCT {code}" for code in range(300, 400)), LOGIN_METHOD),
            # As mail servers say it.
            **dict.fromkeys(("USER 500", "USER 502"), GARBAGE),
            # A greeting that is a refusal, mostly because there are too many.
            **dict.fromkeys((" 500", " 530"), NOT_READY),
            # Or because of where one is.
            **dict.fromkeys((" 550", " 553", " 554"), HOST_NOT_ALLOWED),
            **numbered(
                # Those that begin with 4 are for now, and with 1 for some minutes.
                (NOT_READY, "100-199 400-499"),
                (WRONG_PASSWORD, "430 530 535"),
                (_TLS_ONLY, "431 521-522 533-534 536-537"),
                (DENIED, "532 550 552 553"),
            ),
        },
        "error_proto": GARBAGE,
        "FTPEncodingError": MISCONFIGURED.reworded(
            "{address} does not write in the encoding of the connection. Set encoding in extra, such as latin-1."
        ),
        # A line without an end; of replies FTPReplyError says more.
        "Error": GARBAGE,
        "error_perm": {},
        "error_temp": {},
        "error_reply": GARBAGE,
    },
    codes_at=("at", "code"),
    probe=_pwd,
    default_port=21,
    needs_host=True,
    in_clear=_in_clear,
    evidence="real server",
)
