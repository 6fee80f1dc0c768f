"""What mysql.writer asks of a server for a load, in its order: which statements, and what is undone if one fails."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from osiris_provider.drivers.mysql.config import MySQLWriteConfig
from osiris_provider.drivers.mysql.write import load
from osiris_provider.errors import DataError, DriverConfigError, PermissionDeniedError

from tests.unit.drivers.mysql import Answer, Rows, Server, refused

TWO = pa.table({"id": [1, 2], "n": [3, 4]})
INTEGER = ("YES", 1, "", "int", "int", 1, 1, 10, 0, None)
KEYS = [("PRIMARY", "id", None, "YES"), ("hidden", "id", None, "NO"), ("pair", "id", None, "YES")]


class Writing(Server):
    """A server with table ``orders`` of columns ``id`` and ``n``, whose user may do all.

    :param kind: of column ``id``.
    :param keys: that the table has.
    :param loads: whether the ledger is there.
    :param recorded: rows that the ledger has of this load.
    """

    def __init__(
        self, answers: dict[str, Answer] | None = None, *, kind: str = "int", keys: Rows = KEYS[:1], loads: bool = True
    ) -> None:
        columns = [("id", 1, *INTEGER[1:3], kind, kind, *INTEGER[5:]), ("n", 1, *INTEGER[1:])]
        settings: dict[str, Answer] = {
            "@@SESSION": [("", 1, 1, 1, 50, 50, "SYSTEM")],
            "VERSION()": [("9.7.4", "NONE")],
            "lower_case_table_names": [("shop", 0)],
            "SHOW GRANTS": [("GRANT ALL PRIVILEGES ON `shop`.* TO `app`@`%`",)],
            "GET_LOCK": [(1,)],
            "SELECT EXISTS": [(0,)],
            "information_schema.engines": [("BASE TABLE", "InnoDB", "YES")],
            "information_schema.columns": columns,
            "LEFT(table_name": lambda values: [("_osiris_loads",)] * (loads and values[1] == "_osiris_loads"),
            "SHOW INDEX": list(keys),
            "max_allowed_packet": [(1 << 20,)],
            "GROUP BY": [],
        }
        super().__init__({**settings, **(answers or {})})
        self.description = [(name,) for name in ("Key_name", "Column_name", "Sub_part", "Visible")]
        self.connection: Any = Connection(self)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def words(self) -> list[str]:
        """The first words of what changes something."""
        changing = (
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "INSERT",
            "DELETE",
            "UPDATE",
            "CREATE",
            "DROP",
            "RENAME",
            "SAVEPOINT",
        )
        return [one for statement in self.statements if (one := statement.partition(" ")[0]) in changing]


class Connection:
    """PyMySQL's connection to it."""

    open, charset = True, "utf8mb4"

    def __init__(self, server: Writing) -> None:
        self._server = server
        self.begin, self.commit, self.rollback = (
            lambda word=word: server.execute(word) for word in ("BEGIN", "COMMIT", "ROLLBACK")
        )

    def cursor(self) -> Writing:
        return self._server

    def query(self, statement: bytes) -> None:
        self._server.execute(statement.decode())


def write(server: Writing, data: pa.Table = TWO, load_id: str | None = None, **config: Any) -> int:
    given = {"table": "orders", "engine": "insert", **config}
    step: Any = SimpleNamespace(id="load", config=MySQLWriteConfig(**given), load_id=load_id, cleared_at=0)
    connection: Any = server.connection
    return load(connection, step, data.schema, iter(data.to_batches()))


UPSERT = {"write_mode": "upsert", "primary_key": "id"}


@pytest.mark.parametrize("load_id", [None, "load"])
def test_rows_are_appended_in_one_transaction_with_their_place_in_the_ledger(load_id: str | None) -> None:
    server = Writing()
    assert write(server, load_id=load_id) == 2
    ledger = (["INSERT"], ["UPDATE"]) if load_id else ([], [])
    assert server.words[server.words.index("BEGIN") :] == [
        "BEGIN",
        *ledger[0],
        "INSERT",
        *ledger[1],
        "COMMIT",
        "ROLLBACK",
        "ROLLBACK",
    ]


