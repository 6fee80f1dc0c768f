"""Which rights a user of MySQL or MariaDB has, by the lines of SHOW GRANTS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from osiris_provider.drivers.mysql.rights import Rights, parse, rights_of
from pymysql.cursors import Cursor

from tests.unit.drivers.sql.test_mysql_sessions import Server

TO = "TO `app`@`%`"
NEED = ("SELECT", "INSERT")


def missing(
    lines: Sequence[str],
    wanted: Sequence[str] = NEED,
    database: str = "shop",
    table: str = "orders",
    columns: Sequence[str] = (),
    *,
    patterns: bool = True,
) -> list[str]:
    rights = Rights([grant for line in lines for grant in parse(line)], patterns)
    return rights.missing(wanted, database, table, columns)


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        ([], ["SELECT", "INSERT"]),
        ([f"GRANT USAGE ON *.* {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT ALL PRIVILEGES ON *.* {TO} WITH GRANT OPTION"], []),
        ([f"GRANT SELECT, INSERT, UPDATE ON *.* {TO}"], []),
        ([f"GRANT SELECT,INSERT ON `shop`.* {TO}"], []),
        ([f"GRANT ALL PRIVILEGES ON `shop`.`orders` {TO}"], []),
        ([f"GRANT SELECT ON `shop`.* {TO}", f"GRANT INSERT ON TABLE `shop`.`orders` {TO}"], []),
        ([f"GRANT SELECT ON `shop`.* {TO}"], ["INSERT"]),
        ([f"GRANT SELECT, INSERT ON `shop`.`other` {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT SELECT, INSERT ON `other`.`orders` {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT SELECT, INSERT ON `other`.* {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT SELECT ON *.* {TO} IDENTIFIED BY PASSWORD '*AB' REQUIRE SSL"], ["INSERT"]),
        # Of others than tables, and of the servers' own kinds.
        ([f"GRANT `reader`@`%` {TO}", f"GRANT PROXY ON ''@'' {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT EXECUTE ON PROCEDURE `shop`.`orders` {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT BACKUP_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* {TO}"], ["SELECT", "INSERT"]),
        # The right to show a view is not that to select.
        ([f"GRANT SHOW VIEW, INSERT ON `shop`.* {TO}"], ["SELECT"]),
        # A name is a pattern where it is that of all tables.
        ([f"GRANT SELECT, INSERT ON `s%`.* {TO}"], []),
        ([f"GRANT SELECT, INSERT ON `%`.* {TO}"], []),
        ([f"GRANT SELECT, INSERT ON `sh_p`.* {TO}"], []),
        ([f"GRANT SELECT, INSERT ON `sho_p`.* {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT SELECT, INSERT ON `s\\%`.* {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT SELECT, INSERT ON `s.op`.* {TO}"], ["SELECT", "INSERT"]),
        ([f"GRANT SELECT, INSERT ON `s%`.`orders` {TO}"], ["SELECT", "INSERT"]),
        # What is revoked from a wider right, unless the table has it by itself.
        ([f"GRANT SELECT, INSERT ON *.* {TO}", "REVOKE INSERT ON `shop`.* FROM `app`@`%`"], ["INSERT"]),
        ([f"GRANT SELECT, INSERT ON *.* {TO}", "REVOKE INSERT ON `other`.* FROM `app`@`%`"], []),
        (
            [
                f"GRANT SELECT, INSERT ON *.* {TO}",
                "REVOKE INSERT ON `shop`.* FROM `app`@`%`",
                f"GRANT INSERT ON `shop`.`orders` {TO}",
            ],
            [],
        ),
    ],
)
def test_rights_on_a_table(lines: list[str], lacking: list[str]) -> None:
    assert missing(lines) == lacking


def test_names_are_patterns_unless_rights_can_be_revoked_in_part() -> None:
    lines = [f"GRANT SELECT, INSERT ON `sh_p`.* {TO}"]
    assert missing(lines, patterns=False) == ["SELECT", "INSERT"]
    assert missing(lines, database="sh_p", patterns=False) == []
    escaped = [f"GRANT SELECT, INSERT ON `a\\_b\\\\c\nd`.* {TO}"]
    assert missing(escaped, database="a_b\\c\nd") == []
    assert missing(escaped, database="axb\\c\nd") == ["SELECT", "INSERT"]


def test_names_with_quotes() -> None:
    assert missing([f"GRANT SELECT, INSERT ON `a``b`.`c``.d` {TO}"], database="a`b", table="c`.d") == []


@pytest.mark.parametrize(
    ("columns", "lacking"),
    [(["a"], []), (["a", "b"], []), (["a", "c"], ["INSERT"]), ([], ["INSERT"]), (["A"], ["INSERT"])],
)
def test_a_right_on_columns_is_enough_for_these(columns: list[str], lacking: list[str]) -> None:
    lines = [f"GRANT SELECT (`c`), INSERT (`a`, `b`), UPDATE ON `shop`.`orders` {TO}"]
    assert missing(lines, ["INSERT", "UPDATE"], columns=columns) == lacking
    both = [f"GRANT INSERT (`a`) ON `shop`.`orders` {TO}", "GRANT INSERT (`b`) ON `shop`.`orders` TO `role`"]
    assert missing(both, ["INSERT"], columns=columns) == lacking


def test_a_right_on_any_table_of_the_database_is_none_on_one() -> None:
    assert missing([f"GRANT CREATE ON `shop`.`orders` {TO}"], ["CREATE"], table="") == ["CREATE"]
    assert missing([f"GRANT CREATE ON `shop`.* {TO}"], ["CREATE"], table="") == []


@pytest.mark.parametrize(
    ("version", "role", "asked"),
    [
        ("9.7.4", "NONE", ["SHOW GRANTS"]),
        ("9.7.4", None, ["SHOW GRANTS"]),
        ("9.7.4", "`r`@`%`,`s`@`%`", ["SHOW GRANTS FOR CURRENT_USER() USING `r`@`%`,`s`@`%`"]),
        ("11.8.2-MariaDB", "r", ["SHOW GRANTS", "SHOW GRANTS FOR PUBLIC"]),
    ],
)
def test_each_server_is_asked_for_the_rights_of_its_roles(version: str, role: str | None, asked: list[str]) -> None:
    for partial in (0, 1):
        server = Server(
            SELECT_VERSION=[(version, role)],
            SHOW_GRANTS=[(f"GRANT SELECT ON `sh_p`.* {TO}",)],
            SELECT=[(partial,)],
        )
        rights = rights_of(cast("Cursor", server))
        assert [statement for statement, _ in server.asked if "GRANTS" in statement] == asked
        assert rights.patterns == ("MariaDB" in version or not partial)
        assert (rights.missing(["SELECT"], "shop", "t") == []) == rights.patterns
