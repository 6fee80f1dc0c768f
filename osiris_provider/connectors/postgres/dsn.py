"""Connection strings as libpq reads them."""

from __future__ import annotations

from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.errors import ConnectionConfigError


def parsed(dsn: str) -> Parameters:
    """Return the parameters of a connection string of libpq.

    :param dsn: a URL or key=value pairs.
    :raises ConnectionConfigError: libpq cannot read it, or would take a part of the password for the host.
    """
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        known = Parameters(parse_dsn(dsn))
    except (ProgrammingError, ValueError):
        message = "field dsn: libpq cannot read it; write postgresql://user:password@host:port/database"
    else:
        if _has_stray_at(dsn):
            message = "field dsn: has more than one @; write that of a user, a password or a database as %40"
        elif "user" not in known and "@" in dsn and known.get("port", ""):
            message = (
                "field dsn: has a / before its @, where for libpq the address ends; write that of a password as %2F"
            )
        else:
            return known
    # What shows the variables of an error would show it.
    del dsn
    raise ConnectionConfigError(message, field="dsn")


def _has_stray_at(dsn: str) -> bool:
    """Return whether there is another @ behind the first, where for libpq the host begins."""
    scheme, _, rest = dsn.partition("://")
    login, _, address = rest.partition("@")
    # What has a slash before it has no login.
    return scheme in ("postgresql", "postgres") and "/" not in login and "@" in address.partition("?")[0]
