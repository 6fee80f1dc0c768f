"""What of a connection comes to its end, on the way from a check to its parent: a code and a time each, and no text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timezone

from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.net.expiry import CLIENT_CERTIFICATE, LOGIN, SERVER_CERTIFICATE, note

SERVER, OTHER, CLIENT = "server", "other", "client"
"""Certificates: of the server of the connection, of another one that its library talks to, and one's own."""
PASSWORD, USER = "password", "user"
"""Of the login: its password, and the user itself."""
_WHAT: Mapping[str, str] = {
    SERVER: SERVER_CERTIFICATE,
    OTHER: SERVER_CERTIFICATE,
    CLIENT: CLIENT_CERTIFICATE,
    PASSWORD: LOGIN,
    USER: "user of the login",
}


def soonest(ends: Iterable[tuple[str, datetime]]) -> dict[str, int]:
    """Return the first end of each code, in seconds since 1970, as it is sent.

    :param ends: codes and times.
    """
    said: dict[str, int] = {}
    for code, at in ends:
        seconds = int(at.timestamp())
        said[code] = min(said.get(code, seconds), seconds)
    return said


def note_ends(said: object, connection: HookConnection) -> None:
    """Note what a check has sent, see :func:`soonest`; what is of another form is passed over.

    :param said: by the check, in which a hook's library may have done anything.
    :param connection: that was checked; addresses are its own.
    """
    if not isinstance(said, Mapping):
        return
    addresses = {SERVER: connection.address, OTHER: f"another server of connection {connection.conn_id}"}
    for code, what in _WHAT.items():
        seconds = said.get(code)
        if type(seconds) is int:
            with suppress(ValueError, OverflowError, OSError):
                note(what, datetime.fromtimestamp(seconds, timezone.utc), addresses.get(code, ""))
