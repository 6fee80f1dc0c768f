"""Where a table or a query of MySQL can be read in parts, and that all parts see one state of it."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from osiris_provider.drivers.mysql.config import MySQLQueryConfig
from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.partitions import begin_together, points_of
from osiris_provider.drivers.mysql.protocol import arrow_types as types
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.errors import DriverConfigError
from typing_extensions import Self

from tests.unit.drivers.mysql import Answer, Server, refused

DIALECT = Dialect(quote, zone="")
TABLE = MySQLQueryConfig(table="shop.orders", partition_on="id")


class Client(Server):
    """A connection, its cursor and its server in one; of what it does there is one order for several.

    :param log: of all.
    :param name: of this one.
    """

    def __init__(self, answers: dict[str, Answer] | None = None, log: list[str] | None = None, name: str = "") -> None:
        super().__init__(answers or {})
        self.log, self.name, self.open = [] if log is None else log, name, True

    def lend(self) -> Any:
        return SimpleNamespace(cursor=lambda: self, commit=lambda: self.execute("COMMIT"), open=self.open)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, values: Any = None) -> None:
        self.log.append(f"{self.name}{statement.partition(' WHERE ')[0]}")
        super().execute(statement, values)


def begin(answers: dict[str, Answer], config: MySQLQueryConfig = TABLE) -> tuple[str, list[str]]:
    """Begin on two connections; return why that cannot be, and what was done until then."""
    log: list[str] = []
    clients = [Client(log=log, name=f"{number}: ").lend() for number in (1, 2)]
    # Both at a time.
    return begin_together(Client(answers, log).lend(), clients, config, DIALECT), [*sorted(log[:2]), *log[2:]]


ENGINE = "SELECT engine FROM information_schema.tables"
ISOLATED = [f"{number}: SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ" for number in (1, 2)]
SNAPSHOTS = {f"{number}: START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY" for number in (1, 2)}
WAITS, WAITS_AS_BEFORE = "SET SESSION lock_wait_timeout = %s", "SET SESSION lock_wait_timeout = DEFAULT"


@pytest.mark.parametrize("engine", ["InnoDB", "ROCKSDB", "ndbcluster", None])
def test_snapshots_are_taken_while_no_one_can_write_to_the_table(engine: str | None) -> None:
    problem, log = begin({ENGINE: [(engine,)]})
    assert (problem, log[:6]) == ("", [*ISOLATED, ENGINE, WAITS, "LOCK TABLES `shop`.`orders` READ", WAITS_AS_BEFORE])
    assert (set(log[6:8]), log[8:]) == (SNAPSHOTS, ["UNLOCK TABLES", "COMMIT"])


def test_for_a_query_all_is_locked() -> None:
    problem, log = begin({}, MySQLQueryConfig(query="SELECT 1", partition_on="id"))
    assert (problem, log[2:5]) == ("", [WAITS, "FLUSH TABLES WITH READ LOCK", WAITS_AS_BEFORE])
    assert (set(log[5:7]), log[7:]) == (SNAPSHOTS, ["UNLOCK TABLES", "COMMIT"])


@pytest.mark.parametrize("word", ["LIMIT", "fetch", "Rand", "UUID"])
def test_a_query_whose_rows_may_be_others_each_time_is_read_at_once(word: str) -> None:
    for query, is_refused in ((f"SELECT {word}(1)", True), (f"SELECT x{word}", False)):
        problem, log = begin({}, MySQLQueryConfig(query=query, partition_on="id"))
        assert (word.upper() in problem, bool(problem), len(log) == 2) == (is_refused,) * 3


def test_a_table_without_snapshots_is_read_at_once() -> None:
    problem, log = begin({ENGINE: [("MyISAM",)]})
    assert ("MyISAM" in problem, log) == (True, [*ISOLATED, ENGINE])


def test_what_cannot_be_locked_is_read_at_once() -> None:
    problem, log = begin({ENGINE: [("InnoDB",)], "LOCK TABLES": refused(1142)})
    assert (problem != "", log[-1]) == (True, WAITS_AS_BEFORE)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_was_locked_is_given_back_if_a_snapshot_fails(is_open: bool) -> None:
    log: list[str] = []
    broken = Client({"START TRANSACTION": refused(1317)}, log).lend()
    client = Client({ENGINE: [("InnoDB",)]}, log).lend()
    client.open = is_open
    with pytest.raises(pymysql.OperationalError, match="1317"):
        begin_together(client, [broken], TABLE, DIALECT)
    assert (log[-2:] == ["UNLOCK TABLES", "COMMIT"]) is is_open


NUMBERS = [types.TINY, types.SHORT, types.INT24, types.LONG, types.LONGLONG]
DAYS = [types.DATE, types.NEWDATE, types.DATETIME, types.TIMESTAMP]
FIRST = dt.date(2024, 1, 1)


def points(code: int, bounds: tuple[Any, Any], **config: Any) -> tuple[list[Any], list[str]]:
    given = {"table": "s.t", **config}
    server = Client({"MIN(": [bounds]})
    server.description = [("id%", code)]
    wanted = MySQLQueryConfig(**given, partition_on="id%", partitions=2)
    return list(points_of(server.lend(), wanted, "id%", DIALECT)), server.statements


@pytest.mark.parametrize("code", NUMBERS)
def test_a_range_of_numbers_is_split(code: int) -> None:
    split, asked = points(code, (0, 10))
    assert (split, asked) == ([5], ["SELECT `id%` FROM `s`.`t` LIMIT 0", "SELECT MIN(`id%`), MAX(`id%`) FROM `s`.`t`"])


@pytest.mark.parametrize("code", DAYS)
def test_days_that_no_calendar_has_are_no_ends_of_a_range(code: int) -> None:
    split, asked = points(code, (FIRST, FIRST + dt.timedelta(2)))
    assert (split, asked[-1].partition(" WHERE ")[2]) == ([FIRST + dt.timedelta(1)], "`id%` >= '0001-01-01'")


def test_nor_is_the_year_zero() -> None:
    split, asked = points(types.YEAR, (1990, 2000))
    assert (split, asked[-1].partition(" WHERE ")[2]) == ([1995], "`id%` >= 1901")


@pytest.mark.parametrize("bounds", [(None, None), ("0000-00-00", FIRST), (FIRST, "0000-00-00")])
def test_without_ends_there_is_nothing_to_split(bounds: tuple[Any, Any]) -> None:
    assert points(types.DATE, bounds)[0] == []


@pytest.mark.parametrize("code", [types.DOUBLE, types.NEWDECIMAL, types.TIME, types.BIT, 253])
def test_a_column_of_another_type_is_a_mistake(code: int) -> None:
    with pytest.raises(DriverConfigError, match="column id% has to be of integers, dates or timestamps") as raised:
        points(code, (0, 10))
    assert raised.value.field == "partition_on"


def test_a_query_has_its_parameters_and_a_name_its_percent_sign() -> None:
    _, asked = points(types.LONG, (0, 10), table=None, query="SELECT %s AS `id%%` -- all", params=["x"])
    name = "`id%%`"
    query = "(\nSELECT %s AS `id%%` -- all\n) AS q"
    assert asked == [f"SELECT {name} FROM {query} LIMIT 0", f"SELECT MIN({name}), MAX({name}) FROM {query}"]
