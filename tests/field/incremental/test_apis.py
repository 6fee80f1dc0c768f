"""Runs of an incremental step on an API, one after the other: each row comes once, whatever order and values it has."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import DataError, OsirisError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.field.http.reads import read_from
from tests.integration.http.api_extracts import extracted, paged_api
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.scripted_api import ScriptedApi


def at(number: int, day: Any) -> dict[str, Any]:
    """Return a record of a day of January 2026, or of another value."""
    return {"id": number, "at": f"2026-01-0{day}T00:00:00Z" if isinstance(day, int) else day}


def paged(*pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers of one run."""
    last = len(pages)
    return [{"items": rows, "next": None if at == last else str(at)} for at, rows in enumerate(pages, 1)]


@dataclass
class Runs:
    """Runs, each a list of pages; the ids that have to come in each, and the cursor value behind the last one."""

    name: str
    runs: list[list[list[dict[str, Any]]]]
    ids: list[list[int]]
    cursor: str | None
    settings: dict[str, Any] = field(default_factory=dict)


MANY = [[at(number, f"{number}.5")] for number in range(1, 13)]

CASES = [
    Runs(
        "newest first", [[[at(3, 3), at(2, 2)], [at(1, 1)]], [[at(4, 4), at(3, 3)]]], [[3, 2, 1], [4]], at(0, 4)["at"]
    ),
    Runs(
        "equal values on both sides of a page's end",
        [[[at(1, 1), at(2, 2)], [at(3, 2), at(4, 2)]], [[at(2, 2), at(3, 2)], [at(4, 2), at(5, 2)]]],
        [[1, 2, 3, 4], [5]],
        at(0, 2)["at"],
    ),
    Runs(
        "identical rows at the cursor value are counted",
        [[[at(1, 1), at(1, 1)]], [[at(1, 1), at(1, 1), at(1, 1)]], [[at(1, 1)] * 3]],
        [[1, 1], [1], []],
        at(0, 1)["at"],
    ),
    Runs(
        "the hour that comes twice, with offsets",
        [
            [[at(1, "2025-10-26T02:30:00+02:00"), at(2, "2025-10-26T02:15:00+01:00")]],
            [[at(2, "2025-10-26T02:15:00+01:00"), at(3, "2025-10-26T02:20:00+01:00")]],
        ],
        [[1, 2], [3]],
        "2025-10-26T02:20:00+01:00",
    ),
    Runs(
        "optional fractions",
        [
            [[at(1, "2026-01-01T00:00:00.5Z"), at(2, "2026-01-01T00:00:00Z")]],
            [[at(1, "2026-01-01T00:00:00.5Z"), at(3, "2026-01-01T00:00:01Z")]],
        ],
        [[1, 2], [3]],
        "2026-01-01T00:00:01Z",
    ),
    Runs(
        "one row of 2999",
        [[[at(9, "2999-01-01T00:00:00Z"), at(1, 1)]], [[at(9, "2999-01-01T00:00:00Z"), at(2, 2), at(1, 1)]]],
        [[9, 1], [2]],
        at(0, 2)["at"],
    ),
    Runs(
        "twelve numbers in texts stay twelve rows",
        [[MANY[number][:] for number in range(12)], MANY],
        [list(range(1, 13)), []],
        "12.5",
        {"compare_as": "number"},
    ),
    Runs("an API that ignores the parameter", [[[at(1, 1), at(2, 2)]]] * 3, [[1, 2], [], []], at(0, 2)["at"]),
    Runs("nothing, then something, then nothing", [[[]], [[at(1, 1)]], [[]]], [[], [1], []], at(0, 1)["at"]),
    Runs(
        "rows without a value are left out",
        [[[at(1, None), at(2, 2)]], [[at(1, None), at(3, 3)]], [[at(1, None)]]],
        [[2], [3], []],
        at(0, 3)["at"],
        {"nulls": "exclude"},
    ),
    Runs("no row has a value", [[[at(1, None)]]] * 2, [[], []], None, {"nulls": "exclude"}),
    Runs(
        "rows without a value are read each time",
        [[[at(1, None), at(2, 2)]], [[at(1, None), at(2, 2)]]],
        [[1, 2], [1]],
        at(0, 2)["at"],
        {"nulls": "include"},
    ),
]


def run(api: ScriptedApi, state: MemoryState, **settings: Any) -> list[int]:
    """Do a run; return the ids of its rows."""
    table = read_from(
        api,
        state,
        records="items",
        pagination={"kind": "cursor", "cursor_path": "next"},
        incremental={"column": "at", "param": "since", **settings},
    )
    return table["id"].to_pylist() if table.num_rows else []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_row_comes_once(case: Runs) -> None:
    state = MemoryState()
    with ScriptedApi(*(answer for pages in case.runs for answer in paged(*pages))) as api:
        assert [run(api, state, **case.settings) for _ in case.runs] == case.ids
        close_all()
    assert (state.low.text if state.low else None) == case.cursor


def test_a_run_that_fails_in_the_middle_has_moved_nothing() -> None:
    state = MemoryState()
    first = [{"items": [at(1, 1)], "next": "b"}, "{broken"]
    with ScriptedApi(*first, *paged([at(1, 1)], [at(2, 2)])) as api:
        with pytest.raises(OsirisError):
            run(api, state)
        assert state.low is None
        assert run(api, state) == [1, 2]
        close_all()


def test_a_row_without_a_value_is_refused_where_nothing_is_said_of_such() -> None:
    state = MemoryState()
    with ScriptedApi(*paged([at(1, None)])) as api:
        with pytest.raises(DataError, match="1 rows have no value in column 'at'"):
            run(api, state)
        close_all()
    assert state.low is None


@pytest.mark.parametrize(
    ("values", "settings", "told"),
    [
        (["9", "10"], {}, True),
        (["9.5", "12.25"], {}, True),
        (["9", "10"], {"compare_as": "text"}, False),
        (["9", "10"], {"compare_as": "number"}, False),
        (["10", "11"], {}, False),
        (["009", "0010"], {}, False),
        (["a9", "10"], {}, False),
    ],
)
def test_texts_that_look_like_numbers_are_told(
    values: list[str], settings: dict[str, Any], told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        ScriptedApi(*paged([at(number, value) for number, value in enumerate(values)])) as api,
    ):
        run(api, MemoryState(), **settings)
        close_all()
    assert ("look like numbers, and are compared as texts" in caplog.text) is told


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with paged_api() as server:
        yield server


def test_a_cursor_inside_an_object(api: FakeApi) -> None:
    state = MemoryState()
    config: dict[str, Any] = {"incremental": {"column": "meta.at.time", "param": "since"}, "records": "data.items"}
    api.rows = [{"id": n, "meta": {"at": {"time": f"2026-01-0{n}T00:00:00Z"}}} for n in (1, 2)]
    ctx = RecordingContext(state=state)
    assert extracted(api, "items/page", ctx, **config).read_all()["id"].to_pylist() == [1, 2]
    assert state.low == CursorValue("string", "2026-01-02T00:00:00Z")
    api.rows.append({"id": 3, "meta": {"at": {"time": "2026-01-03T00:00:00Z"}}})
    assert extracted(api, "items/page", ctx, **config).read_all()["id"].to_pylist() == [3]
    assert api.requests[-1].query["since"] == "2026-01-02T00:00:00Z"
    with pytest.raises(DataError, match=r"needs one column 'meta.at.tmie' in the result"):
        extracted(
            api, "items/page", ctx, incremental={"column": "meta.at.tmie", "param": "x"}, records="data.items"
        ).read_all()
