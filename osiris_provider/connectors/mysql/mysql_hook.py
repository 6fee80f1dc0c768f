"""Connections of Airflow's type ``mysql``, as its MySqlHook reads them, for this family's doctor."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from osiris_provider.connectors.base import Attributes, OtherType

_FILES: Final = ("ca", "cert", "key")
_SOCKETS: Final = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",  # noqa: S108 - where builds of MySQL itself have it
)
_UNVERIFIED: Final = ("PREFERRED", "REQUIRED")


def default_socket() -> str:
    """Return the Unix socket that MySQL's and MariaDB's libraries take for ``localhost`` on this machine.

    Each has the path compiled in, and says it to no one; it is the one of these that is there.
    """
    given = os.environ.get("MYSQL_UNIX_PORT")
    return given or next((path for path in _SOCKETS if os.path.exists(path)), _SOCKETS[0])


def _fields(attributes: Attributes) -> dict[str, Any] | None:
    extra = attributes["extra"]
    tls = _tls(extra)
    host = attributes["host"]
    # To mysqlclient that is a Unix socket, whatever the port; and any other host is none, whatever unix_socket says.
    path = (extra.get("unix_socket") or default_socket()) if host in (None, "", "localhost") else None
    is_other_client = extra.get("client", "mysqlclient") != "mysqlclient" or extra.get("iam")
    # A socket has no name that a certificate could have.
    is_named_socket = path and str(extra.get("ssl_mode")).upper() == "VERIFY_IDENTITY"
    if tls is None or is_other_client or is_named_socket or not attributes["login"]:
        return None
    return {
        # Airflow's form sends 0 for a port that was left empty, and the hook takes its default for it.
        **({"unix_socket": path} if path else {"host": host, "port": attributes["port"] or None}),
        "user": attributes["login"],
        "password": attributes["password"],
        "database": attributes["schema"],
        **tls,
    }


def _tls(extra: Mapping[str, Any]) -> dict[str, Any] | None:
    given = extra.get("ssl") or {}
    if isinstance(given, str):
        with suppress(ValueError):
            given = json.loads(given)
    if not isinstance(given, dict) or set(given) - set(_FILES):
        return None
    files = {f"ssl_{name}": given[name] for name in _FILES if given.get(name)}
    mode = extra.get("ssl_mode")
    if not mode:
        # MySQL's library then verifies the authority, but not the name.
        return {**files, "ssl": True, "ssl_verify": "ca"} if "ssl_ca" in files else files
    if str(mode).upper() in _UNVERIFIED:
        files.pop("ssl_ca", None)
    return {**files, "ssl_mode": mode}


MYSQL: Final = OtherType(_fields)
