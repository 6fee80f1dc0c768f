"""Pages by key lose no row where the key is null, or not unique; pages by an order with ties are warned of."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.integration.sql.families import step_named
from tests.servers.apis.fake_supabase import FakeSupabase, Rows
from tests.servers.apis.http import Reply

KEY = "sb_secret_key"


@pytest.fixture
def supabase() -> Iterator[FakeSupabase]:
    with FakeSupabase(KEY, "anon", {"people": []}) as server:
        yield server
        close_all()


def extracted(server: FakeSupabase, rows: Rows, **config: Any) -> list[Any]:
    server.tables["people"] = rows
    connection = {"family": "supabase", "alias": "test", "url": server.origin, "service_role_key": KEY}
    step = {"resolved_connection": connection, "table": "people", "key": "id", **config}
    with step_named("read"):
        result = get_driver("supabase.extractor").run(step_id="read", config=step, inputs={}, ctx=RecordingContext())
    table: pa.Table = result["data"].read_all()
    return list(table["id"].to_pylist())


def numbered(keys: list[Any]) -> Rows:
    return [{"id": key, "n": number} for number, key in enumerate(keys)]


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("max_rows", [1, 2, 3, 1000])
@pytest.mark.parametrize("keys", [[1], [1, 2], [1, 2, 3, 4, 5, 6, 7]])
def test_unique_keys_are_read_once(supabase: FakeSupabase, keys: list[int], page_size: int, max_rows: int) -> None:
    supabase.max_rows = max_rows
    assert extracted(supabase, numbered(keys), page_size=page_size) == keys


@pytest.mark.parametrize("page_size", [2, 3, 4, 100])
def test_rows_without_a_key_are_an_error(supabase: FakeSupabase, page_size: int) -> None:
    rows = numbered([3, None, 1, 2, None])
    with pytest.raises(DataError, match=r"Step read: config field key: column 'id' is (not in the rows, or is )?null"):
        extracted(supabase, rows, page_size=page_size)
    # Those that were not asked for are not missed.
    assert extracted(supabase, rows, page_size=page_size, filters={"id": "gt.0"}) == [1, 2, 3]
    assert extracted(supabase, [], page_size=page_size, types={"id": "int64"}) == []


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("keys", [[1, 2, 3, 3, 4], [1, 1], [1, 2, 2, 2, 2, 2, 2], ["a", "b", "b"]])
def test_a_key_of_two_rows_is_an_error(supabase: FakeSupabase, keys: list[Any], page_size: int) -> None:
    with pytest.raises(DataError, match=r"^Step read: .* column 'id' is not unique \(page \d, row") as raised:
        extracted(supabase, numbered(keys), page_size=page_size)
    assert (raised.value.step, raised.value.column) == ("read", "id")


def test_a_last_row_that_goes_meanwhile_takes_no_other_along(
    supabase: FakeSupabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = supabase.answer

    def meanwhile(request: Any) -> Any:
        reply = asked(request)
        rows = supabase.tables["people"]
        del rows[:3]
        return reply

    monkeypatch.setattr(supabase, "answer", meanwhile)
    assert extracted(supabase, numbered(list(range(12))), page_size=2) == list(range(12))


@pytest.mark.parametrize(
    ("pages", "said"),
    [([[1], [1]], "page 2 repeats the page before it"), ([[1, 2], [3], [1, 2]], "page 3 repeats the first one")],
)
def test_a_project_that_takes_no_offset_is_not_read_for_ever(
    supabase: FakeSupabase, monkeypatch: pytest.MonkeyPatch, pages: list[list[int]], said: str
) -> None:
    answers = iter([Reply(200, json.dumps(numbered(page)).encode()) for page in pages])
    monkeypatch.setattr(supabase, "answer", lambda _: next(answers))
    with pytest.raises(DataError, match=f"Step read: {said}.*key and order"):
        extracted(supabase, [], key=None, order="id")


@pytest.mark.parametrize(("order", "ties"), [("n", True), ("n.desc", True), ("n,id", False), ("id", False)])
def test_an_order_with_ties_between_pages_is_said(
    supabase: FakeSupabase, order: str, ties: bool, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": number, "n": number // 2} for number in range(13)]
    with caplog.at_level(logging.WARNING):
        read = extracted(supabase, rows, key=None, order=order, page_size=3)
    assert sorted(read) == list(range(13))
    said = r"config field order: the last row of page \d and the first of page \d are equal in all of its columns"
    assert len(re.findall(said, caplog.text)) == ties
