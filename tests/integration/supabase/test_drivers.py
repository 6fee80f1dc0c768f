"""Family supabase against a gateway with PostgREST behind it, and against PostgreSQL through pg_dsn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, retry
from osiris_provider.connectors.supabase import CODES, SupabaseConnector
from osiris_provider.drivers import get_driver
from osiris_provider.errors import (
    ConnectionConfigError,
    ConnectorError,
    DataError,
    DriverConfigError,
    PermissionDeniedError,
)
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.secrecy import assert_silent
from osiris_provider.testing.state import MemoryState

from tests.integration.sql.families import step_named
from tests.servers import Address
from tests.servers.apis.fake_supabase import FakeSupabase
from tests.servers.apis.http import Reply, Request

SERVICE_KEY, ANON_KEY = "sb_secret_@:/#%?&é", "eyJhbGciOiJIUzI1NiJ9.e30.anon"
ROWS: list[dict[str, Any]] = [{"id": number, "name": f"name {number}", "age": number % 90} for number in range(2500)]


@pytest.fixture
def supabase() -> Iterator[FakeSupabase]:
    with FakeSupabase(SERVICE_KEY, ANON_KEY, {"people": ROWS, "cities": []}) as server:
        yield server
        close_all()


def to(server: FakeSupabase, **fields: Any) -> dict[str, Any]:
    key = {} if fields.keys() & {"service_role_key", "anon_key"} else {"service_role_key": SERVICE_KEY}
    return {"family": "supabase", "alias": "test", "url": server.origin, **key, **fields}


def verdict_of(connection: dict[str, Any]) -> tuple[str, str]:
    ok, verdict = SupabaseConnector().doctor(connection, 5)
    assert ok is (verdict["category"] == "ok")
    assert_silent(SERVICE_KEY, verdict)
    return verdict["category"], verdict["details"].get("fault", "ok")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("ok", "ok")),
        ({"anon_key": ANON_KEY}, ("ok", "ok")),
        ({"service_role_key": SERVICE_KEY, "anon_key": "not looked at"}, ("ok", "ok")),
        ({"service_role_key": "wrong"}, ("auth", "unauthorized")),
        ({"anon_key": "wrong"}, ("auth", "unauthorized")),
        # An anon key in the place of the service role key is accepted by the gateway, but may not see the root.
        ({"service_role_key": ANON_KEY}, ("permission", "forbidden")),
        ({"schema": "private"}, ("unknown", "schema_not_exposed")),
        ({"api_version": "v9"}, ("unknown", "not_found")),
    ],
)
def test_conn_010_keys(supabase: FakeSupabase, fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert verdict_of(to(supabase, **fields)) == expected


@pytest.mark.parametrize(("key", "role"), [(SERVICE_KEY, "service_role"), (ANON_KEY, "anon")])
def test_conn_009_what_was_proven_is_in_the_details(supabase: FakeSupabase, key: str, role: str) -> None:
    ok, verdict = SupabaseConnector().doctor(to(supabase, **{f"{role}_key": key}), 5)
    assert (ok, verdict["details"]) == (True, {"schema": "public", "key": role})


@pytest.mark.parametrize("key", ["service_role_key", "anon_key"])
def test_conn_009_server_that_answers_anybody_proves_nothing(supabase: FakeSupabase, key: str) -> None:
    supabase.checks_keys = False
    assert verdict_of(to(supabase, **{key: "anything"})) == ("unknown", "credentials_not_checked")


def test_conn_009_key_is_sent_both_ways(supabase: FakeSupabase) -> None:
    assert verdict_of(to(supabase))[0] == "ok"
    first, second = supabase.requests
    assert first.headers["apikey"].encode("latin-1").decode() == SERVICE_KEY
    assert first.headers["authorization"].encode("latin-1").decode() == f"Bearer {SERVICE_KEY}"
    assert second.headers["apikey"] == "osiris-doctor-asks-with-a-wrong-key"


@pytest.mark.parametrize(
    ("status", "category", "fault"),
    [
        (403, "permission", "forbidden"),
        (404, "unknown", "not_found"),
        (407, "auth", "proxy_auth"),
        (429, "network", "throttled"),
        (500, "network", "server_error"),
        (503, "network", "server_error"),
        (540, "unknown", "project_paused"),
        (544, "network", "server_error"),
    ],
)
def test_conn_010_statuses(supabase: FakeSupabase, status: int, category: str, fault: str) -> None:
    supabase.failure = Reply.of_json({"message": "as you wish"}, status)
    assert verdict_of(to(supabase)) == (category, fault)


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("status", [400, 401, 503])
def test_conn_010_codes_tell_more_than_statuses(supabase: FakeSupabase, code: str, status: int) -> None:
    supabase.failure = Reply.of_json({"code": code, "message": "in any language"}, status)
    assert verdict_of(to(supabase)) == (CODES[code].category, CODES[code].slug)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Reply.html("<html>Sign in</html>"), "web_page"),
        (Reply(200, b"{", {"Content-Type": "application/json"}), "broken_json"),
        (Reply(200, b""), "broken_json"),
        (Reply.html("<html>" + "x" * 100_000), "web_page"),
        (Reply(302, b"", {"Location": "/rest/v1/"}), "redirect_loop"),
        (Reply(302, b"", {"Location": "https://example.com/"}), "redirected"),
    ],
)
def test_conn_009_what_is_no_answer_is_not_ok(supabase: FakeSupabase, reply: Reply, fault: str) -> None:
    supabase.failure = reply
    assert verdict_of(to(supabase)) == ("unknown", fault)


def test_conn_007_a_key_or_a_dsn_is_required(supabase: FakeSupabase) -> None:
    with pytest.raises(ConnectionConfigError, match="field service_role_key: is required, or anon_key, or pg_dsn"):
        SupabaseConnector().create_client({"family": "supabase", "alias": "test", "url": supabase.origin})


def test_conn_009_json_that_is_no_answer_is_not_ok(supabase: FakeSupabase) -> None:
    supabase.failure = Reply.of_json("ok")
    assert verdict_of(to(supabase)) == ("network", "garbage")


def test_conn_008_url_of_the_data_api(supabase: FakeSupabase) -> None:
    with pytest.raises(ConnectionConfigError, match="field url: is the project's URL"):
        SupabaseConnector().create_client(to(supabase, url=f"{supabase.origin}/rest/v1/"))


def dsn_of(database: Address) -> str:
    login = f"{quote(database.user, safe='')}:{quote(database.password, safe='')}"
    return f"postgresql://{login}@{database.host}:{database.port}/{database.database}"


def test_conn_009_dsn_is_proven_too(supabase: FakeSupabase, postgres_database: Address) -> None:
    dsn = dsn_of(postgres_database)
    connector = SupabaseConnector()
    both = to(supabase, pg_dsn=dsn)
    only = {name: value for name, value in both.items() if name != "service_role_key"}
    for connection in (both, only):
        ok, verdict = connector.doctor(connection, 5)
        assert ok, verdict
        assert "server_version" in verdict["details"]
        wrong = {**connection, "pg_dsn": dsn.replace(":", ":x", 2).replace(":x//", "://")}
        ok, verdict = connector.doctor(wrong, 5)
        assert (ok, verdict["category"]) == (False, "auth")
        assert_silent(postgres_database.password, verdict)


def test_conn_015_client_of_a_dsn_is_a_database_connection(supabase: FakeSupabase, postgres_database: Address) -> None:
    connector = SupabaseConnector()
    connection = {"family": "supabase", "alias": "test", "url": supabase.origin, "pg_dsn": dsn_of(postgres_database)}
    client: Any = connector.client(connection)
    assert connector.is_alive(client)
    assert connector.client(connection) is client
    connector.close_all()
    assert client.closed


def extracted(
    server: FakeSupabase, connection: dict[str, Any] | None = None, state: MemoryState | None = None, **config: Any
) -> pa.Table:
    config = {"resolved_connection": connection or to(server), "table": "people", "order": "id", **config}
    driver = get_driver("supabase.extractor")
    ctx = RecordingContext(state=state)
    with step_named("read"):
        table: pa.Table = driver.run(step_id="read", config=config, inputs={}, ctx=ctx)["data"].read_all()
    return table


@pytest.mark.parametrize("page_size", [100, 1000, 5000])
@pytest.mark.parametrize("max_rows", [99, 1000, 10_000])
def test_extractor_reads_all_pages(supabase: FakeSupabase, page_size: int, max_rows: int) -> None:
    supabase.max_rows = max_rows
    assert extracted(supabase, page_size=page_size).to_pylist() == ROWS


def test_extractor_selects_filters_and_orders(supabase: FakeSupabase) -> None:
    table = extracted(supabase, columns=["id", "age"], filters={"age": "gte.80", "id": "lt.1000"}, order="age.desc, id")
    old = [row for row in ROWS if row["age"] >= 80 and row["id"] < 1000]
    expected = sorted(old, key=lambda row: (-row["age"], row["id"]))
    assert table.to_pylist() == [{"id": row["id"], "age": row["age"]} for row in expected]


@pytest.mark.parametrize("page_size", [100, 5000])
def test_extractor_pages_by_key_while_rows_come_and_go(
    supabase: FakeSupabase, monkeypatch: pytest.MonkeyPatch, page_size: int
) -> None:
    supabase.max_rows = 700
    rows = supabase.tables["people"] = list(ROWS)
    asked = supabase.answer

    def meanwhile(request: Request) -> Any:
        reply = asked(request)
        # Behind its back, a row that it has read goes: with offsets, the next page would begin one row too late.
        del rows[0]
        return reply

    monkeypatch.setattr(supabase, "answer", meanwhile)
    assert extracted(supabase, key="id", order=[], page_size=page_size).to_pylist() == ROWS


def test_extractor_reads_what_is_new(supabase: FakeSupabase) -> None:
    supabase.tables["notes"] = [{"id": number, 'c,("': f"2026-01-{number:02}T00:00:00"} for number in range(1, 5)]
    memory = MemoryState()
    config: dict[str, Any] = {"table": "notes", "order": [], "key": "id", "incremental": {"column": 'c,("'}}
    assert extracted(supabase, state=memory, **config)["id"].to_pylist() == [1, 2, 3, 4]
    supabase.tables["notes"] += [{"id": 5, 'c,("': "2026-01-04T00:00:00"}, {"id": 6, 'c,("': "2026-01-06T00:00:00"}]
    assert extracted(supabase, state=memory, **config, page_size=1)["id"].to_pylist() == [5, 6]
    assert memory.sources == [("@supabase.test notes", 'c,("')] * 2
    supabase.tables["notes"].append({"id": 7, 'c,("': None})
    with pytest.raises(DataError, match="no value"):
        extracted(supabase, state=memory, **config)
    for nulls, actual in (("exclude", []), ("include", [7])):
        config["incremental"] = {"column": 'c,("', "nulls": nulls}
        assert (
            extracted(supabase, state=memory, types={"id": "int64", 'c,("': "string"}, **config)["id"].to_pylist()
            == actual
        )


def test_extractor_of_an_empty_table(supabase: FakeSupabase) -> None:
    assert extracted(supabase, table="cities").num_rows == 0
    assert extracted(supabase, table="cities", types={"id": "int64"}).schema == pa.schema([("id", pa.int64())])


@pytest.mark.parametrize(
    ("config", "fault"),
    [({"table": "nowhere"}, "no_such_table"), ({"columns": ["id", "nothing"]}, "no_such_column")],
)
def test_extractor_names_what_is_not_there(supabase: FakeSupabase, config: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConnectorError, match=r"@supabase\.test") as raised:
        extracted(supabase, **config)
    assert raised.value.fault.slug == fault
    assert len(supabase.requests) == 1


def test_conn_019_extractor_tries_a_missing_right_once(supabase: FakeSupabase) -> None:
    with pytest.raises(PermissionDeniedError):
        extracted(supabase, to(supabase, anon_key=ANON_KEY))
    assert len(supabase.requests) == 1
    supabase.anon_tables.add("people")
    assert extracted(supabase, to(supabase, anon_key=ANON_KEY)).num_rows == len(ROWS)


def test_conn_018_extractor_tries_a_failing_server_again(
    supabase: FakeSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)
    supabase.failure = Reply.of_json({"code": "PGRST002", "message": "no schema cache"}, 503)
    started = time.monotonic()
    with pytest.raises(ConnectorError):
        extracted(supabase)
    assert len(supabase.requests) == retry.ATTEMPTS
    assert time.monotonic() - started < 2


def test_extractor_needs_a_key(supabase: FakeSupabase) -> None:
    only = {"family": "supabase", "alias": "test", "url": supabase.origin, "pg_dsn": "postgresql://u:p@h/d"}
    with pytest.raises(DriverConfigError, match=r"^Step read \(supabase.extractor\): .* only a pg_dsn") as raised:
        extracted(supabase, only)
    assert raised.value.step == "read"


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"order": []}, "order with at least one column"),
        ({"key": "id"}, "one of them"),
        ({"incremental": {"column": "age"}}, "incremental needs config field key"),
        ({"order": [], "key": "id", "columns": ["age"]}, "columns must have id"),
        ({"order": None}, "order"),
        ({"filters": {"limit": "5"}}, "limit is not a filter"),
        ({"columns": ["id"], "select": "id"}, "keep one"),
        ({"where": "x"}, "where is unknown"),
    ],
)
def test_extractor_mistakes_in_the_config(supabase: FakeSupabase, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DriverConfigError, match=f"Step read.*{complaint}"):
        extracted(supabase, **config)
