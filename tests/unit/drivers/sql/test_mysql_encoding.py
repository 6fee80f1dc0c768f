"""How mysql.writer writes each type, as a line of LOAD DATA and as a literal, and what is sent at a time."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.mysql.bulk.encode import lines_of, rows_of
from osiris_provider.drivers.mysql.bulk.insert import STATEMENT_BYTES, Inserter
from osiris_provider.drivers.mysql.bulk.load import load_statement
from osiris_provider.drivers.mysql.bulk.values import column_type, finite, key_type
from osiris_provider.errors import DataError

UTC = dt.timezone.utc
GREATEST = 3.4028234663852886e38
VALUES: list[tuple[pa.Array, str, str, str, str]] = [
    (pa.array([-(2**63)]), "BIGINT", "BIGINT", "-9223372036854775808", "'-9223372036854775808'"),
    (pa.array([7], pa.int8()), "TINYINT", "TINYINT", "7", "'7'"),
    (pa.array([7], pa.int16()), "SMALLINT", "SMALLINT", "7", "'7'"),
    (pa.array([7], pa.int32()), "INT", "INT", "7", "'7'"),
    (pa.array([7], pa.uint8()), "TINYINT UNSIGNED", "TINYINT UNSIGNED", "7", "'7'"),
    (pa.array([7], pa.uint16()), "SMALLINT UNSIGNED", "SMALLINT UNSIGNED", "7", "'7'"),
    (pa.array([7], pa.uint32()), "INT UNSIGNED", "INT UNSIGNED", "7", "'7'"),
    (
        pa.array([2**64 - 1], pa.uint64()),
        "BIGINT UNSIGNED",
        "BIGINT UNSIGNED",
        *[f"{q}{2**64 - 1}{q}" for q in ("", "'")],
    ),
    (pa.array([True]), "BOOLEAN", "BOOLEAN", "1", "'1'"),
    (pa.array([0.1], pa.float32()), "FLOAT", "FLOAT", "0.1", "'0.1'"),
    # The shortest text, 3.4028235e+38, is more than the servers take.
    (pa.array([GREATEST], pa.float32()), "FLOAT", "FLOAT", "3.4028234663852886e+38", "'3.4028234663852886e+38'"),
    (pa.array([-GREATEST], pa.float32()), "FLOAT", "FLOAT", "-3.4028234663852886e+38", "'-3.4028234663852886e+38'"),
    (pa.array([-5e-324]), "DOUBLE", "DOUBLE", "-5e-324", "'-5e-324'"),
    (pa.array([Decimal("-1.50")], pa.decimal128(5, 2)), "DECIMAL(5, 2)", "DECIMAL(5, 2)", "-1.50", "'-1.50'"),
    (pa.array([Decimal(1)], pa.decimal256(76, 0)), "DECIMAL(65, 0)", "DECIMAL(65, 0)", "1", "'1'"),
    (pa.array([b"\x00\xff'"]), "LONGBLOB", "VARBINARY(255)", "00FF27", "_binary X'00FF27'"),
    (pa.array([b"\x9a"], pa.large_binary()), "LONGBLOB", "VARBINARY(255)", "9A", "_binary X'9A'"),
    (pa.array([b"ab"], pa.binary(2)), "LONGBLOB", "VARBINARY(255)", "6162", "_binary X'6162'"),
    (pa.array(["a\tb\\n\r\n'é\0"]), "LONGTEXT", "VARCHAR(255)", "a\\tb\\\\n\\r\\n'é\0", "'a\tb\\\\n\r\n''é\0'"),
    (pa.array([""], pa.large_string()), "LONGTEXT", "VARCHAR(255)", "", "''"),
    (pa.array([dt.date(2024, 2, 29)]), "DATE", "DATE", "2024-02-29", "'2024-02-29'"),
    (pa.array([dt.date(2024, 2, 29)], pa.date64()), "DATE", "DATE", "2024-02-29", "'2024-02-29'"),
    (
        pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
        *["DATETIME(6)"] * 2,
        *[f"{q}2023-11-14 22:13:20.123456{q}" for q in ("", "'")],
    ),
    (
        pa.array([dt.datetime(2024, 7, 1, tzinfo=UTC)], pa.timestamp("s", "Europe/Prague")),
        *["DATETIME(6)"] * 2,
        *[f"{q}2024-07-01 00:00:00.000000{q}" for q in ("", "'")],
    ),
    (pa.array([1], pa.time32("s")), "TIME(6)", "TIME(6)", "00:00:01.000000", "'00:00:01.000000'"),
    (pa.array([86_399_999_999_999], pa.time64("ns")), "TIME(6)", "TIME(6)", "23:59:59.999999", "'23:59:59.999999'"),
    (
        pa.array([-3_020_399_000_001], pa.duration("us")),
        "TIME(6)",
        "TIME(6)",
        *[f"{q}-838:59:59.000001{q}" for q in ("", "'")],
    ),
    (pa.array([3_661], pa.duration("s")), "TIME(6)", "TIME(6)", "01:01:01.000000", "'01:01:01.000000'"),
    (pa.array([["é\t", None]]), "JSON", "JSON", '["é\\\\t", null]', "'[\"é\\\\t\", null]'"),
    (pa.nulls(1), "LONGTEXT", "VARCHAR(255)", "\\N", "NULL"),
]


@pytest.mark.parametrize(("column", "declared", "key", "line", "literal"), VALUES, ids=lambda value: str(value)[:20])
def test_each_type_has_a_column_a_line_and_a_literal(
    column: pa.Array, declared: str, key: str, line: str, literal: str
) -> None:
    # In the middle of others, so that offsets count.
    batch = pa.record_batch({"v": pa.concat_arrays([column, pa.nulls(1, column.type), column]), "n": [1, 2, 3]}).slice(
        1
    )
    assert (column_type(column.type), key_type(column.type)) == (declared, key)
    assert bytes(lines_of(batch)).decode() == f"\\N\t2\n{line}\t3"
    rows = rows_of(batch)
    assert bytes(rows.data).decode() == f"NULL,'2'),({literal},'3'"
    assert [bytes(rows.slice(row, row + 1)).decode() for row in range(2)] == ["NULL,'2'", f"{literal},'3'"]


def test_a_text_for_bits_is_a_number_and_no_bytes() -> None:
    rows = rows_of(pa.record_batch({"b": [257, None], "n": [1, 2]}), {"b"})
    assert bytes(rows.data) == b"CAST('257' AS UNSIGNED),'1'),(NULL,'2'"


@given(st.lists(st.text("a'é\\", max_size=40), min_size=1, max_size=12), st.integers(1, 120))
def test_statements_hold_as_many_rows_as_fit_and_none_twice(texts: list[str], size: int) -> None:
    rows = rows_of(pa.record_batch({"t": texts}))
    spans = list(rows.spans(size))
    assert [row for first, end in spans for row in range(first, end)] == list(range(len(rows)))
    for first, end in spans:
        assert end == first + 1 or len(rows.slice(first, end)) <= size
        assert end == len(rows) or len(rows.slice(first, end + 1)) > size


class Client:
    """Takes statements unless they have a row that it refuses; notes what it takes.

    :param packet: its ``max_allowed_packet``.
    """

    def __init__(self, packet: int, refused: bytes = b"-") -> None:
        self.packet, self.refused = packet, refused
        self.taken: list[bytes] = []

    def cursor(self) -> Any:
        return nullcontext(self)

    def execute(self, statement: str) -> None:
        assert statement == "SELECT @@SESSION.max_allowed_packet"

    def fetchone(self) -> tuple[int]:
        return (self.packet,)

    def query(self, statement: bytes) -> None:
        if self.refused in statement:
            raise pymysql.DataError(1264, "Out of range")
        self.taken.append(statement)


def inserter(client: Any) -> Inserter:
    return Inserter(client, "`t`", ["a`b", "é"])


@pytest.mark.parametrize("bad", range(9))
def test_the_row_that_is_refused_is_found_and_those_before_it_are_taken(bad: int) -> None:
    client = Client(1 << 20)
    rows = rows_of(pa.record_batch({"a": [-1 if row == bad else row for row in range(9)], "b": range(9)}))
    actual = inserter(client).culprit(rows, 0, 9)
    assert actual is not None
    assert (actual[0], actual[1].args[0]) == (bad, 1264)
    begin = "INSERT INTO `t` (`a``b`, `é`) VALUES (".encode()
    assert all(statement.startswith(begin) and statement.endswith(b")") for statement in client.taken)
    taken = b"),(".join(statement[len(begin) : -1] for statement in client.taken)
    assert taken == b"),(".join(b"'%d','%d'" % (row, row) for row in range(bad))
    assert inserter(client).culprit(rows, bad + 1, 9) is None


def test_a_row_may_fill_a_packet_and_no_more() -> None:
    client = Client(STATEMENT_BYTES)
    limit = inserter(client).limit
    room = limit - len("'',''")
    for size, oversized in ((room, None), (room + 1, 1)):
        rows = rows_of(pa.record_batch({"a": ["x", "y" * size, "z"], "b": [""] * 3}))
        assert inserter(client).oversized(rows) == oversized
    inserter(client).send(rows_of(pa.record_batch({"a": ["y" * room], "b": [""]})), 0, 1)
    assert len(client.taken[0]) <= client.packet - 1, "a packet has a byte for the command"
    # No statement is larger than the least of what servers take and what is fast.
    many = rows_of(pa.record_batch({"a": ["x" * 1000] * 400, "b": [""] * 400}))
    assert max(len(many.slice(first, end)) for first, end in inserter(Client(50_000)).spans(many)) <= 50_000
    assert len(inserter(Client(1 << 30)).spans(many)) == len(inserter(Client(1 << 20)).spans(many)) > 1


def test_the_statement_of_load_data_means_the_same_in_each_mode() -> None:
    statement = load_statement("`t`", [("a`b", ""), ("b", "UNHEX({0})"), ("c", "CAST({0} AS UNSIGNED)")])
    assert "\\" not in statement
    assert statement.endswith(
        "INTO TABLE `t` CHARACTER SET utf8mb4 FIELDS TERMINATED BY X'09' ENCLOSED BY '' ESCAPED BY X'5C' "
        "LINES TERMINATED BY X'0A' (`a``b`, @osiris1, @osiris2) "
        "SET `b` = UNHEX(@osiris1), `c` = CAST(@osiris2 AS UNSIGNED)"
    )
    assert load_statement("`t`", [("a", "")]).endswith("(`a`)")


@pytest.mark.parametrize("dtype", [pa.float32(), pa.float64(), pa.float16()])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_a_number_that_mysql_has_not_is_named_wherever_it_is(dtype: pa.DataType, number: float, row: int) -> None:
    numbers = [1.0, 2.0, 3.0, 4.0]
    numbers[row] = number
    table = pa.table({"n": range(4), "f": pa.array(numbers).cast(dtype)})
    with pytest.raises(DataError) as raised:
        list(finite(iter(table.to_batches(2)), "t"))
    assert (raised.value.table, raised.value.column, raised.value.row) == ("t", "f", row + 1)


def test_numbers_that_mysql_has_are_handed_on() -> None:
    batches = pa.table({"n": [1, 2], "f": [None, -1.5]}).to_batches(1)
    assert list(finite(iter(batches), "t")) == batches
