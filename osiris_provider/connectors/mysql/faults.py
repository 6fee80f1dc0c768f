"""MySQL and MariaDB error codes, each with its fault (CONN-010)."""

from __future__ import annotations

from osiris_provider.connectors import sql_faults as sql
from osiris_provider.connectors.faults import RESET, TLS_FAILED, TLS_REQUIRED, Fault

WRONG_PASSWORD_OR_NO_TLS = Fault(
    sql.WRONG_PASSWORD.slug,
    "auth",
    "{place} does not accept this user and password. Check both. If they are right, the account may be for TLS only: "
    "set ssl: true.",
)
NO_PUBLIC_KEY = Fault(
    "no_public_key",
    "auth",
    "{place} asks for the password over an unencrypted line. Set ssl: true; or server_public_key, a file with the "
    "server's RSA key; or allow_public_key_retrieval: true, which trusts any key.",
)
NO_RSA_KEY = Fault(
    "no_rsa_key",
    "auth",
    "{place} has no RSA key with which a password could be encrypted on this unencrypted line. Set ssl: true.",
)
CLEARTEXT_PASSWORD = Fault(
    "clear_password",
    "auth",
    "{place} asks for the password in clear text, and TLS has not verified who that is. Set ssl_ca or "
    "ssl_verify: true; allow_cleartext_password: true sends it all the same.",
)
CERTIFICATE_REQUIRED = Fault(
    "client_certificate_required",
    "auth",
    "{place} accepts the password, but wants a client certificate, or another one. Set ssl_cert and ssl_key.",
)
SECOND_FACTOR = Fault(
    "second_factor",
    "auth",
    "The account at {place} wants more than a password. Use an account that logs in with a password alone.",
)
NO_SOCKET = Fault(
    "no_socket",
    "network",
    "There is no server's socket at {place} that this user may use. Check unix_socket, and that the server is running.",
)
FILE_REQUESTED = Fault(
    "file_requested",
    "network",
    "{place} asked for a file of this machine, and did not get it. No honest server does this; check the host.",
    lasting=True,
)

ACCESS_DENIED = 1045
"""Wrong password and unknown user, but also an account that must use TLS: the server does not tell them apart."""
LOST_CODES = (0, 2003, 2006, 2013, 2055)
"""PyMySQL's codes for a line that failed; the reason is in the error that they came from."""

# Connections that are used up are a matter of waiting, so they count as network, which is retried, not as permission.
_GROUPS: dict[Fault, tuple[int, ...]] = {
    sql.WRONG_PASSWORD: (ACCESS_DENIED,),
    sql.ACCOUNT_LOCKED: (3118, 3955, 4151),
    sql.PASSWORD_EXPIRED: (1820, 1862),
    sql.LOGIN_METHOD: (1251, 1524, 1698, 2059, 2061),
    sql.HOST_NOT_ALLOWED: (1130,),
    sql.HOST_BLOCKED: (1129,),
    sql.DATABASE_DENIED: (1044,),
    sql.UNKNOWN_DATABASE: (1049,),
    sql.NO_DATABASE: (1046,),
    sql.DENIED: (1142, 1143, 1227, 1370),
    sql.READ_ONLY: (1290, 1792, 1836),
    sql.TOO_MANY_CONNECTIONS: (1040, 1203, 1226),
    sql.NOT_READY: (1053, 1079),
    sql.KILLED: (1152, 1184, 1317, 1927, 3169, 4031),
    sql.LOCK_TIMEOUT: (1205, 3572),
    sql.STATEMENT_TIMEOUT: (1969, 3024),
    sql.DEADLOCK: (1213,),
    sql.NO_SUCH_TABLE: (1051, 1146),
    sql.NO_SUCH_COLUMN: (1054,),
    sql.BAD_SQL: (1064, 1065, 1149, 1305),
    sql.SERVER_FULL: (1021, 1037, 1114),
    sql.BAD_DATA: (1048, 1062, 1136, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1526, 3819, 4025, 4078),
    TLS_REQUIRED: (3159,),
    TLS_FAILED: (2026,),
    RESET: (1158, 1159, 1160, 1161),
}
FAULTS: dict[int, Fault] = {code: fault for fault, codes in _GROUPS.items() for code in codes}
"""The fault of each error code."""