def test_a_ledger_that_is_not_there_is_created_before() -> None:
    for loads in (True, False):
        server = Writing(loads=loads)
        write(server, load_id="load")
        assert any("CREATE TABLE IF NOT EXISTS `_osiris_loads`" in one for one in server.statements) is not loads


@pytest.mark.parametrize("claimed", [True, False])
def test_what_the_ledger_has_is_not_written_again(claimed: bool) -> None:
    """Also if the other try has ended only while this one has waited for its row."""
    asked = [[], [("done", 5)]] if claimed else [[("done", 5)]]
    server = Writing({"SELECT state": lambda _: asked.pop(0)})
    assert write(server, load_id="load") == 5
    assert "INSERT INTO `orders`" not in " ".join(server.statements)
    assert ("BEGIN" in server.words) is claimed


@pytest.mark.parametrize("is_open", [True, False])
def test_a_load_that_fails_is_undone_while_the_line_is_there(is_open: bool) -> None:
    server = Writing()

    def fails(_: Any) -> Rows:
        server.connection.open = is_open
        raise refused(2013)

    server.answers["INSERT INTO `_osiris_stage`"] = fails
    with pytest.raises(pymysql.MySQLError, match="2013"):
        write(server, **UPSERT)
    after = server.words[server.words.index("BEGIN") + 1 :]
    assert after == (["INSERT", "ROLLBACK", "DROP", "ROLLBACK"] if is_open else ["INSERT"])


def test_the_line_may_break_while_a_load_is_undone() -> None:
    server = Writing({"INSERT INTO `orders`": refused(2006), "ROLLBACK": refused(2013)})
    with pytest.raises(pymysql.MySQLError, match="2006"):
        write(server)


def merged(server: Writing) -> list[str]:
    """Return the statements that take the rows of the stage into the table, which is ``t`` in them."""
    return [statement for statement in server.statements if "_osiris_stage s" in statement]


@pytest.mark.parametrize(
    ("keys", "index"),
    [
        (KEYS[:1], " FORCE INDEX (`PRIMARY`)"),
        # One that the optimizer may not use is an error to force.
        (KEYS[1:2], ""),
        (KEYS[1:], " FORCE INDEX (`pair`)"),
    ],
)
def test_rows_of_a_stage_are_matched_by_the_index_of_the_key(keys: Rows, index: str) -> None:
    server = Writing(keys=keys)
    assert write(server, **UPSERT) == 2
    update, insert = merged(server)
    table = f"`orders` t{index}"
    assert update == (f"UPDATE _osiris_stage s STRAIGHT_JOIN {table} ON t.`id` = s.`id` SET t.`n` = s.`n` WHERE TRUE")
    assert insert == (
        "INSERT INTO `orders` (`id`, `n`) SELECT s.`id`, s.`n` FROM _osiris_stage s "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE t.`id` = s.`id`) AND TRUE"
    )


def test_a_key_alone_has_nothing_to_update() -> None:
    server = Writing()
    write(server, TWO.select(["id"]), **UPSERT)
    assert [statement.partition(" ")[0] for statement in merged(server)] == ["INSERT"]


def test_a_key_that_an_index_has_with_others_is_none() -> None:
    with pytest.raises(DataError, match="no primary or unique key of just id"):
        write(Writing(keys=[("pair", "id", None, "YES"), ("pair", "n", None, "YES")]), **UPSERT)


def test_a_key_that_the_input_has_more_than_once_is_named() -> None:
    server = Writing({"GROUP BY": [(1, 2)]})
    with pytest.raises(DataError) as raised:
        write(server, **UPSERT)
    assert (raised.value.column, raised.value.row, merged(server)) == ("id", 2, [])


TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")


