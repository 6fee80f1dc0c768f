"""PostgreSQL's SQLSTATEs, each with its fault (CONN-010)."""

from __future__ import annotations

from osiris_provider.connectors.faults import RESET, TLS_REFUSED
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.errors import Fault

LOGIN_DENIED = "28000"
"""No entry in pg_hba.conf, a role without LOGIN, and TLS that the server requires: one code for all."""

CLEAR_PASSWORD = sql.CLEAR_PASSWORD.reworded(
    "{address} asks for the password in clear text over an unencrypted line; it was not sent. Check that it is the "
    "right server, then set sslmode: require, or, where the line is safe, require_auth: password.",
)
AUTH_NOT_ALLOWED = Fault(
    "auth_not_allowed",
    "auth",
    "{address} asks for a way to log in that require_auth does not allow; the password was not sent. Check that it is "
    "the right server, then the field.",
)
NO_CHANNEL_BINDING = Fault(
    "no_channel_binding",
    "auth",
    "{address} offers no channel binding, but channel_binding: require asks for it. Check that it is the right server; "
    "it needs TLS and a scram-sha-256 password.",
)
TOO_MANY_ITERATIONS = Fault(
    "too_many_iterations",
    "network",
    "{address} asks for a hash of the password that takes more than a million iterations; it was not computed. Check "
    "that it is the right server, or set the role's password again with a smaller scram_iterations.",
    True,
)
NOT_PROVEN = Fault(
    "server_not_proven",
    "network",
    "{address} could not show that it knows the password, or does not speak the protocol; libpq has broken off. Check "
    "host and port, and who answers there.",
    True,
)
GSS_REFUSED = Fault(
    "gss_refused",
    "network",
    "{address} offers no encryption by Kerberos, or breaks off when it is asked for that. Set gssencmode: disable, and "
    "sslmode to encrypt by TLS.",
    True,
)
GSS_FAILED = Fault(
    "gss_failed",
    "auth",
    "Encryption by Kerberos, which gssencmode: require asks for, failed with {address}. Check that this machine has a "
    "ticket (klist), then krbsrvname and the keytab of the server.",
)
NOT_DIRECT = TLS_REFUSED.reworded(
    "{address} does not begin with TLS, as sslnegotiation: direct asks; PostgreSQL does from version 17 on. Take the "
    "field out of the connection."
)
WRONG_SERVER = Fault(
    "wrong_server",
    "network",
    "{address} is not what target_session_attrs asks for: it is read-only or not, or a standby or not. Try again after "
    "the switch-over, or check the field.",
)

DATABASE_DENIED = sql.DATABASE_DENIED.reworded(
    "The user may not use this database at {address}, or not set what field options sets. Grant the right, or take it "
    "out of the connection.",
)
BAD_PARAMETER = Fault(
    "bad_parameter",
    "unknown",
    "{address} does not take a parameter of the login, such as field options. Check its name and value; poolers and "
    "proxies often take none.",
    True,
)
NOT_SUPPORTED = sql.BAD_SQL.reworded(
    "{address} does not do what the step asks for. It copies nothing into a table with row-level security: use "
    "write_mode upsert, or a role with BYPASSRLS. Else check the query."
)

# At login these codes mean something narrower than in a query.
# PgBouncer gives 08P01 to all that it refuses, a wrong password too.
_AT_LOGIN = {
    "42501": DATABASE_DENIED,
    "55000": sql.DATABASE_CLOSED,
    "08P01": sql.UNKNOWN_LOGIN,
    # Poolers give this one to all that they refuse.
    "XX000": sql.UNKNOWN_LOGIN,
    **dict.fromkeys(("0A000", "22023", "42602", "42704"), BAD_PARAMETER),
}

# Connections that are used up are a matter of waiting, so they count as network, which is retried, not as permission.
_BY_CODE = {
    # So Amazon's RDS Proxy.
    "08000": sql.NO_BACKEND,
    "28P01": sql.WRONG_PASSWORD,
    "3D000": sql.UNKNOWN_DATABASE,
    "3F000": sql.NO_SUCH_TABLE,
    "42P01": sql.NO_SUCH_TABLE,
    "42703": sql.NO_SUCH_COLUMN,
    "42501": sql.DENIED,
    "25006": sql.READ_ONLY,
    "25P03": sql.KILLED,
    "25P04": sql.STATEMENT_TIMEOUT,
    "53300": sql.TOO_MANY_CONNECTIONS,
    "55006": sql.CONFLICT,
    "55P03": sql.LOCK_TIMEOUT,
    "57014": sql.STATEMENT_TIMEOUT,
    "57P01": sql.KILLED,
    "57P02": sql.KILLED,
    "57P03": sql.NOT_READY,
    "57P04": sql.UNKNOWN_DATABASE,
    "57P05": sql.KILLED,
}
_BY_CLASS = {
    "08": RESET,
    "0A": NOT_SUPPORTED,
    "21": sql.BAD_SQL,
    "22": sql.BAD_DATA,
    "23": sql.BAD_DATA,
    "28": sql.LOGIN_DENIED,
    "40": sql.DEADLOCK,
    "42": sql.BAD_SQL,
    "44": sql.BAD_DATA,
    "53": sql.SERVER_FULL,
    "54": sql.BAD_SQL,
    "58": sql.SERVER_FAILED,
    # Another server, which foreign tables read.
    "HV": sql.SERVER_FAILED,
    # What functions and triggers of the database raise.
    "P0": sql.BAD_DATA,
    "XX": sql.SERVER_FAILED,
}
_REFUSED = frozenset(("20", "24", "25", "26", "27", "2B", "2F", "34", "38", "39", "3B", "55"))
"""Classes of which it takes the server's words to know what is wrong with a statement: a view that takes no rows, a
``VACUUM`` in a transaction, or a materialized view without data. To try it again does not help."""


def fault_of_sqlstate(code: str, *, login: bool = False) -> Fault | None:
    """Return the fault of a SQLSTATE: its own, else that of its class, else None.

    :param code: five letters and digits.
    :param login: whether it came as the answer to a login.
    """
    fault = (_AT_LOGIN.get(code) if login else None) or _BY_CODE.get(code) or _BY_CLASS.get(code[:2])
    if fault is None and not login and code[:2] in _REFUSED:
        return sql.statement_refused(code)
    return fault
