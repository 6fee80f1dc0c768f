"""What the catalogs of MySQL and MariaDB say of a table, and what the writer makes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from osiris_provider.drivers.mysql.dependents import definition_of
from osiris_provider.drivers.mysql.session import load_session
from osiris_provider.drivers.mysql.tables import (
    UniqueKey,
    columns_beyond_the_star,
    columns_of,
    qualified,
    sources_of,
    unique_keys,
)
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Documents, Moments
from pymysql.cursors import Cursor
from typing_extensions import Self

from tests.unit.drivers.sql.test_mysql_sessions import Server

NOTHING = (None,) * 5


def integers(low: int, high: int) -> ColumnConstraints:
    return ColumnConstraints(low=low, high=high, number=True, scale=0)


def moment(kind: Any, fraction: int = 6) -> ColumnConstraints:
    return ColumnConstraints(moments=Moments(kind, fraction))


TYPES: list[tuple[tuple[Any, ...], ColumnConstraints]] = [
    # The type's name, all of it, characters, bytes, digits, digits behind the point, digits of a second.
    (("tinyint", "tinyint(4)", None, None, 3, 0, None), integers(-128, 127)),
    (("tinyint", "tinyint(3) unsigned", None, None, 3, 0, None), integers(0, 255)),
    (("smallint", "smallint", None, None, 5, 0, None), integers(-(2**15), 2**15 - 1)),
    (("mediumint", "mediumint unsigned", None, None, 7, 0, None), integers(0, 2**24 - 1)),
    (("int", "int(8) unsigned zerofill", None, None, 10, 0, None), integers(0, 2**32 - 1)),
    (("bigint", "bigint", None, None, 19, 0, None), integers(-(2**63), 2**63 - 1)),
    (("bit", "bit(9)", None, None, 9, None, None), integers(0, 511)),
    (("bit", "bit(1)", None, None, None, None, None), integers(0, 1)),
    (("decimal", "decimal(10,3)", None, None, 10, 3, None), ColumnConstraints(digits=7, number=True, scale=3)),
    (("decimal", "decimal(5,0)", None, None, 5, 0, None), ColumnConstraints(digits=5, number=True, scale=0)),
    (("float", "float", None, None, 12, None, None), ColumnConstraints(number=True, mantissa=24)),
    (("float", "float(7,3)", None, None, 7, 3, None), ColumnConstraints(number=True, mantissa=24, scale=3)),
    (("double", "double", None, None, 22, None, None), ColumnConstraints(number=True, mantissa=53)),
    (
        ("year", "year(4)", *NOTHING),
        ColumnConstraints(low=1901, high=2155, number=True, moments=Moments("year")),
    ),
    (("date", "date", *NOTHING), moment("date")),
    (("time", "time", *NOTHING[:4], 0), moment("time", 0)),
    (("time", "time(3)", *NOTHING[:4], 3), moment("time", 3)),
    (("datetime", "datetime", *NOTHING), moment("timestamp", 0)),
    (("datetime", "datetime(6)", *NOTHING[:4], 6), moment("timestamp", 6)),
    (("timestamp", "timestamp(1)", *NOTHING[:4], 1), moment("timestamp", 1)),
    (
        ("enum", "enum('a','it''s','','1,2')", 4, 16, *NOTHING[:3]),
        ColumnConstraints(members=frozenset({"a", "it's", "", "1,2"})),
    ),
    (
        ("set", r"set('a\\b','c\nd','\r','e\0f')", 9, 36, *NOTHING[:3]),
        ColumnConstraints(members=frozenset({"a\\b", "c\nd", "\r", "e\0f"}), several=True),
    ),
    (("json", "json", *NOTHING), ColumnConstraints(documents=Documents(doubles=True))),
    (("char", "char(5)", 5, 20, *NOTHING[:3]), ColumnConstraints(chars=5, trims=True)),
    (("varchar", "varchar(5)", 5, 20, *NOTHING[:3]), ColumnConstraints(chars=5)),
    (("binary", "binary(4)", 4, 4, *NOTHING[:3]), ColumnConstraints(octets=4, padded=4)),
    (("varbinary", "varbinary(4)", 4, 4, *NOTHING[:3]), ColumnConstraints(octets=4)),
    *(
        ((kind, kind, octets, octets, *NOTHING[:3]), ColumnConstraints(octets=octets))
        for size, octets in (("tiny", 255), ("", 65_535), ("medium", 2**24 - 1), ("long", 2**32 - 1))
        for kind in (f"{size}text", f"{size}blob")
    ),
    (("point", "point", *NOTHING), ColumnConstraints()),
    (("vector", "vector(3)", *NOTHING), ColumnConstraints()),
    (("inet6", "inet6", *NOTHING), ColumnConstraints()),
]


@pytest.mark.parametrize(("said", "limits"), TYPES, ids=lambda value: value[1] if isinstance(value, tuple) else "")
def test_what_a_column_of_each_type_takes(said: tuple[Any, ...], limits: ColumnConstraints) -> None:
    server = Server(SELECT=[("v", 1, 1, "", *said)])
    assert columns_of(cast("Cursor", server), "shop.t") == [Column("v", False, False, limits, said[0])]
    assert server.asked[0][1] == ("shop", "t")


@pytest.mark.parametrize(
    ("nullable", "bare", "extra", "required", "generated", "takes_null"),
    [
        (1, 1, "", False, False, True),
        (0, 1, "", True, False, False),
        # It has a default.
        (0, 0, "", False, False, False),
        (0, 0, "DEFAULT_GENERATED", False, False, False),
        (0, 0, "DEFAULT_GENERATED on update CURRENT_TIMESTAMP", False, False, False),
        (0, 1, "auto_increment", False, False, True),
        (0, 1, "AUTO_INCREMENT INVISIBLE", False, False, True),
        (1, 1, "VIRTUAL GENERATED", False, True, True),
        (0, 1, "STORED GENERATED INVISIBLE", False, True, False),
    ],
)
def test_what_a_column_needs(
    nullable: int, bare: int, extra: str, required: bool, generated: bool, takes_null: bool
) -> None:
    server = Server(SELECT=[("v", nullable, bare, extra, "bigint", "bigint", *NOTHING)])
    (column,) = columns_of(cast("Cursor", server), "t")
    assert (column.required, column.generated, column.limits.nullable) == (required, generated, takes_null)
    assert server.asked[0][1] == ("", "t")


KEY = ("my_row_id", "auto_increment INVISIBLE")


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ([("a", ""), ("b", "auto_increment")], []),
        ([("a", ""), ("b", "INVISIBLE")], ["a", "b"]),
        ([("a", ""), ("b", "STORED GENERATED INVISIBLE")], ["a", "b"]),
        # The key that the server has made is no one's value.
        ([KEY, ("a", "")], []),
        ([KEY, ("a", "INVISIBLE")], ["a"]),
        ([("my_row_id", "INVISIBLE"), ("a", "")], ["my_row_id", "a"]),
        ([], []),
    ],
)
def test_columns_that_a_star_leaves_out(columns: list[tuple[str, str]], named: list[str]) -> None:
    class Lent(Server):
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    client: Any = SimpleNamespace(cursor=lambda: Lent(SELECT=columns))
    assert columns_beyond_the_star(client, "t") == named


INDEX = ("Key_name", "Column_name", "Sub_part")


@pytest.mark.parametrize(
    ("word", "values"), [("Visible", {True: "YES", False: "NO"}), ("Ignored", {True: "NO", False: "YES"}), ("", {})]
)
def test_keys_that_rows_do_not_share(word: str, values: dict[bool, str]) -> None:
    parts = [
        ("PRIMARY", "id", None, True),
        ("ab", "a", None, True),
        ("ab", "b", None, True),
        ("hidden", "h", None, False),
        ("half", "a", None, True),
        # Of a part of a column, and of an expression.
        ("half", "s", 10, True),
        ("expression", None, None, True),
    ]
    server = Server(SHOW_INDEX=[(*part, values.get(visible)) for *part, visible in parts])
    server.description = [(name,) for name in (*INDEX, word)]
    assert unique_keys(cast("Cursor", server), "sh`op.t") == [
        UniqueKey("PRIMARY", ["id"]),
        UniqueKey("ab", ["a", "b"]),
        UniqueKey("hidden", ["h"], visible=not word),
    ]
    assert server.asked == [("SHOW INDEX FROM `sh``op`.`t` WHERE Non_unique = 0", None)]


def test_a_view_is_made_of_its_tables_and_those_of_the_views_within() -> None:
    views = [
        ("`shop`.`outer`", "select 1 from `shop`.`inner` join `other`.`base`"),
        ("`shop`.`inner`", "select 1 from `shop`.`t``able`, `shop`.`outer`"),
        ("`shop`.`stranger`", "select 1 from `shop`.`inner`"),
        ("`shop`.`hidden`", None),
    ]
    text = sources_of(cast("Cursor", Server(SELECT=views)), "`shop`.`outer`")
    for name in ("`shop`.`outer`", "`shop`.`inner`", "`other`.`base`", "`shop`.`t``able`"):
        assert name in text
    assert "stranger" not in text
    assert sources_of(cast("Cursor", Server(SELECT=views)), "`shop`.`t`").split() == ["`shop`.`t`"]


@pytest.mark.parametrize(("folds", "name"), [(0, ("Shop", "Orders")), (1, ("shop", "orders")), (2, ("shop", "orders"))])
def test_names_are_compared_as_the_server_does(folds: int, name: tuple[str, str]) -> None:
    assert qualified(cast("Cursor", Server(SELECT=[("Shop", folds)])), "Orders") == name
    assert qualified(cast("Cursor", Server(SELECT=[("x", folds)])), "Shop.Orders") == name


@pytest.mark.parametrize(
    ("options", "left", "counter"),
    [
        (
            ") ENGINE=InnoDB AUTO_INCREMENT=5000 DEFAULT CHARSET=utf8mb4",
            ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
            5000,
        ),
        (
            ") /*!50100 TABLESPACE `t` */ ENGINE=InnoDB AUTO_INCREMENT=2",
            ") /*!50100 TABLESPACE `t` */ ENGINE=InnoDB",
            2,
        ),
        (") ENGINE=MEMORY COMMENT=' AUTO_INCREMENT=9'", ") ENGINE=MEMORY COMMENT=' AUTO_INCREMENT=9'", None),
    ],
)
def test_the_next_number_is_no_part_of_a_definition(options: str, left: str, counter: int | None) -> None:
    columns = "(\n  `id` int COMMENT 'ENGINE=x AUTO_INCREMENT=7'\n"
    server = Server(SHOW_CREATE_TABLE=[("t", f"CREATE TABLE `t` {columns}{options}")])
    assert definition_of(cast("Cursor", server), "`t`") == (columns + left, counter)


MODES = ["NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "EMPTY_STRING_IS_NULL", "ANSI", "ORACLE", "DB2", "MAXDB", "MSSQL"]


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("mode", [*MODES, "POSTGRESQL", ""])
def test_a_load_has_a_session_in_which_all_means_the_same_and_gives_it_back(
    mode: str, is_open: bool, charset: str
) -> None:
    before = (f"PIPES_AS_CONCAT,{mode}", 1, 1, 0, 50, 60, "SYSTEM")
    server = Server(SELECT=[before], SET=[])
    charsets: list[str] = []
    client = SimpleNamespace(charset=charset, set_character_set=charsets.append, open=True)
    server.connection = client
    with load_session(cast("Cursor", server)):
        client.open = is_open
    sets = [values for statement, values in server.asked if statement.startswith("SET")]
    within = ("PIPES_AS_CONCAT,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO", 0, 0, 1, 600, 600, "+00:00")
    assert sets == [within, *([before] if is_open else [])]
    assert charsets == ([] if charset == "utf8mb4" else ["utf8mb4", *([charset] if is_open else [])])
