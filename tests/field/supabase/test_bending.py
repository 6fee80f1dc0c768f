"""Through the Data API too a value is refused that the database would round, cut or take for something else.

As far as the API's description goes: it names the types of columns, and the members of an enumeration.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, retry
from osiris_provider.drivers.postgres.tables import columns_of
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints
from osiris_provider.drivers.supabase.columns import _limits
from osiris_provider.errors import ConnectorError, DataError

from tests.integration.postgres.sessions import connect
from tests.integration.supabase.test_write import KEY, write
from tests.servers import Address
from tests.servers.apis.fake_supabase import FakeSupabase
from tests.servers.apis.http import Reply

NOON = dt.datetime.fromisoformat("2024-02-29T12:00:00")
CASES: list[tuple[dict[str, Any], Any, Any]] = [
    ({"format": "public.mood", "enum": ["sad", "ok"]}, "ok", "2"),
    ({"format": "public.mood", "enum": ["sad", "ok"]}, "ok", 2),
    ({"format": "numeric(5,2)"}, Decimal("1.230"), Decimal("1.239")),
    ({"format": "integer"}, 2, Decimal("2.5")),
    ({"format": "smallint"}, 2, 2**15),
    ({"format": "date"}, NOON.date(), NOON),
    ({"format": "date"}, "2024-02-29", "now"),
    ({"format": "date"}, "2024-02-29", "01/02/2024"),
    ({"format": "timestamp without time zone"}, "2024-02-29 12:00:00", "today"),
    ({"format": "timestamp without time zone"}, NOON, pa.scalar(1, pa.timestamp("ns"))),
    ({"format": "timestamp(0) without time zone"}, NOON, NOON.replace(microsecond=1)),
    ({"format": "timestamp with time zone"}, "2024-02-29 12:00:00+05:30", "epoch"),
    ({"format": "time without time zone"}, dt.time(12), "allballs"),
    ({"format": "double precision"}, 2**53, 2**53 + 1),
    ({"format": "real"}, 0.5, 0.1),
    ({"format": "money"}, Decimal("1.230"), Decimal("1.239")),
    ({"format": "bytea"}, "\\x6162", "a\\142c"),
    ({"format": "character varying", "maxLength": 3}, "abc", "abcd"),
    ({"format": "character varying(3)"}, "abc", "abcd"),
    ({"format": "character(3)"}, "abc", "abcd"),
    ({"format": '"char"'}, "a", "ab"),
    ({"format": "name"}, "a", "a" * 64),
    ({"format": "bigint"}, Decimal(2**63 - 1), Decimal(2**63)),
    ({"format": "oid"}, "1", "-1"),
    ({"format": "numeric(5)"}, Decimal("1.0"), Decimal("1.5")),
    ({"format": "time with time zone"}, "12:00:00+01", "allballs"),
    ({"format": "interval"}, "1.5 years", "1.1 years"),
    ({"format": "jsonb"}, '{"a": 1}', '{"a": 1, "a": 2}'),
    ({"format": "text"}, dt.time(12), pa.scalar(1, pa.time64("ns"))),
    ({"format": "text"}, [dt.timedelta(1)], pa.scalar([1001], pa.list_(pa.duration("ns")))),
    ({"format": "text"}, NOON, pa.scalar(2**53, pa.timestamp("s"))),
]
AS_SENT: list[tuple[Any, Any]] = [
    (pa.array([[("a", b"\x00"), ("b", None)]], pa.map_(pa.string(), pa.binary())), [["a", "\\x00"], ["b", None]]),
    (pa.array([{"m": [(1, 0.5)]}], pa.struct([("m", pa.map_(pa.int8(), pa.float64()))])), {"m": [[1, 0.5]]}),
    (pa.array([NOON], pa.timestamp("us", "Asia/Tokyo")), "2024-02-29 12:00:00+00:00"),
    (pa.array([1], pa.timestamp("ns", "-08:00")), "1970-01-01 00:00:00.000000001+00:00"),
]


@pytest.fixture
def supabase() -> Iterator[FakeSupabase]:
    with FakeSupabase(KEY, "anon", {"people": [], "new": []}) as server:
        yield server
        close_all()


@pytest.mark.parametrize("mode", ["append", "upsert"])
@pytest.mark.parametrize(("about", "good", "bad"), CASES, ids=lambda value: str(getattr(value, "type", value))[:40])
def test_what_the_database_would_bend_is_refused(
    supabase: FakeSupabase, about: dict[str, Any], good: Any, bad: Any, mode: str
) -> None:
    supabase.columns["people"] = {"id": {"format": "bigint"}, "v": about}
    config = {"write_mode": mode, "primary_key": "id"}
    write(supabase, pa.table({"id": [1, 2], "v": [good, None]}), **config)
    assert len(supabase.posts) == 1
    values = [good if type(good) is type(bad) else None, bad]
    with pytest.raises(DataError, match=r"Nothing was written") as raised:
        write(supabase, pa.table({"id": [3, 4], "v": values}), **config)
    assert (raised.value.column, raised.value.row) == ("v", 2)
    assert len(supabase.posts) == 1


TYPES = [
    *("smallint", "integer", "bigint", "oid", "xid", "xid8", "cid", "real", "double precision"),
    *(
        "numeric",
        "numeric(5)",
        "numeric(5,2)",
        "numeric(5,-2)",
        "numeric(3,5)",
        "boolean",
        "uuid",
        "regclass",
        "bit(3)",
    ),
    *("varchar", "varchar(3)", "char", "char(3)", '"char"', "name", "text", "bytea", "json", "jsonb", "int[]", "point"),
    *("date", "time", "time(0)", "timetz", "timetz(3)", "interval", "interval(3)"),
    *("timestamp", "timestamp(3)", "timestamptz", "timestamptz(0)"),
]

UNKNOWN: list[dict[str, Any]] = [{}, {"format": None}, {"format": "public.Mood"}, {"format": "int[]"}, {"enum": []}]


def test_a_type_has_the_limits_that_the_database_itself_tells_of_it(postgres_database: Address) -> None:
    listed = ", ".join(f"c{number} {dtype}" for number, dtype in enumerate(TYPES))
    with closing(connect(postgres_database)) as client, client.cursor() as cursor:
        cursor.execute(f"CREATE TABLE target ({listed})")
        expected = [replace(column.limits, inner=None) for column in columns_of(cursor, "target")]
        cursor.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'target'::regclass AND attnum > 0 ORDER BY attnum"
        )
        shown = [{"format": kind} for (kind,) in cursor.fetchall()]
    for dtype, about, limits in zip(TYPES, shown, expected, strict=True):
        assert _limits(about, nullable=True) == limits, (dtype, about)
        assert _limits(about, nullable=False) == replace(limits, nullable=False), (dtype, about)
    for about in UNKNOWN:
        assert _limits(about, nullable=False) == ColumnConstraints(nullable=False)


@pytest.mark.parametrize(("values", "sent"), AS_SENT, ids=lambda value: str(getattr(value, "type", "")))
def test_pairs_of_maps_and_moments_are_sent_as_other_writers_send_them(
    supabase: FakeSupabase, values: pa.Array, sent: Any
) -> None:
    write(supabase, pa.table({"v": values}), table="new")
    assert supabase.tables["new"] == [{"v": sent}]


NESTED = [pa.map_(pa.string(), pa.int8()), pa.struct([("a", pa.int8())]), pa.list_(pa.int8())]


@pytest.mark.parametrize("dtype", NESTED, ids=str)
def test_nested_keys_are_compared(supabase: FakeSupabase, dtype: pa.DataType) -> None:
    one, two = ([number] if pa.types.is_list(dtype) else {"a": number} for number in (1, 2))
    keys = pa.array([one, two, one], dtype)
    with pytest.raises(DataError, match="column v: rows 1 and 3 of the input have the same key"):
        write(supabase, pa.table({"v": keys}), table="new", write_mode="upsert", primary_key="v")
    write(supabase, pa.table({"v": keys.slice(0, 2)}), table="new", primary_key="v")
    assert len(supabase.tables["new"]) == 2


def test_lossy_round_leaves_it_to_the_database(supabase: FakeSupabase) -> None:
    supabase.columns["people"] = {"id": {"format": "bigint"}, "v": {"format": "numeric(5,2)"}}
    write(supabase, pa.table({"id": [1], "v": [Decimal("1.239")]}), lossy="round")
    assert supabase.tables["people"] == [{"id": 1, "v": "1.239"}]


def test_a_null_that_the_column_does_not_take_names_its_row(supabase: FakeSupabase) -> None:
    supabase.columns["people"] = {"id": {"format": "bigint"}}
    with pytest.raises(DataError, match="column id, row 2 of the input: it is null"):
        write(supabase, pa.table({"id": [1, None]}))


def test_a_server_that_fails_to_describe_the_table_is_asked_again(
    supabase: FakeSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)
    supabase.failure = Reply.of_json({"message": "as you wish"}, 500)
    with pytest.raises(ConnectorError):
        write(supabase, pa.table({"id": [1]}))
    assert [request.method for request in supabase.requests] == ["GET"] * retry.ATTEMPTS


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"definitions": {"people": null}}', b"[" * 100_000])
def test_an_api_that_does_not_describe_the_table_is_said(
    supabase: FakeSupabase, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    describe = supabase.answer
    supabase.answer = lambda request: (  # type: ignore[method-assign] # its root says something else
        Reply(200, body) if request.method == "GET" else describe(request)
    )
    with caplog.at_level(logging.WARNING):
        write(supabase, pa.table({"id": [1], "v": ["now"]}))
    assert supabase.tables["people"] == [{"id": 1, "v": "now"}]
    assert "does not describe table people" in caplog.text