@pytest.mark.parametrize("kind", ["int", "binary", *TEXTS])
@pytest.mark.parametrize("lossy", ["error", "round"])
def test_a_text_that_the_table_spells_in_another_way_is_named(kind: str, lossy: str) -> None:
    server = Writing(kind=kind, answers={"CAST(t.`id` AS BINARY) <> CAST(s.`id` AS BINARY)": [(2,)]})
    data = TWO if kind == "int" else pa.table({"id": [b"a", b"b"] if kind == "binary" else ["a", "b"], "n": [1, 2]})
    if kind in TEXTS and lossy == "error":
        with pytest.raises(DataError, match="another spelling") as raised:
            write(server, data, lossy=lossy, **UPSERT)
        assert (raised.value.column, raised.value.row) == ("id", 2)
    else:
        assert write(server, data, lossy=lossy, **UPSERT) == 2


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"no table orders, or the user has no right on it\. .*create_if_missing"):
        write(Writing({"information_schema.columns": []}))
    server = Writing({"information_schema.columns": [], "CREATE TABLE": refused(3750)})
    with pytest.raises(DriverConfigError, match="Set primary_key") as raised:
        write(server, create_if_missing=True)
    assert raised.value.field == "primary_key"
    other = Writing({"information_schema.columns": [], "CREATE TABLE": refused(1142)})
    with pytest.raises(pymysql.MySQLError, match="1142"):
        write(other, create_if_missing=True)


def test_a_new_table_keeps_six_digits_of_a_second() -> None:
    data = pa.table({"at": pa.array([1_499, 1_500], pa.timestamp("ns"))})
    server = Writing({"information_schema.columns": []})
    write(server, data, create_if_missing=True, lossy="round")
    (insert,) = [statement for statement in server.statements if statement.startswith("INSERT")]
    assert insert.endswith("VALUES ('1970-01-01 00:00:00.000001'),('1970-01-01 00:00:00.000002')")


@pytest.mark.parametrize(
    ("config", "is_locked"),
    [({}, False), (UPSERT, False), ({"create_if_missing": True}, True), ({"write_mode": "replace"}, True)],
)
def test_one_load_at_a_time_replaces_or_creates_a_table(config: dict[str, Any], is_locked: bool) -> None:
    server = Writing({"SHOW CREATE TABLE": [("t", "CREATE TABLE `t` (\n) ENGINE=InnoDB")]})
    assert write(server, **config) == 2
    locks = [statement for statement in server.statements if "_LOCK(" in statement]
    assert [lock.partition("(")[0] for lock in locks] == ["SELECT GET_LOCK", "SELECT RELEASE_LOCK"] * is_locked
    assert ("RENAME" in server.words) is (config.get("write_mode") == "replace")


def test_a_table_that_cannot_be_swapped_is_emptied_and_filled(caplog: pytest.LogCaptureFixture) -> None:
    server = Writing({"information_schema.triggers": [(1,)], "SHOW SESSION STATUS": [("Table_open_cache_hits", "1")]})
    server.answers["event_manipulation"] = [(1,)]
    caplog.set_level("INFO")
    assert write(server, write_mode="replace") == 2
    assert ("load", "orders", "it has triggers") in [record.args for record in caplog.records]
    assert server.words[server.words.index("BEGIN") :][:4] == ["BEGIN", "DELETE", "INSERT", "COMMIT"]
    assert "DELETE FROM `orders`" in server.statements


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pa.table({"id": [1], "ID": [2]}), "MySQL"),
        (pa.table({"id": pa.nulls(1, pa.month_day_nano_interval())}), "MySQL does not take values of type"),
    ],
)
def test_columns_that_no_table_of_mysql_can_have_are_refused_at_once(data: pa.Table, words: str) -> None:
    server = Writing()
    with pytest.raises(DataError, match=rf"Step load: .*{words}") as raised:
        write(server, data)
    assert (raised.value.step, server.asked) == ("load", [])


