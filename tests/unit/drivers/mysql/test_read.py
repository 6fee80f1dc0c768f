"""How a result of MySQL is read: in which session, in how large batches, and what of it is refused."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.mysql.config import MySQLQueryConfig
from osiris_provider.drivers.mysql.protocol.columns import Column
from osiris_provider.drivers.mysql.protocol.warnings import NOT_KEPT, say_warnings, warnings_of
from osiris_provider.drivers.mysql.read import (
    _Partition,
    _refuse_float,
    _refuse_more_results,
    begin_reading,
    read_session,
)
from osiris_provider.errors import DataError, DriverConfigError
from typing_extensions import Self

from tests.unit.drivers.mysql import Server

BEFORE = ("SYSTEM", 60, 100, 1024, 64)
WHILE = ("+00:00", 86_400, 2**64 - 1, 2**30, 65_535)


class Session(Server):
    """A connection and its cursor."""

    collation = "latin2_general_ci"

    def __init__(self, charset: str = "utf8mb4") -> None:
        super().__init__({"SELECT": [BEFORE], "SHOW WARNINGS": []})
        self.charset, self.charsets = charset, list[tuple[str, ...]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def set_character_set(self, *charset: str) -> None:
        self.charsets.append(charset)

    @property
    def client(self) -> Any:
        names = ("charset", "collation", "set_character_set")
        return SimpleNamespace(cursor=lambda: self, **{name: getattr(self, name) for name in names})


@pytest.mark.parametrize("charset", ["utf8mb4", "latin2"])
def test_a_session_reads_all_that_there_is_and_is_given_back(charset: str) -> None:
    session = Session(charset)
    is_other = charset != "utf8mb4"
    with read_session(session.client):
        assert [values for statement, values in session.asked if statement.startswith("SET")] == [WHILE]
        assert session.charsets == [("utf8mb4",)] * is_other
    assert session.asked[-1] == (session.statements[-2], BEFORE)
    assert session.charsets[1:] == [("latin2", "latin2_general_ci")] * is_other
    names = ["time_zone", "net_write_timeout", "sql_select_limit", "group_concat_max_len"]
    *anywhere, on_mariadb = (f"SESSION {name} = %s" for name in [*names, "max_error_count"])
    assert session.statements[-1] == f"SET {', '.join(anywhere)} /*M!, {on_mariadb} */"
    assert session.statements[0] == f"SELECT {', '.join(f'@@SESSION.{name}' for name in [*names, 'max_error_count'])}"


def test_a_connection_of_its_own_is_not_given_back() -> None:
    session = Session("latin2")
    begin_reading(session.client)
    assert (session.charsets, [values for _, values in session.asked]) == ([("utf8mb4",)], [WHILE])


@pytest.mark.parametrize(
    ("rows", "partitions", "batch"), [(65_536, 1, 65_536), (65_536, 4, 16_384), (65_536, 999, 256), (100, 4, 100)]
)
def test_partitions_share_the_rows_of_a_batch(rows: int, partitions: int, batch: int) -> None:
    config = MySQLQueryConfig(table="t", batch_rows=rows)
    assert _Partition(config, "read", 1, partitions).batch_rows == batch


def test_how_a_result_travels_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for number in (1, 2, 3):
        _Partition(MySQLQueryConfig(table="t"), "read", number, 3).log_engine("a cursor", "why")
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.DEBUG, logging.DEBUG]
    assert caplog.records[0].args == ("read", "a cursor", "why")


def test_floats_that_the_server_would_show_with_six_digits_are_refused() -> None:
    exact = [Column("d", 5, pa.float64()), Column("n", 3, pa.int32())]
    _refuse_float("read", exact)
    with pytest.raises(DataError, match="Step read: FLOAT column f ") as raised:
        _refuse_float("read", [*exact, Column("f", 4, pa.float32())])
    assert raised.value.step == "read"


@pytest.mark.parametrize("results", [[()], [(), ("a",)], [("a",)], []])
def test_a_second_result_of_a_procedure_is_refused(results: list[tuple[str, ...]]) -> None:
    cursor: Any = SimpleNamespace(description=None)
    left = iter(results)

    def nextset() -> bool:
        cursor.description = next(left, None)
        return cursor.description is not None

    cursor.nextset = nextset
    if ("a",) in results:
        with pytest.raises(DriverConfigError, match="Step read: the statement returns more than one result") as raised:
            _refuse_more_results("read", cursor)
        assert raised.value.step == "read"
    else:
        _refuse_more_results("read", cursor)


def test_warnings_are_asked_for_where_there_are_some() -> None:
    session = Session()
    session.answers["SHOW WARNINGS"] = [("Warning", 1292, "s3cr3t"), ("Note", 1051, "x"), ("Error", 1366, "y")]
    assert warnings_of(session.client, 0) == []
    assert session.asked == []
    assert warnings_of(session.client, 3) == [(1292, "s3cr3t"), (1366, "y")]
    assert warnings_of(session.client, 5) == [(1292, "s3cr3t"), (1366, "y"), NOT_KEPT, NOT_KEPT]


def test_warnings_are_said_by_their_codes_and_values_that_were_cut_are_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    say_warnings([], "read")
    assert caplog.records == []
    say_warnings([(1292, "s3cr3t"), (1366, "y"), (1292, "z")], "read")
    assert [record.args for record in caplog.records] == [("read", "1292: 2, 1366: 1")]
    caplog.clear()
    say_warnings([NOT_KEPT, NOT_KEPT], "read")
    say_warnings([(1292, "x"), NOT_KEPT], "read")
    assert [record.args for record in caplog.records] == [("read", "2"), ("read", "1292: 1"), ("read", "1")]
    for code in (1260, 1301):
        with pytest.raises(DataError, match=rf"Step read: the server .*\(its warning {code}\)") as raised:
            say_warnings([(1292, "x"), (code, "s3cr3t"), NOT_KEPT], "read")
        assert raised.value.step == "read"
        assert "s3cr3t" not in str(raised.value)
