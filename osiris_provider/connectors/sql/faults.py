"""The faults that SQL servers have in common, whatever codes they give them."""

from __future__ import annotations

from osiris_provider.errors import Fault

WRONG_PASSWORD = Fault(
    "wrong_password",
    "auth",
    "{address} does not accept this user and password. Check both; the server does not say which of them is wrong.",
)
NO_PASSWORD = Fault("no_password", "auth", "{address} asks for a password and the connection has none. Set it.")
CLEAR_PASSWORD = Fault(
    "clear_password",
    "auth",
    "{address} asks for the password in clear text over an unencrypted line. Set ssl: true in the connection.",
)
LOGIN_DENIED = Fault(
    "login_denied",
    "auth",
    "{address} does not let this user log in from here. Check pg_hba.conf there, and that the role may log in.",
)
NO_SOCKET = Fault(
    "no_socket",
    "network",
    "There is no server's socket at {address}. Check its path, and that the server is running.",
)
SOCKET_DENIED = Fault(
    "socket_denied",
    "permission",
    "The rights on the socket {address}, or on its directory, do not allow this user to use it. Grant them.",
)
ACCOUNT_LOCKED = Fault("account_locked", "auth", "The account at {address} is locked. Have it unlocked there.")
PASSWORD_EXPIRED = Fault("password_expired", "auth", "The password of the account at {address} has expired. Change it.")
LOGIN_METHOD = Fault(
    "login_method",
    "auth",
    "The account at {address} wants a login method other than a password over the network. Have it changed there.",
)
HOST_NOT_ALLOWED = Fault(
    "host_not_allowed",
    "permission",
    "{address} lets no user in from this machine. Have an account created for this machine's address.",
)
DATABASE_DENIED = Fault(
    "database_denied",
    "permission",
    "The user may not use this database at {address}, or there is no such database. Grant the right or fix the name.",
)
DATABASE_CLOSED = Fault(
    "database_closed", "permission", "The database at {address} accepts no connections. Have it opened, or use another."
)
UNKNOWN_DATABASE = Fault(
    "unknown_database", "unknown", "There is no such database at {address}. Check field database.", permanent=True
)
NO_DATABASE = Fault(
    "no_database",
    "unknown",
    "No database is selected at {address}. Set field database of the connection.",
    permanent=True,
)
DENIED = Fault("denied", "permission", "The user at {address} has no right to do this. Grant it, or use another user.")
READ_ONLY = Fault(
    "read_only", "permission", "{address} is read-only, perhaps a replica. Point the connection at the primary."
)
TOO_MANY_CONNECTIONS = Fault(
    "too_many_connections", "network", "{address} has no connection left. Try again later, or raise its limit."
)
NOT_READY = Fault(
    "not_ready", "network", "{address} is starting up, shutting down or offline. Try again when it is back."
)
NO_BACKEND = Fault(
    "no_backend",
    "network",
    "{address} is a proxy or a cluster, and gets no answer from a server behind it. Check those servers, and how many "
    "connections they have; then try again.",
)
SERVER_FAILED = Fault(
    "server_failed", "unknown", "{address} failed while it worked. Look into its log; trying again may help."
)
KILLED = Fault("killed", "network", "{address} ended this connection. Try again; look into its log if that goes on.")
LOCK_TIMEOUT = Fault("lock_timeout", "timeout", "Another transaction at {address} held a lock for too long. Try again.")
STATEMENT_TIMEOUT = Fault(
    "statement_timeout",
    "timeout",
    "The statement ran longer than {address} allows. Make it smaller or raise the limit.",
)
CONFLICT = Fault("conflict", "unknown", "Other work at {address} changed what this read or wrote. Try again.")
DEADLOCK = Fault("deadlock", "unknown", "{address} undid the work because of a deadlock. Try again.")
NO_SUCH_TABLE = Fault(
    "no_such_table", "unknown", "There is no such table at {address}. Check its name.", permanent=True
)
NO_SUCH_COLUMN = Fault(
    "no_such_column", "unknown", "A column is not known at {address}. Check the query.", permanent=True
)
BAD_SQL = Fault("bad_sql", "unknown", "{address} does not understand the SQL. Check the query.", permanent=True)
STATEMENT_REFUSED = Fault(
    "statement_refused",
    "unknown",
    "{address} refused the statement with an error. Look it up in the server's error reference, and check the "
    "statement.",
    permanent=True,
)
SERVER_FULL = Fault(
    "server_full", "unknown", "{address} has run out of disk or memory. Make room there, then try again."
)
BAD_DATA = Fault(
    "bad_data", "unknown", "A value does not fit its column or a rule of the table. Check both.", permanent=True
)
UNKNOWN_LOGIN = Fault(
    "unknown_login",
    "unknown",
    "{address} refused the login; its reason could not be read by code. Check user, password and database.",
)


def statement_refused(code: object) -> Fault:
    """Return the fault of a statement that a server refused for a reason that is no one else's.

    :param code: of the server's error.
    """
    return STATEMENT_REFUSED.reworded(STATEMENT_REFUSED.message.replace("an error", f"error {code}"))
