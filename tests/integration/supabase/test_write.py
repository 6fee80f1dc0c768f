"""supabase.writer against a gateway with PostgREST behind it."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector, retry
from osiris_provider.drivers import get_driver
from osiris_provider.errors import ConnectorError, DataError, DriverConfigError
from osiris_provider.testing.context import RecordingContext

from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection, step_named
from tests.integration.sql.writers import WriterTests
from tests.servers import Address
from tests.servers.apis.fake_supabase import FakeSupabase
from tests.servers.apis.http import Reply

KEY = "sb_secret_of_the_test"


@pytest.fixture
def supabase() -> Iterator[FakeSupabase]:
    with FakeSupabase(KEY, "anon", {"people": [{"id": 1, "name": "old"}], "new": []}) as server:
        yield server
        close_all()


def write(server: FakeSupabase, data: Any, **config: Any) -> Any:
    connection = {"family": "supabase", "alias": "test", "url": server.origin, "service_role_key": KEY}
    step = {"resolved_connection": connection, "table": "people", **config}
    inputs = {"source": {"data": data}}
    with step_named("load"):
        return get_driver("supabase.writer").run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())


@pytest.mark.parametrize("via", ["auto", "api"])
def test_append_is_one_request(supabase: FakeSupabase, via: str) -> None:
    chunks = [pa.table({"id": [number], "name": ["ž"]}) for number in (2, 3)]
    assert write(supabase, iter(chunks), via=via) == {"rows_written": 2}
    (request,) = supabase.posts
    assert (request.method, request.query) == ("POST", {"columns": '"id","name"'})
    assert request.headers["prefer"] == "return=minimal,count=exact,timezone=UTC"
    assert request.headers["content-type"] == "application/json"
    assert supabase.tables["people"][1:] == [{"id": 2, "name": "ž"}, {"id": 3, "name": "ž"}]


def test_append_of_several_requests_is_refused_before_the_first(supabase: FakeSupabase) -> None:
    with pytest.raises(DataError, match=r"Step load: .*pg_dsn.*Nothing was written") as raised:
        write(supabase, pa.table({"id": [2, 3, 4]}), batch_rows=2)
    assert raised.value.table == "people"
    with pytest.raises(DataError, match="more than 10,000 rows cannot be appended in one request"):
        write(supabase, pa.table({"id": range(2, 10_003)}))
    assert not supabase.posts
    write(supabase, pa.table({"id": range(2, 10_002)}))
    write(supabase, pa.table({"id": [1], "name": [""]}), table="new", batch_rows=100_000)
    assert len(supabase.posts) == 2


def test_an_upsert_names_all_columns_of_its_key(supabase: FakeSupabase) -> None:
    supabase.tables["a%2Fb%20c%3F"] = []
    rows = pa.table({"id": [1, 1], "other": ["a", "b"], "x,y": [1, 2]})
    for _ in range(2):
        write(supabase, rows, table="a/b c?", write_mode="upsert", primary_key=["id", "other"])
    assert supabase.posts[0].query == {"columns": '"id","other","x,y"', "on_conflict": "id,other"}
    assert supabase.tables["a%2Fb%20c%3F"] == rows.to_pylist()
    assert write(supabase, rows.slice(2), table="new", write_mode="upsert", primary_key="id") == {"rows_written": 0}


def test_upsert_of_several_requests_is_looked_through_before_the_first(supabase: FakeSupabase) -> None:
    batches = iter([pa.table({"id": [2, 3]}), pa.table({"id": [4, 2]})])
    with pytest.raises(DataError, match=r"rows 1 and 4 of the input have the same key.*Nothing was written"):
        write(supabase, batches, write_mode="upsert", primary_key="id", batch_rows=2)
    with pytest.raises(DataError, match="column id, row 3 of the input: it is null"):
        write(supabase, pa.table({"id": [2, 3, None]}), write_mode="upsert", primary_key="id", batch_rows=1)
    assert not supabase.posts


@pytest.mark.parametrize("dtype", [pa.dictionary(pa.int8(), pa.string()), pa.uuid()], ids=str)
def test_keys_of_rare_types_are_compared_across_batches(supabase: FakeSupabase, dtype: pa.DataType) -> None:
    texts = [str(uuid.UUID(int=number)) for number in range(200)]

    def batch(first: int) -> pa.RecordBatch:
        names = texts[first : first + 100]
        values = [uuid.UUID(name) for name in names] if dtype == pa.uuid() else names
        return pa.record_batch({"name": pa.array(values, dtype)})

    def upsert(*batches: pa.RecordBatch) -> None:
        write(supabase, iter(map(pa.table, batches)), write_mode="upsert", primary_key="name")

    with pytest.raises(DataError, match="rows 1 and 201 of the input have the same key"):
        upsert(batch(0), batch(100), batch(0))
    upsert(batch(0), batch(100))
    assert [row["name"] for row in supabase.tables["people"][1:]] == texts


def test_spans_of_arrow_are_refused_by_the_name_of_their_column(supabase: FakeSupabase) -> None:
    spans = pa.table({"id": [2], "name": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(DataError, match="column name: the Data API does not take values of type month_day_nano"):
        write(supabase, spans)
    assert not supabase.posts


def test_upsert_that_breaks_off_says_how_much_is_there(supabase: FakeSupabase) -> None:
    refusal = Reply.of_json({"code": "22P02", "message": "invalid input syntax for type date: s3cr3t"}, 400)
    answers = iter([None, refusal])
    monkey = supabase.answer
    supabase.answer = lambda request: (request.method == "POST" and next(answers)) or monkey(request)  # type: ignore[method-assign] # the second is refused
    with pytest.raises(DataError, match=r"rows 3 to 3 .*22P02.* The 2 rows before are written") as raised:
        write(supabase, pa.table({"id": [2, 3, 4]}), write_mode="upsert", primary_key="id", batch_rows=2)
    assert "s3cr3t" not in str(raised.value)
    assert "Nothing" not in str(raised.value)


@pytest.mark.parametrize("config", [{"via": "dsn"}, {"create_if_missing": True}, {"batch_rows": 100_001}])
def test_what_the_data_api_cannot_do_is_said(supabase: FakeSupabase, config: dict[str, Any]) -> None:
    with pytest.raises(DriverConfigError, match=r"Step load \(supabase\.writer\)"):
        write(supabase, pa.table({"id": [2]}), **config)
    assert not supabase.posts


def test_upsert_merges_in_several_requests(supabase: FakeSupabase) -> None:
    data = pa.table({"id": [1, 2, 3], "name": ["new", "b", None]})
    assert write(supabase, data, write_mode="upsert", primary_key="id", batch_rows=2) == {"rows_written": 3}
    assert [len(request.json()) for request in supabase.posts] == [2, 1]
    assert supabase.posts[0].query["on_conflict"] == "id"
    assert supabase.posts[0].headers["prefer"] == "resolution=merge-duplicates,return=minimal,count=exact,timezone=UTC"
    assert [row["name"] for row in supabase.tables["people"]] == ["new", "b", None]


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_rows_that_a_trigger_leaves_out_are_counted_and_said(
    supabase: FakeSupabase, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    config: dict[str, Any] = {"batch_rows": 2} if mode == "upsert" else {}
    data = pa.table({"id": [2, 3, 4, 5], "name": ["a", None, "b", None]})
    with caplog.at_level(logging.WARNING):
        write(supabase, data.slice(0, 1), write_mode=mode, primary_key="id")
    assert "fewer than were sent" not in caplog.text
    supabase.tables["people"].pop()
    supabase.keeps = lambda row: row["name"] is not None
    with caplog.at_level(logging.WARNING):
        write(supabase, data, write_mode=mode, primary_key="id", **config)
    assert "Step load: the Data API counts 2 rows of table people fewer than were sent: a trigger" in caplog.text
    assert [row["id"] for row in supabase.tables["people"]] == [1, 2, 4]


def test_an_answer_that_counts_nothing_is_no_loss(supabase: FakeSupabase, caplog: pytest.LogCaptureFixture) -> None:
    monkey = supabase.answer
    supabase.answer = lambda request: replace(monkey(request), headers={"Content-Range": "*/*"})  # type: ignore[method-assign] # as with db-exact-count-enable off
    with caplog.at_level(logging.WARNING):
        assert write(supabase, pa.table({"id": [2]})) == {"rows_written": 1}
    assert "fewer" not in caplog.text


@pytest.mark.parametrize(
    ("ids", "said"), [([7, 8, 7], "rows 1 and 3 of the input"), ([7, None], "column id, row 2 of the input")]
)
def test_keys_that_do_not_fit_are_named(supabase: FakeSupabase, ids: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=f"Step load: .*{said}"):
        write(supabase, pa.table({"id": ids}), write_mode="upsert", primary_key="id")
    assert not supabase.posts


@pytest.mark.parametrize("config", [{"write_mode": "replace"}, {"write_mode": "upsert"}, {"batch_rows": 0}])
def test_config_errors_name_the_step(supabase: FakeSupabase, config: dict[str, Any]) -> None:
    with pytest.raises(DriverConfigError, match="Step load"):
        write(supabase, pa.table({"id": [2]}), **config)


def test_refused_row_and_unknown_column(supabase: FakeSupabase) -> None:
    with pytest.raises(DataError, match=r"Step load: .*rows 1 to 1 of the input: duplicate key .*23505"):
        write(supabase, pa.table({"id": [1]}))
    with pytest.raises(ConnectorError, match=r"Step load: .*no such column"):
        write(supabase, pa.table({"id": [2], "z": [1]}))
    assert supabase.tables["people"] == [{"id": 1, "name": "old"}]


def test_conn_018_only_an_upsert_is_sent_again(supabase: FakeSupabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)
    describe = supabase.answer
    supabase.answer = lambda request: describe(request) if request.method == "GET" else Reply(503)  # type: ignore[method-assign] # what writes fails
    with pytest.raises(ConnectorError):
        write(supabase, pa.table({"id": [2]}))
    assert len(supabase.posts) == 1
    with pytest.raises(ConnectorError):
        write(supabase, pa.table({"id": [2]}), write_mode="upsert", primary_key="id")
    assert len(supabase.posts) == 1 + retry.ATTEMPTS


def test_an_input_that_breaks_off_says_so_itself(supabase: FakeSupabase) -> None:
    def breaking() -> Iterator[pa.Table]:
        yield pa.table({"id": [2]})
        message = "no more"
        raise DataError(message, step="source")

    for mode in ("append", "upsert"):
        connection = {"family": "supabase", "alias": "test", "url": supabase.origin, "service_role_key": KEY}
        config = {"resolved_connection": connection, "table": "people", "write_mode": mode, "primary_key": "id"}
        inputs = {"source": {"data": breaking()}}
        with pytest.raises(DataError, match=r"^no more$") as raised:
            get_driver("supabase.writer").run(step_id="load", config=config, inputs=inputs, ctx=RecordingContext())
        assert raised.value.step == "source"
    assert not supabase.posts


def test_values_become_what_postgres_reads(supabase: FakeSupabase) -> None:
    data = pa.table(
        {
            "id": [1],
            "d": [Decimal("1.20")],
            "day": [dt.date(2024, 2, 29)],
            "raw": [b"\x00\xff"],
            "f": [float("nan")],
            "span": [dt.timedelta(seconds=1)],
            "items": [[1, None]],
            "big": [2**62],
        }
    )
    write(supabase, data, table="new")
    assert supabase.tables["new"] == [
        {
            "id": 1,
            "d": "1.20",
            "day": "2024-02-29",
            "raw": "\\x00ff",
            "f": "nan",
            "span": "1000000 microseconds",
            "items": [1, None],
            "big": 2**62,
        }
    ]


class TestThroughTheDSN(PostgresFamily, WriterTests):
    """With ``pg_dsn`` it is ``postgres.writer``; the Data API is never asked."""

    def run(self, connection: Connection, *statements: str) -> list[tuple[Any, ...]]:
        endpoint = Address(**{name: connection[name] for name in ("host", "port", "user", "password", "database")})
        return self.execute(endpoint, *statements)

    def write(self, connection: Connection, data: Any, ctx: RecordingContext | None = None, **config: Any) -> Any:
        dsn = get_connector("postgres").build_dsn(connection)
        project = {"family": "supabase", "alias": "test", "url": "http://127.0.0.1:1", "pg_dsn": dsn, "anon_key": KEY}
        step = {"resolved_connection": project, "table": "target", **config}
        inputs = {"source": {"data": data}}
        return get_driver("supabase.writer").run(
            step_id="load", config=step, inputs=inputs, ctx=ctx or RecordingContext()
        )

    def test_errors_name_the_connection_as_the_user_knows_it(self, connection: Connection) -> None:
        broken = {**connection, "port": 1}
        with pytest.raises(ConnectorError, match=r"Step load: @supabase\.test: ") as raised:
            self.write(broken, pa.table({"id": [1]}))
        assert connection["password"] not in str(raised.value)
        assert raised.value.reference == "@supabase.test"

    def test_table_lies_in_the_schema_of_the_connection(self, connection: Connection) -> None:
        self.write(connection, pa.table({"id": [1]}), create_if_missing=True)
        assert self.run(connection, "SELECT count(*) FROM public.target") == [(1,)]
