"""How a password may go out: never in clear text over a line that is not encrypted, unless the connection says so.

libpq asks for the password's form what the server asks for. Since version 16 ``require_auth`` tells it what not to give
away, but the same for an encrypted line as for a plain one. So the lines that ``sslmode`` allows are tried here one by
one, as libpq would, each with what may go over it.
"""

from __future__ import annotations

import re

from osiris_provider.connectors.postgres.library import Parameters, default
from osiris_provider.connectors.sql.dbapi import checked_host
from osiris_provider.errors import ConnectionConfigError

REQUIRE_AUTH = 160000
"""First version of libpq that can refuse ways to log in."""
ENCRYPTED = ("require", "verify-ca", "verify-full")
CLEAR, SCRAM = "password", "scram-sha-256"
WAYS = {0: "none", 3: CLEAR, 5: "md5", 7: "gss", 9: "sspi", 10: SCRAM}
"""Ways to log in by the number with which a server asks for them, as ``require_auth`` calls them."""

_KNOWN = {*WAYS.values(), "oauth"}


def checked_ways(text: str) -> str:
    """Return a ``require_auth`` that libpq takes.

    :param text: names with commas between, all or none of them with ``!``.
    :raises ValueError: it is something else.
    """
    ways = [way.strip() for way in text.split(",")]
    names = {way.removeprefix("!") for way in ways}
    negated = {way.startswith("!") for way in ways}
    if not names <= _KNOWN or len(negated) > 1 or len(names) < len(ways):
        problem = f"names ways to log in, with commas between, all or none with ! before: {', '.join(sorted(_KNOWN))}"
        raise ValueError(problem)
    return ",".join(ways)


def allows(require_auth: str, way: str) -> bool:
    """Return whether a ``require_auth`` lets libpq log in that way.

    :param require_auth: empty allows all.
    :param way: as ``require_auth`` calls it.
    """
    ways = require_auth.split(",") if require_auth else []
    return f"!{way}" not in ways if not ways or ways[0].startswith("!") else way in ways


def without(require_auth: str, way: str) -> str:
    """Return a ``require_auth`` that allows the same but one way to log in.

    :param require_auth: empty allows all.
    :param way: as ``require_auth`` calls it.
    """
    if require_auth and not allows(require_auth, way):
        return require_auth
    ways = require_auth.split(",") if require_auth else []
    if ways and not ways[0].startswith("!"):
        return ",".join(one for one in ways if one != way) or f"!{way}"
    return ",".join([*ways, f"!{way}"])


def lines(parameters: Parameters) -> list[Parameters]:
    """Return the lines to try, one after the other, each with what libpq may give away over it.

    :param parameters: of the connection.
    :raises ConnectionConfigError: libpq is too old to keep a password back.
    """
    mode = _mode(parameters)
    # PGPASSWORD is of some server, and no one knows of which.
    given = parameters.but(password=parameters.get("password", ""))
    if _is_safe(parameters, mode):
        return [given.but(sslmode=mode)]
    plain = given.but(sslmode="disable", require_auth=_without_clear(parameters))
    tls = given.but(sslmode="require")
    return {"disable": [plain], "allow": [plain, tls]}.get(mode, [tls, plain])


def for_other_clients(parameters: Parameters) -> Parameters:
    """Return parameters for a client that tries the lines by itself: clear text is refused on all of them.

    :param parameters: of the connection.
    """
    mode = _mode(parameters)
    return parameters if _is_safe(parameters, mode) else parameters.but(require_auth=_without_clear(parameters))


def can_refuse() -> bool:
    """Return whether libpq can refuse ways to log in."""
    from psycopg2.extensions import libpq_version

    return int(libpq_version()) >= REQUIRE_AUTH


def checked_address(host: str) -> str:
    """Return a host as it is written: a server's, the directory of a Unix socket, or the name of an abstract one.

    :param host: of a connection.
    :raises ValueError: as :func:`checked_host`.
    """
    return host if host.startswith("/") or re.fullmatch("@[^@]*", host) else checked_host(host)


def is_socket(parameters: Parameters) -> bool:
    """Return whether the line is a Unix socket, which does not leave the machine; ``@`` begins an abstract one.

    :param parameters: of the connection.
    """
    return str(parameters["host"]).startswith(("/", "@")) and not parameters.get("hostaddr")


def socket_path(parameters: Parameters) -> str:
    """Return the path of the Unix socket.

    :param parameters: of the connection; ``host`` is the directory.
    """
    return f"{parameters['host']}/.s.PGSQL.{parameters['port']}"


def requires_gss(parameters: Parameters) -> bool:
    """Return whether the line must be encrypted by Kerberos.

    :param parameters: of the connection.
    """
    return (parameters.get("gssencmode") or default("gssencmode")) == "require"


def _mode(parameters: Parameters) -> str:
    return parameters.get("sslmode") or default("sslmode")


def _is_safe(parameters: Parameters, mode: str) -> bool:
    encrypted = mode in ENCRYPTED or parameters.get("gssencmode") == "require"
    return encrypted or is_socket(parameters) or CLEAR in parameters.get("require_auth", "").split(",")


def _without_clear(parameters: Parameters) -> str:
    if not can_refuse():
        message = (
            "The libpq of this psycopg2 cannot keep a server from asking for the password in clear text. Install "
            "psycopg2-binary 2.9.11 or later, or set sslmode: require"
        )
        raise ConnectionConfigError(message, field="sslmode")
    # What the environment allows, this connection does not.
    return without(parameters.get("require_auth") or default("require_auth"), CLEAR)
