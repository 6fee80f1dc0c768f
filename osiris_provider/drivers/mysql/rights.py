"""The rights that a user has on tables, as SHOW GRANTS tells them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

ALL: Final = "ALL PRIVILEGES"
_NAME: Final = r"\*|`(?:[^`]|``)+`"
_GRANT: Final = re.compile(rf"(GRANT|REVOKE) (.+?) ON (?:TABLE )?({_NAME})\.({_NAME}) (?:TO|FROM) ", re.DOTALL)
_RIGHT: Final = re.compile(r"\s*([A-Z][A-Z ]*[A-Z])\s*(?:\(([^)]*)\))?\s*(?:,|$)")


@dataclass(frozen=True)
class Grant:
    """A right on some databases or tables.

    :param given: False for what is revoked from a wider right.
    :param database: ``*``, or a name; it may be a pattern where ``table`` is ``*``.
    :param table: ``*`` or a name.
    :param columns: that it is limited to; none if it is not.
    """

    given: bool
    right: str
    database: str
    table: str
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rights:
    """All rights of a session's user, with those of the roles that are active."""

    grants: Sequence[Grant]
    patterns: bool = True

    def missing(self, wanted: Iterable[str], database: str, table: str, columns: Collection[str] = ()) -> list[str]:
        """Return which of some rights the user has not.

        :param wanted: rights, such as ``INSERT``.
        :param table: a name; empty for a table of any name in the database.
        :param columns: that are written; a right on just these is enough.
        """
        return [right for right in wanted if not self._has(right, database, table, frozenset(columns))]

    def _has(self, right: str, database: str, table: str, columns: frozenset[str]) -> bool:
        mine = [one for one in self.grants if one.right in (right, ALL) and self._covers(one, database, table)]
        if any(one.given and not one.columns and one.table != "*" for one in mine):
            return True
        if any(not one.given for one in mine):
            return False
        named = frozenset[str]().union(*(one.columns for one in mine))
        return any(not one.columns for one in mine) or bool(columns and columns <= named)

    def _covers(self, grant: Grant, database: str, table: str) -> bool:
        if grant.table != "*":
            return grant.database == database and grant.table == table
        if grant.database in ("*", database):
            return True
        return self.patterns and _pattern(grant.database).fullmatch(database) is not None


def rights_of(cursor: Cursor) -> Rights:
    """Ask the server for the rights of the session's user.

    :param cursor: of a session that quotes names in SHOW statements with backticks.
    """
    import pymysql

    cursor.execute("SELECT VERSION(), CURRENT_ROLE()")
    version, role = cursor.fetchone() or ("", None)
    is_mariadb = "MariaDB" in version
    statements = ["SHOW GRANTS"]
    if is_mariadb:
        statements.append("SHOW GRANTS FOR PUBLIC")
    elif role not in (None, "NONE"):
        statements = [f"SHOW GRANTS FOR CURRENT_USER() USING {role}"]
    lines: list[str] = []
    for statement in statements:
        try:
            cursor.execute(statement)
        except pymysql.MySQLError:
            # Before 10.11 MariaDB has no PUBLIC.
            if statement == statements[0]:
                raise
            continue
        lines += [str(line) for (line,) in cursor.fetchall()]
    return Rights([grant for line in lines for grant in parse(line)], _has_patterns(cursor, is_mariadb=is_mariadb))


def _has_patterns(cursor: Cursor, *, is_mariadb: bool) -> bool:
    """Return whether names of databases in grants are patterns; not so where rights can be revoked in part."""
    if is_mariadb:
        return True
    cursor.execute("SELECT @@GLOBAL.partial_revokes")
    return cursor.fetchone() != (1,)


def parse(line: str) -> list[Grant]:
    """Return the rights that a line of SHOW GRANTS tells; none if it is about something else than tables."""
    match = _GRANT.match(line)
    if match is None:
        return []
    verb, rights, database, table = match.groups()
    where = _unquoted(database), _unquoted(table)
    return [
        Grant(verb == "GRANT", right, *where, frozenset(map(_unquoted, columns.split(", ") if columns else [])))
        for right, columns in _RIGHT.findall(rights)
    ]


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return the regular expression of a name in which ``%`` and ``_`` stand for others unless a backslash says so."""
    wildcards = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|.", name, re.DOTALL)
    return re.compile("".join(wildcards.get(part) or re.escape(part[-1]) for part in parts))
