"""What hangs on a table that is to be replaced: by what the catalogs say, and how many tables the server opens."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest
from osiris_provider.drivers.mysql.dependents import (
    SWAP_RIGHTS,
    cascades,
    copy_table,
    obstacle,
    reaches_hidden,
)
from osiris_provider.drivers.mysql.rights import Grant, Rights
from osiris_provider.drivers.mysql.tables import is_in_text

from tests.unit.drivers.mysql import Answer, Server, refused

YES, NO = [(1,)], [(0,)]
NOTHING: dict[str, Answer] = {"SELECT EXISTS": NO}
ALL = Rights([Grant(True, "ALL PRIVILEGES", "shop", "*")])
ALL_OF_SHOP = "ALL PRIVILEGES ON `shop`.*"
# What says that there is no such table, or not for this user.
NO_SUCH = (1109, 1142, 1143, 1146)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("information_schema.tables", "it is a view, or keeps its history"),
        ("information_schema.triggers", "it has triggers"),
        ("information_schema.referential_constraints", "it has foreign keys, or others refer to it"),
        ("information_schema.column_statistics ", "it has histograms"),
        ("mysql.column_stats ", "it has histograms"),
    ],
)
def test_what_a_new_table_would_lose_is_an_obstacle(source: str, reason: str) -> None:
    server = Server({**NOTHING, source: YES})
    assert obstacle(server.cursor, "Other.orders", "shop", ALL) == reason
    assert set(server.asked[-1][1]) == {"shop", "orders"}


@pytest.mark.parametrize("code", NO_SUCH)
def test_histograms_that_no_one_may_see_are_none(code: int) -> None:
    server = Server({**NOTHING, "column_statistics": refused(code), "column_stats": refused(code)})
    assert obstacle(server.cursor, "orders", "shop", ALL) == ""
    with pytest.raises(pymysql.OperationalError, match="1317"):
        obstacle(Server({**NOTHING, "column_stats": refused(1317)}).cursor, "orders", "shop", ALL)


def test_a_right_that_is_needed_to_put_a_new_table_there() -> None:
    assert obstacle(Server(NOTHING).cursor, "orders", "shop", ALL) == ""
    needed = {"SELECT", "INSERT", "CREATE", "ALTER", "DROP", "TRIGGER"}
    assert set(SWAP_RIGHTS) == needed
    for right in needed:
        others = Rights([Grant(True, other, "shop", "*") for other in needed - {right}])
        assert obstacle(Server({}).cursor, "orders", "shop", others) == f"the user lacks {right} on database shop"


RULES = [
    ("shop", "lines", "of_order", "CASCADE"),
    ("shop", "notes", "of_order", "SET NULL"),
    ("shop", "bills", "of_order", "RESTRICT"),
    ("shop", "mails", "of_order", "NO ACTION"),
    ("shop", "empty", "of_order", "CASCADE"),
    ("shop", "seen", "of_order", "CASCADE"),
]
COLUMNS = [
    *((schema, table, name, "order`id") for schema, table, name, _ in RULES[:-1]),
    ("shop", "lines", "of_order", "part"),
    ("other", "hidden", "of_order", "order_id"),
]


def test_rows_of_other_tables_that_a_delete_would_take_along() -> None:
    server = Server(
        {
            "information_schema.views": [],
            "referential_constraints": RULES,
            "key_column_usage": COLUMNS,
            "LOCK IN SHARE MODE": YES,
            "FROM `shop`.`empty`": [],
            "FROM `other`.`hidden`": refused(1142),
        }
    )
    assert cascades(server.cursor, "x.or`ders", "shop") == [
        "other.hidden (by a rule that the user may not see)",
        "shop.lines (ON DELETE CASCADE)",
        "shop.notes (ON DELETE SET NULL)",
        "shop.seen (ON DELETE CASCADE)",
    ]
    looked = [statement for statement in server.statements if "LOCK IN SHARE MODE" in statement]
    assert [statement.partition(" WHERE ")[2].partition(" LIMIT")[0] for statement in looked] == [
        "`order_id` IS NOT NULL",
        "`order``id` IS NOT NULL",
        "`order``id` IS NOT NULL AND `part` IS NOT NULL",
        "`order``id` IS NOT NULL",
        # Columns that the user may not see: there may be rows.
        "TRUE",
    ]
    for statement, values in server.asked:
        if "LOCATE" in statement:
            assert values[0].split() == ["`shop`.`or``ders`"]


class Opening(Server):
    """A server that counts the tables that it opens, some of its own among them at first.

    :param opens: how many a statement opens, by its first word.
    """

    def __init__(self, answers: dict[str, Answer], **opens: int | Exception) -> None:
        super().__init__({**answers, "information_schema.views": [], "SHOW SESSION STATUS": self._count})
        self._opens, self._hits, self._own = opens, 100, [3, 1]

    def _count(self, _: Any) -> list[tuple[str, str]]:
        return [("Table_open_cache_hits", str(self._hits)), ("Table_open_cache_misses", "7")]

    def execute(self, statement: str, values: Any = None) -> None:
        super().execute(statement, values)
        opened = self._opens.get(statement.partition(" ")[0], 0) if "LIMIT 0" in statement else 0
        if isinstance(opened, Exception):
            raise opened
        self._hits += opened + (self._own.pop() if opened and self._own else 0)


TABLE: dict[str, Answer] = {"SELECT EXISTS": NO, "information_schema.tables": YES}


@pytest.mark.parametrize(
    ("answers", "opens", "hidden"),
    [
        (TABLE, {"DELETE": 1}, False),
        (TABLE, {"DELETE": 2}, True),
        (TABLE, {"DELETE": refused(1142)}, False),
        # A view, which to read opens what it is made of.
        (NOTHING, {"SELECT": 2, "DELETE": 2}, False),
        (NOTHING, {"SELECT": 2, "DELETE": 3}, True),
        (NOTHING, {"SELECT": refused(1142), "DELETE": 3}, False),
        (NOTHING, {"SELECT": 2, "DELETE": refused(1142)}, False),
        (NOTHING, {"SELECT": 0, "DELETE": refused(1142)}, False),
        # A key or a trigger that is seen may be why.
        ({**TABLE, "key_column_usage": YES}, {"DELETE": 2}, False),
        ({**TABLE, is_in_text("event_object_schema", "event_object_table"): YES}, {"DELETE": 2}, False),
    ],
)
def test_tables_that_no_one_may_see_are_opened_all_the_same(
    answers: dict[str, Answer], opens: dict[str, Any], hidden: bool
) -> None:
    assert reaches_hidden(Opening(answers, **opens).cursor, "orders", "shop") is hidden


def test_a_delete_that_fails_for_another_reason_is_an_error() -> None:
    with pytest.raises(pymysql.OperationalError, match="1317"):
        reaches_hidden(Opening(TABLE, DELETE=refused(1317)).cursor, "orders", "shop")


def defined(table: str, *, counter: str = "") -> list[tuple[str, str]]:
    return [(table, f"CREATE TABLE `{table}` (\n  `id` int\n) ENGINE=InnoDB{counter} DEFAULT CHARSET=utf8mb4")]


@pytest.mark.parametrize("counter", ["", " AUTO_INCREMENT=5000"])
def test_a_copy_has_all_that_the_table_has_and_its_next_number(counter: str) -> None:
    server = Server({"TABLE `shop`.`t`": defined("t", counter=counter), "TABLE `new`": defined("new")})
    assert copy_table(server.cursor, "shop.t", "`new`") == ""
    altered = [f"ALTER TABLE `new`{counter.replace('=', ' = ')}"] if counter else []
    assert server.statements == [
        "CREATE TABLE `new` LIKE `shop`.`t`",
        "SHOW CREATE TABLE `shop`.`t`",
        "SHOW CREATE TABLE `new`",
        *altered,
    ]


def test_a_copy_that_lacks_something_is_not_left() -> None:
    other = [("new", "CREATE TABLE `new` (\n  `id` bigint\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")]
    server = Server({"TABLE `t`": defined("t", counter=" AUTO_INCREMENT=2"), "TABLE `new`": other})
    assert copy_table(server.cursor, "t", "`new`") != ""
    assert server.statements[-1] == "DROP TABLE `new`"
    keyless = Server({"LIKE": refused(3750)})
    assert "primary key" in copy_table(keyless.cursor, "t", "`new`")
    assert len(keyless.asked) == 1
    with pytest.raises(pymysql.OperationalError, match="1142"):
        copy_table(Server({"LIKE": refused(1142)}).cursor, "t", "`new`")
