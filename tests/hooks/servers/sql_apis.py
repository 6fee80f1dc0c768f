"""Databases that are asked over HTTP, imitated: each takes one user, and answers one question."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from tests.hooks.case import PASSWORD
from tests.hooks.servers.http_apis import Answer, has_basic, has_bearer

_SESSION_TOKEN = "session-of-the-imitation"


def trino(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """Trino's client protocol: a query is queued, then runs, then has ended."""
    if not has_bearer(headers):
        return 401, {}, True, {"WWW-Authenticate": "Bearer"}
    page = int(path.rpartition("/")[2]) if path.startswith("/v1/statement/") else 0
    query = {"id": "q", "infoUri": f"https://{headers['Host']}/ui/q", "stats": {"state": "RUNNING"}, "warnings": []}
    following = {"nextUri": f"https://{headers['Host']}/v1/statement/executing/q/{page + 1}"}
    if page == 0:
        return 200, {**query, **following}, False
    column = {"name": "_col0", "type": "integer", "typeSignature": {"rawType": "integer", "arguments": []}}
    if page == 1:
        return 200, {**query, **following, "columns": [column], "data": [[1]]}, False
    return 200, {**query, "columns": [column], "stats": {"state": "FINISHED"}}, False


SELECTED = ("LOAD", "SHOP", "PUBLIC")
"""Warehouse, database and schema that there are."""


def snowflake(
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    days_left: str | None = None,
    selected: Sequence[str | None] = SELECTED,
) -> Answer:
    """Snowflake's login service, and the answers to questions; refusals have a code and status 200.

    :param days_left: what a user's description says; None refuses to describe one.
    :param selected: warehouse, database and schema of the session. What it is asked for and does not have, or does not
        give to this user, it leaves out and says nothing.
    """
    address = urlsplit(path).path
    if address == "/session/v1/login-request":
        return _snowflake_login(json.loads(gzip.decompress(body))["data"])
    if headers.get("Authorization") != f'Snowflake Token="{_SESSION_TOKEN}"':
        return 200, {"data": None, "code": "390103", "message": "Session token not found.", "success": False}, False
    if address != "/queries/v1/query-request":
        # The end of the session, and what the client tells of itself.
        return 200, {"data": None, "code": None, "message": None, "success": True}, False
    question = json.loads(gzip.decompress(body))["sqlText"]
    if question == 'DESCRIBE USER "LO""ADER"':
        if days_left is None:
            return 200, {"data": {}, "code": "003001", "message": "Insufficient privileges", "success": False}, False
        rows = [["NAME", 'LO"ADER', "null"], ["DAYS_TO_EXPIRY", days_left, "null"]]
        return _snowflake_rows(("property", "value", "default"), rows)
    if "CURRENT_WAREHOUSE" in question:
        return _snowflake_rows(("HAS_WAREHOUSE", "HAS_DATABASE", "HAS_SCHEMA"), [selected])
    return _snowflake_rows(("NAME",), [['LO"ADER']]) if "CURRENT_USER" in question else _snowflake_rows(("1",), [["1"]])


def _snowflake_rows(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Answer:
    kind = {"type": "text", "precision": None, "scale": None, "nullable": True, "length": 99, "byteLength": 99}
    result = {
        "parameters": [],
        "rowtype": [{**kind, "name": name, "database": "", "schema": "", "table": ""} for name in names],
        "rowset": rows,
        "total": len(rows),
        "returned": len(rows),
        "queryId": "01b2c3d4-0000-0000-0000-000000000001",
        "queryResultFormat": "json",
        "sqlState": None,
        "statementTypeId": 4096,
        "finalDatabaseName": None,
        "finalSchemaName": None,
        "finalWarehouseName": None,
        "finalRoleName": "PUBLIC",
    }
    return 200, {"data": result, "code": None, "message": None, "success": True}, False


def _snowflake_login(data: Mapping[str, object]) -> Answer:
    if (data["LOGIN_NAME"], data.get("PASSWORD")) != ("loader", PASSWORD):
        said = "Incorrect username or password was specified."
        refused = {"data": {"nextAction": "RETRY_LOGIN"}, "code": "390100", "message": said, "success": False}
        return 200, refused, True
    session = {
        "token": _SESSION_TOKEN,
        "masterToken": "master-of-the-imitation",
        "validityInSeconds": 3600,
        "masterValidityInSeconds": 14400,
        "sessionId": 1,
        "parameters": [{"name": "AUTOCOMMIT", "value": True}],
        "sessionInfo": {"databaseName": None, "schemaName": None, "warehouseName": None, "roleName": "PUBLIC"},
    }
    return 200, {"data": session, "code": None, "message": None, "success": True}, False


def clickhouse(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """ClickHouse over HTTP as versions of this decade answer: the code of a refusal is in a header."""
    if not has_basic(headers):
        said = b"Code: 516. DB::Exception: loader: Authentication failed. (AUTHENTICATION_FAILED)"
        return 403, said, True, {"X-ClickHouse-Exception-Code": "516"}
    text = (body.decode() or parse_qs(urlsplit(path).query).get("query", [""])[0]).strip()
    if text.startswith("SELECT version()"):
        return 200, b"25.8.1.1\tUTC\n", False
    columns: tuple[tuple[str, str, bytes], ...]
    if "system.settings" in text:
        columns = ("name", "String", b"\x0bmax_threads"), ("value", "String", b"\x014"), ("readonly", "UInt8", b"\0")
    elif "AS check" in text:
        columns = (("check", "UInt8", b"\x01"),)
    else:
        columns = (("1", "UInt8", b"\x01"),)
    return 200, _native(*columns), False, {"X-ClickHouse-Format": "Native"}


def _native(*columns: tuple[str, str, bytes]) -> bytes:
    """Return a block of one row in format Native."""
    named = (bytes([len(name)]) + name.encode() + bytes([len(kind)]) + kind.encode() for name, kind, _ in columns)
    values = (value for _, _, value in columns)
    return bytes([len(columns), 1]) + b"".join(head + value for head, value in zip(named, values, strict=True))