@pytest.mark.parametrize(
    ("engine", "config", "words"),
    [
        ("BLACKHOLE", {}, "BLACKHOLE"),
        ("BLACKHOLE", {"write_mode": "replace"}, "BLACKHOLE"),
        ("MyISAM", {}, r"write_mode is append\. .*write_mode: replace"),
        ("MyISAM", UPSERT, r"write_mode is upsert\. .*write_mode: replace"),
    ],
)
def test_a_table_that_undoes_nothing_is_not_written_to(engine: str, config: dict[str, Any], words: str) -> None:
    server = Writing({"information_schema.engines": [("BASE TABLE", engine, "NO")]})
    with pytest.raises(DataError, match=words):
        write(server, **config)
    assert "INSERT" not in server.words
    server.answers["information_schema.triggers"] = [(1,)]
    with pytest.raises(DataError, match="BLACKHOLE" if engine == "BLACKHOLE" else r"it has triggers\..*InnoDB\.$"):
        write(server, write_mode="replace")


def test_while_an_input_is_read_no_lock_of_the_catalog_is_held() -> None:
    server, last = Writing(), list[str]()
    config = MySQLWriteConfig(table="orders", engine="load_data", write_mode="upsert", primary_key=["id"])
    step: Any = SimpleNamespace(id="load", config=config, load_id="load", cleared_at=0)
    server.answers["local_infile"] = [(1,)]

    def batches() -> Any:
        before = server.words.index("BEGIN")
        last.append(server.words[before - 1])
        message = "there is no more"
        raise DataError(message)
        yield

    with pytest.raises(DataError, match="no more"):
        load(server.connection, step, TWO.schema, batches())
    assert last == ["CREATE"]
    assert server.words[server.words.index("CREATE") - 2 :][:2] == ["COMMIT", "DROP"]


def test_what_a_load_that_died_has_left_goes_before_the_next() -> None:
    shown: Rows = [("t", "CREATE TABLE `t` (\n) ENGINE=InnoDB")]
    left: Answer = lambda values: [(f"{values[1]}x_new",)]  # noqa: E731 - a function of the values
    for config, is_dropped in (({"write_mode": "replace"}, True), ({}, False)):
        server = Writing({"LEFT(table_name": left, "SHOW CREATE TABLE": shown})
        write(server, **config)
        dropped = [statement for statement in server.statements if statement.endswith("_x_new`")]
        assert [statement.partition("`")[0] for statement in dropped] == ["DROP TABLE IF EXISTS "] * is_dropped


@pytest.mark.parametrize("fails", [True, False])
def test_a_session_is_given_back(fails: bool) -> None:
    server = Writing({"INSERT INTO `orders`": refused(1205)} if fails else {})
    with pytest.raises(pymysql.MySQLError) if fails else nullcontext():
        write(server)
    sets = [values for statement, values in server.asked if statement.startswith("SET ")]
    assert [one[1:] for one in sets] == [(0, 0, 1, 600, 600, "+00:00"), (1, 1, 1, 50, 50, "SYSTEM")]


def test_what_does_not_fit_a_table_is_refused_before_a_row_is_written() -> None:
    server = Writing()
    with pytest.raises(DataError, match="orders: the table has no column other"):
        write(server, pa.table({"id": [1], "other": [2]}))
    poor = Writing({"SHOW GRANTS": [("GRANT SELECT ON `shop`.* TO `app`@`%`",)]})
    with pytest.raises(PermissionDeniedError, match=r"lacks INSERT on table shop\.orders"):
        write(poor)
    new = Writing({"information_schema.columns": [], "SHOW GRANTS": [("GRANT INSERT ON `shop`.* TO `app`@`%`",)]})
    with pytest.raises(PermissionDeniedError, match="lacks CREATE, ALTER, DROP on database shop"):
        write(new, create_if_missing=True)
    assert "INSERT" not in (*server.words, *poor.words, *new.words)


def test_the_key_of_a_new_table_is_named() -> None:
    said = pymysql.IntegrityError(1062, "Duplicate entry '1' for key '_osiris_new.PRIMARY'")
    server = Writing({"information_schema.columns": [], "INSERT INTO": said})
    with pytest.raises(DataError, match="duplicate key") as raised:
        write(server, create_if_missing=True, primary_key="id")
    assert (raised.value.column, raised.value.row) == ("id", 1)
