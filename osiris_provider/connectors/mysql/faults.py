"""MySQL and MariaDB error codes, each with its fault (CONN-010).

Both servers count on from MySQL 5.6, and use some numbers above 1886 for different things. Where they do, the number
has the meaning that a login, a query or a write can meet; the other is about statements that nothing here runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from osiris_provider.connectors.faults import CLIENT_CERTIFICATE, GARBAGE, RESET, TLS_FAILED, TLS_REQUIRED
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.errors import Fault

WRONG_PASSWORD_OR_NO_TLS = sql.WRONG_PASSWORD.reworded(
    "{address} does not accept this user and password. Check both. If they are right, the account may be for TLS only: "
    "set ssl: true.",
)
ACCOUNT_FOR_TLS = TLS_REQUIRED.reworded(
    "{address} accepts the password, but the account is for TLS only. Set ssl: true."
)
TLS_IN_VAIN = TLS_FAILED.reworded(
    "The TLS handshake with {address}, which offers TLS, failed. Its version may be too old. Have that mended "
    "there; ssl: false connects without TLS.",
)
NO_PUBLIC_KEY = Fault(
    "no_public_key",
    "auth",
    "{address} asks for the password over an unencrypted line. Set ssl: true; or server_public_key, a file with the "
    "server's RSA key; or allow_public_key_retrieval: true, which trusts any key.",
)
NO_RSA_KEY = Fault(
    "no_rsa_key",
    "auth",
    "{address} has no RSA key with which a password could be encrypted on this unencrypted line. Set ssl: true.",
)
CLEARTEXT_PASSWORD = sql.CLEAR_PASSWORD.reworded(
    "{address} asks for the password in clear text, and TLS has not verified who that is. Set ssl_ca or "
    "ssl_verify: true; allow_cleartext_password: true sends it all the same.",
)
CERTIFICATE_REQUIRED = CLIENT_CERTIFICATE.reworded(
    "{address} accepts the password, but wants a client certificate, or another one. Set ssl_cert and ssl_key.",
)
SECOND_FACTOR = Fault(
    "second_factor",
    "auth",
    "The account at {address} wants more than a password. Use an account that logs in with a password alone.",
)
NO_SOCKET = sql.NO_SOCKET.reworded(
    "There is no server's socket at {address}. Check unix_socket, and that the server is running; host localhost is a "
    "socket, and 127.0.0.1 is not.",
)
FILE_REQUESTED = Fault(
    "file_requested",
    "network",
    "{address} asked for a file of this machine, and did not get it. No honest server does this; check the host.",
    permanent=True,
)

HOST_BLOCKED = Fault(
    "host_blocked",
    "permission",
    "{address} blocks this machine after too many broken handshakes. Have TRUNCATE performance_schema.host_cache "
    "run there; on MariaDB FLUSH HOSTS.",
)
USED_UP = sql.TOO_MANY_CONNECTIONS.reworded(
    "{address} has no connection left, or the account has used up what it may have in an hour. Try again later, or "
    "raise that limit.",
)
DENIED = sql.DENIED.reworded(
    "The user at {address} has no right to do this. Grant it, or use another user; a role that has it must be "
    "active (SET DEFAULT ROLE).",
)
ROLE_NOT_ACTIVE = Fault(
    "role_not_active",
    "permission",
    "The user may not use this database at {address}, and has a role that is not active. Make it a default role there "
    "(SET DEFAULT ROLE), or check the database's name.",
)
LOCAL_INFILE_OFF = Fault(
    "local_infile_off",
    "permission",
    "{address} does not take LOAD DATA LOCAL. Have local_infile switched on there, or use INSERT.",
)
TOO_LARGE = Fault(
    "row_too_large",
    "unknown",
    "A row is larger than max_allowed_packet of {address} allows. Have that limit raised there, or leave the row out.",
    permanent=True,
)
BAD_TABLE = Fault(
    "bad_table",
    "unknown",
    "{address} cannot make or change the table as asked: a name, key, column or row is not what it allows. Check them.",
    permanent=True,
)
TABLE_REFERENCED = Fault(
    "table_referenced",
    "unknown",
    "A foreign key of another table at {address} refers to this one. Drop the key, or keep the table.",
    permanent=True,
)

ACCESS_DENIED = 1045
"""Wrong password and unknown user, but also an account that must use TLS: the server does not tell them apart."""
DATABASE_DENIED = 1044
UNKNOWN_VARIABLE = 1193
LOST_CODES = (0, 2003, 2006, 2013, 2055)
"""PyMySQL's codes for a line that failed; the reason is in the error that they came from."""

Codes = dict[Fault, str]

