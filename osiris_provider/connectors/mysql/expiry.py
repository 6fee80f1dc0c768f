"""When the password of an account expires, as far as the server says it to the account itself."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import LOGIN, aside, note

if TYPE_CHECKING:
    from pymysql.connections import Connection

# What an account may not read is not asked for: a refusal would be in the audit log of each check.
_READABLE: Final = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name = 'user'"
_MYSQL: Final = """
    SELECT UNIX_TIMESTAMP(password_last_changed + INTERVAL IFNULL(password_lifetime, @@default_password_lifetime) DAY)
    FROM mysql.user WHERE CONCAT(user, '@', host) = CURRENT_USER()
    AND IFNULL(password_lifetime, @@default_password_lifetime) > 0
    AND plugin IN ('caching_sha2_password', 'sha256_password', 'mysql_native_password')
"""
_MARIADB: Final = """
    SELECT UNIX_TIMESTAMP(password_expiration_time) FROM information_schema.users
    WHERE REPLACE(user, "'", '') = REPLACE(CURRENT_USER(), "'", '')
"""
_MARIADB_SINCE: Final = (11, 5)


def note_password(connection: Connection[Any], deadline: Deadline) -> None:
    """Note when the password of the account expires, if it does and the account may know.

    Nothing is asked that makes the server send the password's hash: the line may be unencrypted.

    :param connection: logged in with a password, at the end of a check.
    :param deadline: of the check.
    """
    with aside(deadline) as asking:
        line: Any = connection._sock  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
        line.deadline = asking
        at = _asked(connection)
        if at:
            note(LOGIN, datetime.fromtimestamp(float(at), timezone.utc))


def _asked(connection: Connection[Any]) -> Any:
    version: str = connection.server_version  # type: ignore[attr-defined] # types-PyMySQL lacks it
    with connection.cursor() as cursor:
        if "MariaDB" not in version:
            return _value(cursor, _MYSQL) if _value(cursor, _READABLE) else None
        numbers = tuple(map(int, re.findall(r"\d+", version.removeprefix("5.5.5-"))))
        return _value(cursor, _MARIADB) if numbers >= _MARIADB_SINCE else None


def _value(cursor: Any, question: str) -> Any:
    cursor.execute(question)
    return (cursor.fetchone() or (None,))[0]
