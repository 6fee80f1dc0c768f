"""Connections of Airflow's type ``postgres``, as its PostgresHook reads them, for this family's doctor."""

from __future__ import annotations

from typing import Any, Final

from osiris_provider.connectors.base import Attributes, OtherType
from osiris_provider.connectors.postgres.connection import PostgresConnection

_OTHER_LOGINS: Final = ("iam", "azure_conn_id")
"""Entries of ``extra`` with which the hook fetches a token first."""
_NOT_OF_LIBPQ: Final = frozenset(
    {
        *("aws_conn_id", "cluster-identifier", "cursor", "redshift", "redshift-serverless"),
        *("sqlalchemy_query", "sqlalchemy_scheme", "workgroup-name", *_OTHER_LOGINS),
    }
)
"""Those that the hook keeps to itself; it hands all others to libpq."""


def _fields(attributes: Attributes) -> dict[str, Any] | None:
    extra = {name: value for name, value in attributes["extra"].items() if name not in _NOT_OF_LIBPQ}
    # A check has a deadline of its own, and 0, which is none for libpq, would be a mistake.
    extra.pop("connect_timeout", None)
    if extra.get("sslrootcert") not in (None, "", "system"):
        # What the family takes for the wish to verify all is none to libpq.
        extra.setdefault("sslmode", "prefer")
    slots = {
        "host": attributes["host"],
        "port": attributes["port"],
        "user": attributes["login"],
        "password": attributes["password"],
        "database": attributes["schema"],
    }
    is_other = any(attributes["extra"].get(name) for name in _OTHER_LOGINS)
    known = {spec.name for spec in PostgresConnection.fields()} - slots.keys() - {"dsn"}
    # With commas there are several servers, and libpq finds the one to talk to.
    is_one = slots["host"] and "," not in str(slots["host"])
    if is_other or set(extra) - known or not (is_one and slots["user"]):
        return None
    return {**slots, **extra}


POSTGRES: Final = OtherType(_fields)