# Connections that are used up are a matter of waiting, so they count as network, which is retried, not as permission.
_LOGIN: Codes = {
    sql.WRONG_PASSWORD: "1045 1873",
    sql.ACCOUNT_LOCKED: "3118 3955 4150 4151",
    sql.PASSWORD_EXPIRED: "1820 1862",
    sql.LOGIN_METHOD: "1251 1275 1524 1698 2049 2059 2061",
    sql.HOST_NOT_ALLOWED: "1130",
    HOST_BLOCKED: "1129",
    sql.DATABASE_DENIED: "1044",
    sql.UNKNOWN_DATABASE: "1049 3503",
    USED_UP: "1040 1203 1226",
    # 1047 is also what a node of Galera says that has lost its cluster.
    sql.NOT_READY: "1047 1053 1077 1079 3032 3168 3782 3783 6141 6400",
    # ProxySQL and TiDB; Amazon's RDS Proxy.
    sql.NO_BACKEND: "9001-9007 9501",
    TLS_REQUIRED: "3159",
    TLS_FAILED: "2026",
    GARBAGE: "2007 2012 2014 2027",
    RESET: "1042 1043 1081 1154-1161 1189 1190 1835",
}
_RIGHTS: Codes = {
    DENIED: (
        "1095 1131 1132 1142 1143 1211 1227 1345 1370 1410 1419 1979 3164 3202 3552-3557 3566 3620 3630 "
        "3879 6038 6126 6127 6444"
    ),
    LOCAL_INFILE_OFF: "1148 3948 4166",
    # 1015 is what a table says of a server with innodb_read_only.
    sql.READ_ONLY: "1015 1036 1207 1290 1792 1836 1874 1881 3989 4049",
}
_WORK: Codes = {
    sql.KILLED: "1080 1152 1184 1317 1927 3169 4031",
    sql.LOCK_TIMEOUT: "1205 1689 3133 3572 3781 3797 3798",
    sql.STATEMENT_TIMEOUT: "1969 3024 3699",
    sql.DEADLOCK: "1213 1614 3058 3132",
    # 1020 is how MariaDB says from 11.6 on that a snapshot cannot be written upon.
    sql.CONFLICT: "1020 1402 1412 1613 1615 1964 3100 3101 3197",
    sql.SERVER_FULL: "1021 1037 1038 1041 1114 1135 1206 1461 1637 3015 3019 3044 3675 3950 3985 4081 4082 6411",
    sql.SERVER_FAILED: "1016 1024 1026 1030 1105 1180 1181 1429 1430 1810 1811 1815 1878",
}
_STATEMENT: Codes = {
    sql.NO_DATABASE: "1046",
    sql.NO_SUCH_TABLE: "1051 1109 1146 1932",
    sql.NO_SUCH_COLUMN: "1054 1072",
    sql.BAD_SQL: (
        "1052 1055 1056 1064 1065 1066 1093 1104 1107 1110 1111 1128 1140 1149 1172 1176 1191 1193 1210 "
        "1221 1222 1231 1232 1235 1241 1242 1248 1267 1273 1305 1318 1327 1347 1582 1583 1584 1630 3065 "
        "3087 3088"
    ),
    BAD_TABLE: (
        "1050 1059 1060 1061 1063 1067-1071 1073 1074 1075 1089 1102 1103 1113 1115 1117 1118 1163 1164 "
        "1166 1167 1170 1171 1173 1280 1425 1426 1427 1439 1709 3504 3505 3750"
    ),
    TABLE_REFERENCED: "1701 3193 3730",
    TOO_LARGE: "1153 1162 1301 2020 3068",
    sql.BAD_DATA: (
        "1022 1048 1062 1136 1169 1216 1217 1261-1265 1292 1300 1364 1365 1366 1367 1369 1406 1411 1416 "
        "1441 1451 1452 1525 1526 1569 1586 1591 1644 1690 1737 1748 1761 1762 1859 1863 1906 1916 1917 "
        "1918 1977 3037 3064 3069 3105 3140-3147 3150 3151 3155-3158 3516 3643 3673 3819 3854 3903-3908 "
        "4025 4035-4040 4078 6136 6137 6138"
    ),
}
GROUPS = (_LOGIN, _RIGHTS, _WORK, _STATEMENT)
"""Faults, each with its error codes."""


def numbers(codes: str) -> Iterator[int]:
    """Yield the codes of a text such as ``1040 1154-1161``."""
    for part in codes.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


FAULTS: dict[int, Fault] = {
    code: fault for group in GROUPS for fault, codes in group.items() for code in numbers(codes)
}
"""The fault of each error code that says more than that the statement was refused."""
_REFERENCE = (range(1000, 2000), range(3000, 3239), range(3500, 4300), range(6000, 6600))
"""The codes of MySQL 9.7 and MariaDB 11.8 that servers send; from 10000 on they are for a server's own log."""


def fault_of_code(code: int) -> Fault | None:
    """Return the fault of an error code, or None for one that neither server's reference has.

    :param code: of an error packet, or one of PyMySQL's own.
    """
    if code in FAULTS:
        return FAULTS[code]
    if any(code in codes for codes in _REFERENCE):
        return sql.statement_refused(code)
    return None
