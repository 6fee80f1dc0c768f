"""Connections of Airflow's type ``mysql``, as its MySqlHook reads them, for this family's doctor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from osiris_provider.connectors.base import Attributes, OtherType

_FILES: Final = ("ca", "cert", "key")
_UNVERIFIED: Final = ("PREFERRED", "REQUIRED")


def _fields(attributes: Attributes) -> dict[str, Any] | None:
    extra = attributes["extra"]
    tls = _tls(extra)
    host, path = attributes["host"], extra.get("unix_socket")
    # To mysqlclient "localhost" is a Unix socket whose path its library knows.
    is_local = host in (None, "", "localhost") and not path
    is_other_client = extra.get("client", "mysqlclient") != "mysqlclient" or extra.get("iam")
    if tls is None or is_local or is_other_client or not attributes["login"]:
        return None
    return {
        **({"unix_socket": path} if path else {"host": host, "port": attributes["port"]}),
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
