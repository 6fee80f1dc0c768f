"""What users of incremental loading met elsewhere: rows lost, doubled or out of order without a word."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.incremental.cursor import CursorValue, Incremental
from osiris_provider.drivers.incremental.ordering import kind_of
from osiris_provider.drivers.incremental.tracker import Tracker
from osiris_provider.drivers.mysql.protocol import arrow_types
from osiris_provider.drivers.mysql.protocol.columns import Column
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.integration.http.api_extracts import extracted, paged_api
from tests.servers import Address
from tests.servers.apis.fake_api import FakeApi

Connection = dict[str, Any]
NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
HOUR = dt.timedelta(hours=1)
VAR_STRING = 253


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.fixture
def postgres(postgres_database: Address) -> Iterator[Connection]:
    yield {"family": "postgres", "alias": "test", **asdict(postgres_database)}
    close_all()


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with paged_api() as server:
        yield server


def execute(connection: Connection, *statements: str) -> None:
    names = ("host", "port", "user", "password")
    where = {name: connection[name] for name in names}
    with closing(psycopg2.connect(**where, dbname=connection["database"])) as client, client.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        client.commit()


def read(connection: Connection, state: MemoryState, **config: Any) -> list[int]:
    """Do a run that succeeds; return the numbers of its rows."""
    config = {"incremental": {"column": "c"}, "table": "t", **config}
    step = {"resolved_connection": connection, **config}
    driver = get_driver(f"{connection['family']}.extractor")
    result = driver.run(step_id="s", config=step, inputs={}, ctx=RecordingContext(state=state))
    return sorted(result["data"].read_all()["n"].to_pylist())


def follow(values: Sequence[Any], state: MemoryState, dtype: Any = None, size: int = 2, **settings: Any) -> list[Any]:
    """Do a run on a source that does not do what it is asked; return the values of its rows."""
    tracker = Tracker("s", Incremental(column="c", **settings), state, "t", str)
    tracker.cursor_range()
    schema = pa.schema([("c", dtype or pa.string())])
    batches = [
        pa.RecordBatch.from_pydict({"c": list(values[start : start + size])}, schema=schema)
        for start in range(0, len(values), size)
    ]
    got: list[Any] = tracker.watch(pa.RecordBatchReader.from_batches(schema, batches)).read_all()["c"].to_pylist()
    return got


# Numbers in columns of texts.


def test_numeric_without_precision_is_compared_as_a_number(postgres: Connection, state: MemoryState) -> None:
    execute(postgres, "CREATE TABLE t (n INT, c NUMERIC)", "INSERT INTO t SELECT i, i FROM generate_series(1, 12) i")
    got = read(postgres, state)
    assert state.low == CursorValue("string", "12")
    execute(postgres, "INSERT INTO t VALUES (13, 12.5), (14, 100), (15, 1000000000000000000000.000000000000000001)")
    got += read(postgres, state) + read(postgres, state)
    assert got == list(range(1, 16)), "each row once"


def test_numbers_that_are_equal_are_one_value_of_the_cursor(postgres: Connection, state: MemoryState) -> None:
    execute(postgres, "CREATE TABLE t (n INT, c NUMERIC)", "INSERT INTO t VALUES (1, 2.0), (2, 2.00), (3, 'NaN')")
    assert read(postgres, state) == [1, 2, 3]
    execute(postgres, "DELETE FROM t WHERE n = 3", "INSERT INTO t VALUES (4, 2)")
    assert read(postgres, state) == [4]
    assert read(postgres, state) == []


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9)))
def test_texts_of_numbers_are_read_once(values: list[Decimal]) -> None:
    state, sent, got = MemoryState(), list[str](), list[str]()
    for value in sorted(values):
        sent.append(str(value))
        got += follow(sent, state, compare_as="number")
    assert got == sent


def test_lookback_of_a_numeric_without_precision_is_in_units(postgres: Connection, state: MemoryState) -> None:
    execute(postgres, "CREATE TABLE t (n INT, c NUMERIC)", "INSERT INTO t SELECT i, i FROM generate_series(8, 12) i")
    followed = {"incremental": {"column": "c", "lookback": 2.5}}
    assert read(postgres, state, **followed) == [8, 9, 10, 11, 12]
    assert read(postgres, state, **followed) == [10, 11, 12]


@pytest.mark.parametrize(
    ("text", "earlier"),
    [
        ("2024-01-01T01:00:02.123456789+0200", "2023-12-31T23:00:01.123456+00:00"),
        ("2023-12-31 23:00:03+00", "2023-12-31T23:00:02+00:00"),
        ("2023-12-31T23:00:03Z", "2023-12-31T23:00:02+00:00"),
        ("12", "11"),
        ("-0.000000000000000000000000000000001", "-1.000000000000000000000000000000001"),
    ],
)
def test_lookback_of_texts_that_are_times_or_numbers(text: str, earlier: str) -> None:
    actual = CursorValue("string", text).before(1).text
    if ":" in earlier:
        assert dt.datetime.fromisoformat(actual) == dt.datetime.fromisoformat(earlier)
    else:
        assert actual == earlier


def test_lookback_of_a_decimal_of_many_digits_is_exact() -> None:
    cursor_value = CursorValue("decimal128(38, 10)", "1234567890123456789012345678.9999999999")
    assert cursor_value.before(0.5).text == "1234567890123456789012345678.4999999999"


def test_what_is_no_number_is_refused(state: MemoryState) -> None:
    with pytest.raises(DataError, match=r"Step s: column 'c' holds 'n/a', which is not a number"):
        follow(["1", "n/a"], state, compare_as="number")
    assert state.advanced == 0


@pytest.mark.parametrize("digits", ["9" * 38, "0." + "9" * 38, "9" * 38 + "." + "9" * 38])
def test_numbers_of_38_digits_on_either_side_of_the_point_have_an_order(digits: str, state: MemoryState) -> None:
    assert follow(["1", digits], state, compare_as="number") == ["1", digits]
    assert state.low is not None
    assert state.low.text == max("1", digits, key=Decimal)


@pytest.mark.parametrize("digits", ["9" * 39, "0." + "9" * 39])
def test_numbers_of_more_digits_are_refused_and_not_rounded(digits: str, state: MemoryState) -> None:
    with pytest.raises(DataError, match=r"not a number of at most 38 digits before and after the point"):
        follow(["1", digits], state, compare_as="number")
    assert state.advanced == 0


# What has no order.


@pytest.mark.parametrize("kind", ["JSON", "JSONB", "INET", "MONEY", "INT[]", "INTERVAL", "INT4RANGE", "mood", "BIT(3)"])
def test_types_of_postgresql_whose_texts_have_another_order_are_refused(
    postgres: Connection, state: MemoryState, kind: str
) -> None:
    execute(postgres, "CREATE TYPE mood AS ENUM ('sad', 'happy')", f"CREATE TABLE t (n INT, c {kind})")
    with pytest.raises(DataError, match=r"column 'c' is of a type whose texts stand in another order"):
        read(postgres, state)
    assert state.advanced == 0


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (Column("c", arrow_types.JSON, pa.string()), "none"),
        (Column("c", VAR_STRING, pa.string()), ""),
        (Column("c", arrow_types.NEWDECIMAL, pa.decimal128(9, 2), as_text=True), "number"),
        (Column("c", arrow_types.DATETIME, pa.timestamp("us"), as_text=True), "time"),
    ],
)
def test_texts_of_mysql_say_in_which_order_they_stand(column: Column, kind: str) -> None:
    assert kind_of(column.field) == kind


def test_dates_of_mysql_that_are_none_are_before_all(state: MemoryState) -> None:
    sent = ["0000-00-00 00:00:00", "2024-00-00 00:00:00", "2024-01-02 00:00:00"]
    assert follow(sent, state, compare_as="time") == sent
    assert state.low == CursorValue("string", "2024-01-02 00:00:00")


def test_json_is_refused_where_it_looks_like_text(tmp_path: Path, state: MemoryState) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(path) as client:
        client.execute("CREATE TABLE t (n INT, c JSON)")
        client.execute("""INSERT INTO t VALUES (1, '{"a": 1}')""")
    with pytest.raises(DataError, match="column 'c' holds JSON, which has no order"):
        read({"family": "duckdb", "alias": "x", "path": str(path)}, state)
    close_all()


# Rows that are equal.


def test_equal_rows_are_counted(postgres: Connection, state: MemoryState) -> None:
    execute(postgres, "CREATE TABLE t (n INT, c INT)", "INSERT INTO t VALUES (1, 5), (1, 5)")
    assert read(postgres, state) == [1, 1]
    execute(postgres, "INSERT INTO t VALUES (1, 5), (1, 5), (1, 5)")
    assert read(postgres, state) == [1, 1, 1]
    assert read(postgres, state) == []
    execute(postgres, "DELETE FROM t", "INSERT INTO t VALUES (1, 5)")
    assert read(postgres, state) == []


def test_rows_that_were_read_are_known_when_the_table_has_another_column(
    postgres: Connection, state: MemoryState
) -> None:
    execute(postgres, "CREATE TABLE t (n INT, c DATE)", "INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-01')")
    assert read(postgres, state) == [1, 2]
    execute(postgres, "ALTER TABLE t ADD x INT DEFAULT 7", "INSERT INTO t VALUES (3, '2024-01-01', 7)")
    assert read(postgres, state) == [3]
    assert read(postgres, state, columns=["x", "c", "n"]) == []


# Texts that are times.

MIXED = [
    "2024-01-01T00:30:00+02:00",  # 22:30 of the day before
    "2023-12-31T23:00:00Z",
    "2023-12-31T23:00:00.5Z",
    "2023-12-31T18:00:01-05:00",  # 23:00:01
    "2024-01-01T01:00:02.123456789+0200",  # 23:00:02.123456
    "2023-12-31 23:00:03+00",
]


@pytest.mark.parametrize("settings", [{}, {"compare_as": "time"}])
def test_texts_with_mixed_offsets_and_fractions_are_compared_as_times(
    settings: dict[str, Any], state: MemoryState
) -> None:
    sent: list[str] = []
    got: list[str] = []
    for text in MIXED:
        sent.append(text)
        got += follow(sent, state, **settings)
        assert state.low == CursorValue("string", text)
    assert got == MIXED


def test_a_text_among_times_is_refused_and_not_the_end(state: MemoryState) -> None:
    with pytest.raises(DataError, match=r"column 'c' holds times and 'n/a', which is none.*incremental.compare_as"):
        follow([*MIXED, "n/a"], state)
    with pytest.raises(DataError, match=r"'2024-01-01T00:00:00', which is none, or has no offset where others have"):
        follow([*MIXED, "2024-01-01T00:00:00"], state)
    assert follow(["2024-01-01", "n/a"], state, compare_as="text") == ["2024-01-01", "n/a"]


def test_times_of_postgresql_as_text_are_times(postgres: Connection, state: MemoryState) -> None:
    execute(postgres, "CREATE TABLE t (n INT, c TIMESTAMPTZ)", "INSERT INTO t VALUES (1, '2024-01-01 00:00:00.9+00')")
    as_text = {"text_columns": ["c"]}
    assert read(postgres, state, **as_text) == [1]
    execute(postgres, "INSERT INTO t VALUES (2, '2024-01-01 00:00:01+00'), (3, 'infinity'), (4, '0044-03-15 BC')")
    assert read(postgres, state, **as_text) == [2, 3]
    execute(postgres, "DELETE FROM t WHERE n = 3")
    assert read(postgres, state, **as_text) == []


# Rows ahead of their time.


@pytest.mark.parametrize("kind", ["TIMESTAMPTZ", "TIMESTAMP", "DATE"])
def test_one_row_of_2999_does_not_end_the_stream(
    postgres: Connection, state: MemoryState, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(
        postgres,
        f"CREATE TABLE t (n INT, c {kind})",
        "INSERT INTO t VALUES (1, now() - interval '3 days'), (2, '2999-01-01')",
    )
    with caplog.at_level(logging.WARNING):
        assert read(postgres, state) == [1, 2]
    assert "1 rows have a c after the run's start or above all others, such as 2999-01-01" in caplog.text
    first = state.low
    execute(postgres, "INSERT INTO t VALUES (3, now() - interval '2 days')")
    assert read(postgres, state) == [3], "what is new, and nothing twice"
    execute(postgres, "INSERT INTO t VALUES (4, now() - interval '1 day'), (5, '2999-01-01')")
    assert read(postgres, state) == [4, 5]
    assert read(postgres, state) == []
    # The first run is done again: what it has read, and nothing that has come since.
    assert read(postgres, MemoryState(None, first)) == [1, 2]


def test_what_is_ahead_of_its_time_comes_once_when_its_time_has_come(state: MemoryState) -> None:
    soon = (NOW + HOUR).isoformat()
    past = (NOW - HOUR).isoformat()
    assert follow([past, soon], state) == [past, soon]
    assert state.low is not None
    # As if a day had gone by since.
    state.low = CursorValue(
        state.low.type,
        state.low.text,
        state.low.seen,
        ahead=(NOW - dt.timedelta(seconds=1)).isoformat(),
    )
    assert follow([past, soon, "2999-01-01T00:00:00Z"], state) == ["2999-01-01T00:00:00Z"]


def test_a_time_without_zone_may_be_one_of_kiribati(state: MemoryState) -> None:
    local = (NOW + 13 * HOUR).replace(tzinfo=None)
    assert follow([local], state, pa.timestamp("us")) == [local]
    assert state.low == CursorValue("timestamp[us]", f"{local:%Y-%m-%d %H:%M:%S}.000000")


# Sources that do not do what they are asked.


def test_an_api_that_ignores_the_parameter_doubles_nothing(
    api: FakeApi, state: MemoryState, caplog: pytest.LogCaptureFixture
) -> None:
    config: dict[str, Any] = {"incremental": {"column": "updated_at", "param": "since"}, "records": "data.items"}
    api.rows = [{"id": number, "updated_at": f"2026-01-0{number}T00:00:00Z"} for number in range(1, 4)]
    ctx = RecordingContext(state=state)

    def ids() -> list[int]:
        actual: list[int] = extracted(api, "items/page", ctx, **config).read_all()["id"].to_pylist()
        return actual

    assert ids() == [1, 2, 3]
    assert "not asked for" not in caplog.text
    api.rows.append({"id": 4, "updated_at": "2026-01-04T00:00:00Z"})
    with caplog.at_level(logging.WARNING):
        assert ids() == [4]
    assert "sent 2 rows with a updated_at before 2026-01-03T00:00:00Z, which was not asked for" in caplog.text
    assert "incremental.param" in caplog.text


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (pa.int64(), [1, 2, 3]),
        (pa.float64(), [0.5, 1.5, 2.5]),
        (pa.decimal128(9, 2), [Decimal("1.00"), Decimal("2.00"), Decimal("3.00")]),
        (pa.date32(), [dt.date(2024, 1, day) for day in (1, 2, 3)]),
        (pa.timestamp("us", "UTC"), [NOW - hours * HOUR for hours in (3, 2, 1)]),
        (pa.string(), ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "2024-01-01T03:00:00+02:00"]),
    ],
)
@pytest.mark.parametrize("inclusive", [True, False])
def test_old_rows_are_left_out_where_the_type_permits(
    dtype: Any, values: list[Any], inclusive: bool, state: MemoryState
) -> None:
    assert follow(values[:2], state, dtype, inclusive=inclusive) == values[:2]
    assert follow(values, state, dtype, inclusive=inclusive) == values[2:]
    assert follow(values, MemoryState(), dtype, initial_value=values[1]) == values[1:]


def test_old_rows_that_are_left_out_are_counted_and_only_these(
    state: MemoryState, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert follow([1, 2, 3], state, pa.int64()) == [1, 2, 3]
        assert follow([4, 5], state, pa.int64()) == [4, 5]
        assert caplog.messages == []
        assert follow([4, 5, 6, 3, 7], state, pa.int64(), inclusive=False) == [6, 7]
    [said] = caplog.messages
    assert "the source sent 3 rows with a c before 5, which was not asked for; they are left out" in said


def test_a_date_to_begin_at_is_one_of_anywhere(state: MemoryState) -> None:
    """The source decides in which zone it takes it; what no zone would give is left out."""
    sent = ["2023-12-31T09:59:59Z", "2023-12-31T10:00:00Z", "2024-01-01T00:00:00Z"]
    assert follow(sent, state, initial_value="2024-01-01") == sent[1:]
    assert follow(sent, MemoryState(), initial_value=dt.date(2024, 1, 1)) == sent[1:]


def test_texts_are_left_to_the_order_of_the_source(state: MemoryState) -> None:
    """A database may say that 'C' comes after 'b'."""
    assert follow(["a", "b"], state) == ["a", "b"]
    assert follow(["b", "C"], state) == ["C"]
