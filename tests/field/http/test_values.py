"""No JSON value changes on its way to a column without a word, and no answer that is not data becomes a row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.http.json_text import parse_json
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.http.json.rows import to_batches
from osiris_provider.errors import ConnectorError, DataError, OsirisError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.field.http.reads import read, read_from
from tests.servers.apis.http import Reply
from tests.servers.apis.scripted_api import ScriptedApi

UTC = dt.timezone.utc


def column_of(text: str, **config: Any) -> pa.ChunkedArray:
    """Return the column ``a`` of records that hold these JSON texts."""
    return read(text, **config)[0]["a"]


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        # A double would round them.
        (["12345678901234567.89"], pa.decimal128(38, 2), [Decimal("12345678901234567.89")]),
        (["0.1", "9007199254740993"], pa.decimal128(38, 1), [Decimal("0.1"), Decimal(9007199254740993)]),
        (["12345678901234567890"], pa.uint64(), [12345678901234567890]),
        (["18446744073709551616"], pa.decimal128(38, 0), [Decimal(2**64)]),
        (["-9223372036854775809"], pa.decimal128(38, 0), [Decimal(-(2**63) - 1)]),
        # A double gives them back.
        (["19.99", "1.10", "3"], pa.float64(), [19.99, 1.1, 3.0]),
        (["1e3", "-0.5e-3"], pa.float64(), [1000.0, -0.0005]),
        (["9223372036854775807"], pa.int64(), [2**63 - 1]),
    ],
)
def test_numbers_without_a_declared_type(texts: list[str], dtype: pa.DataType, values: list[Any]) -> None:
    actual = column_of("[" + ", ".join(f'{{"a": {text}}}' for text in texts) + "]")
    assert actual.type == dtype
    assert actual.to_pylist() == values


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("string", "1.10", "1.10"),
        ("string", "1e400", "1e400"),
        (
            "string",
            "12345678901234567890123456789012345678901234567890",
            "12345678901234567890123456789012345678901234567890",
        ),
        ("string", "-0", "-0"),
        ("string", "true", "true"),
        ("string", '"00501"', "00501"),
        ("string", '{"x": 1.10, "y": [1E2, null, "é"]}', '{"x": 1.10, "y": [1E2, null, "é"]}'),
        ("decimal(12,2)", "19.99", Decimal("19.99")),
        ("decimal(12,2)", "19.9", Decimal("19.90")),
        ("decimal(12,2)", '"19.99"', Decimal("19.99")),
        ("decimal(12,2)", "1e3", Decimal(1000)),
        ("decimal(38,2)", "12345678901234567.89", Decimal("12345678901234567.89")),
        ("double", "12345678901234567.89", 12345678901234567.89),
        ("int64", "1e3", 1000),
        ("int64", "2.0", 2),
        ("int64", '"42"', 42),
        ("timestamp", '"2026-01-02T03:04:05.123456+02:00"', dt.datetime(2026, 1, 2, 1, 4, 5, 123456, UTC)),
        ("timestamp[us]", '"2026-01-02T03:04:05"', dt.datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001 - it has no zone
        ("date32", '"2026-01-02"', dt.date(2026, 1, 2)),
        ("time64[us]", '"12:34:56.789"', dt.time(12, 34, 56, 789000)),
        ("float32", "16777216", 16777216.0),
        ("large_string", "1.50", "1.50"),
    ],
)
def test_values_of_declared_types(declared: str, text: str, value: Any) -> None:
    assert column_of(f'[{{"a": {text}}}]', types={"a": declared}).to_pylist() == [value]


def test_nanoseconds_are_kept_where_they_are_declared() -> None:
    actual = column_of('[{"a": "2026-01-02T03:04:05.123456789Z"}]', types={"a": "timestamp[ns, UTC]"})
    assert actual.cast(pa.int64()).to_pylist() == [1767323045123456789]


@pytest.mark.parametrize(
    ("declared", "text", "complaint"),
    [
        (None, "1e400", "numbers that are too large"),
        (None, "1.5e999999999", "numbers that are too large"),
        (None, '"\\ud800"', "half of a surrogate pair"),
        (None, "[" * 60 + "]" * 60, "nested more than 50 deep"),
        ("double", "1e400", "beyond the range of a double"),
        ("double", "1e-400", "beyond the range of a double"),
        ("double", "9007199254740993", "more digits than a double holds"),
        ("double", "true", "true or false"),
        ("double", '"1,5"', "not a number"),
        ("decimal(12,2)", "19.999", "more digits"),
        ("decimal(4,2)", "100", "more digits"),
        ("decimal(12,2)", "1e999999999", "too many digits"),
        ("decimal(12,2)", "NaN", "not finite"),
        ("int64", "1.5", "a fraction"),
        ("int64", "9223372036854775808", "out of its range"),
        ("int8", "200", "out of its range"),
        ("string", '"\\udc00 x"', "half of a surrogate pair"),
        ("timestamp", '"2026-01-02T03:04:05"', r"without a zone: declare timestamp\[us\]"),
        ("timestamp", '"2026-01-02T03:04:05.123456789Z"', r"nanoseconds: declare timestamp\[ns, UTC\]"),
        ("timestamp", '"2026-01-02T03:04:05.123456789"', r"nanoseconds: declare timestamp\[ns\], which has no zone"),
        ("timestamp[us]", '"2026-01-02T03:04:05Z"', "with a zone: declare timestamp, which is in UTC"),
        ("timestamp[us]", '"2026-01-02T03:04:05.123456789Z"', r"nanoseconds: declare timestamp\[ns, UTC\]"),
        (
            "timestamp[us]",
            '"2026-01-02T03:04:05.123456789"',
            r"nanoseconds: declare timestamp\[ns\], which has no zone",
        ),
        ("timestamp[ns, UTC]", '"2026-01-02T03:04:05"', r"without a zone: declare timestamp\[us\]"),
        ("timestamp", "1767323045", "a number"),
        ("timestamp", '"02/01/2026"', "not a time in ISO 8601"),
        ("date32", '"2026-02-30"', "not such a value"),
        ("time64[us]", '"25:00"', "out of its range"),
        ("float32", "16777217", "a whole one that it would round"),
        ("float32", "1e39", "beyond the range of its type"),
        ("float32", "1e-50", "beyond the range of its type"),
        ("halffloat", "-1e-9", "beyond the range of its type"),
        ("halffloat", "70000", "beyond the range of its type"),
    ],
)
def test_values_that_no_column_can_hold_are_errors(declared: str | None, text: str, complaint: str) -> None:
    types = {"types": {"a": declared}} if declared else {}
    with pytest.raises(DataError, match=f"Step read: column 'a'.*{complaint}") as raised:
        column_of(f'[{{"a": null}}, {{"a": {text}}}]', **types)
    if declared:
        assert "page 1" in str(raised.value)
        assert "record 2" in str(raised.value)


NUMBERS = st.one_of(
    st.integers(-(10**45), 10**45).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
)


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_numbers_arrive_as_they_came_or_not_at_all(texts: list[str]) -> None:
    rows = parse_json(("[" + ",".join(f'{{"a": {text}}}' for text in texts) + "]").encode())
    strings = to_batches([rows], step_id="s", types={"a": "string"}).read_all()["a"].to_pylist()
    assert strings == texts
    try:
        actual = to_batches([rows], step_id="s").read_all()["a"]
    except DataError:
        return
    for text, value in zip(texts, actual.to_pylist(), strict=True):
        # A double stands for its exact value, and for the shortest text that gives it back.
        assert Decimal(text) in (Decimal(value), Decimal(repr(value) if isinstance(value, float) else value))


@pytest.mark.parametrize(
    ("reply", "config", "complaint"),
    [
        ({"error": "quota is used up"}, {}, "tells of an error at 'error': quota is used up"),
        ({"error": {"code": 190}}, {"records_as": "object"}, "tells of an error at 'error': {\"code\": 190}"),
        ({"errors": [{"message": "x"}], "items": []}, {"records": "items"}, "tells of an error at 'errors'"),
        ({"ok": False, "why": "x"}, {"records_as": "object", "error_paths": ["why"]}, "error at 'why': x"),
        ({"ok": False, "items": []}, {"records": "items"}, "the answer says ok: false"),
        ({"success": False, "items": []}, {"records": "items"}, "the answer says success: false"),
        ({"status": "fail", "data": []}, {"records": "data"}, 'the answer says status: "fail"'),
        ({"message": "no"}, {}, "an object at its top is not a list of objects"),
        ({"users": {"7": {"n": 1}}}, {"records": "users"}, "records_as: map"),
        ({"users": {"7": {"key": 1}}}, {"records": "users", "records_as": "map"}, "choose another key_field"),
        ([{"a": 1}, None], {}, "record 2 at its top is null"),
        ([{"a": 1}, [2]], {}, "record 2 at its top is a list"),
        ("[1, 2]", {}, "record 1 at its top is a number"),
        ("[{}, {}]", {}, "none of the 2 records has a field"),
        ('"text"', {}, "a text at its top is not a list of objects"),
    ],
)
def test_answers_that_are_not_data_are_no_rows(reply: Any, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match="Step read: ") as raised:
        read(reply, **config)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "config", "rows"),
    [
        ({"error": None, "errors": [], "items": [{"a": 1}]}, {"records": "items"}, [{"a": 1}]),
        ({"error": False, "data": {"a": 1}}, {"records": "data", "records_as": "object"}, [{"a": 1}]),
        ({"errors": [{"a": 1}]}, {"records": "errors"}, [{"a": 1}]),
        ({"error": "x"}, {"records_as": "object", "error_paths": []}, [{"error": "x"}]),
        ({"status": "error", "n": 1}, {"records_as": "object", "error_paths": []}, [{"status": "error", "n": 1}]),
        ({"ok": True, "success": 0, "status": "done", "items": [{"a": 1}]}, {"records": "items"}, [{"a": 1}]),
        (
            {"users": {"7": {"n": 1}, "8": {"n": 2}}},
            {"records": "users", "records_as": "map", "key_field": "id"},
            [{"id": "7", "n": 1}, {"id": "8", "n": 2}],
        ),
        ([{"a": 1}, None, {"a": 2}], {"null_records": "skip"}, [{"a": 1}, {"a": 2}]),
        ({"a.b": {"rows": [{"x": 1}]}}, {"records": "a.b.rows"}, [{"x": 1}]),
        ([[{"x": 1}], {"page": 1}], {"records": "0"}, [{"x": 1}]),
    ],
)
def test_records_are_found_where_the_config_says(reply: Any, config: dict[str, Any], rows: list[Any]) -> None:
    assert read(reply, **config)[0].to_pylist() == rows


def text(body: str, kind: str = "application/json", encoding: str = "utf-8") -> Reply:
    return Reply(200, body.encode(encoding), {"Content-Type": kind})


@pytest.mark.parametrize(
    ("reply", "config"),
    [
        (text('{"a": "é"}\n{"a": "ř"}\n', "application/x-ndjson"), {}),
        (text('{"a": "é"}\r\n\r\n{"a": "ř"}', "application/jsonl; charset=utf-8"), {}),
        (text('{"a": "é"}\n{"a": "ř"}'), {"format": "ndjson"}),
        (text('[{"a": "é"}, {"a": "ř"}]', encoding="utf-16"), {}),
        (text('[{"a": "é"}, {"a": "ř"}]', encoding="utf-32-le"), {}),
        (text('[{"a": "é"}, {"a": "ř"}]', encoding="utf-8-sig"), {}),
        (text('[{"a": "é"}, {"a": "ř"}]', "application/json; charset=windows-1250", "cp1250"), {}),
        (text('[{"a": "é"}, {"a": "ř"}]', 'application/json;charset="ISO-8859-2"', "iso-8859-2"), {}),
        # A label that is wrong does no harm: JSON is UTF-8.
        (text('[{"a": "é"}, {"a": "ř"}]', "application/json; charset=iso-8859-1"), {}),
    ],
)
def test_charsets_and_lines(reply: Reply, config: dict[str, Any]) -> None:
    assert read(reply, **config)[0]["a"].to_pylist() == ["é", "ř"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (text('{"a": 1}\n{"a": 2}'), "several_texts"),
        (text('[{"a": 1}] trailing'), "several_texts"),
        (text('[{"a": "é"}]', encoding="cp1250"), "bad_encoding"),
        (text('[{"a": "é"}]', "application/json; charset=unicode_escape", "latin-1"), "bad_encoding"),
        (text('[{"a": 1, "a": 2}]'), "duplicate_names"),
        (text('[{"a": 1'), "broken_json"),
        (text("[1, 2,]"), "broken_json"),
        (text(""), "broken_json"),
        (text("<html>log in</html>"), "web_page"),
    ],
)
def test_what_is_not_one_json_text_is_refused_in_words(reply: Reply, fault: str) -> None:
    with pytest.raises(ConnectorError) as raised:
        read(reply)
    assert raised.value.fault.slug == fault


def test_boolean_parameters_are_written_as_json_does() -> None:
    _, requests = read([{"a": 1}], params={"active": True, "kinds": ["x", False], "n": 1})
    assert requests[0].every == {"active": ["true"], "kinds": ["x", "false"], "n": ["1"]}


def test_a_run_that_finds_nothing_new_keeps_its_state_and_its_columns() -> None:
    incremental = {"column": "at", "param": "since"}
    state = MemoryState()
    with ScriptedApi([{"at": "2026-01-01", "n": 1.5}], [], []) as api:
        first = read_from(api, state, incremental=incremental)
        cursor_value = state.low
        second = read_from(api, state, incremental=incremental)
        third = read_from(api, state, incremental=incremental, other_fields="rest")
    assert (second.num_rows, second.schema) == (0, first.schema)
    assert (third.num_rows, third.schema) == (0, first.schema)
    assert state.low == cursor_value
    assert [request.query for request in api.requests] == [{}, {"since": "2026-01-01"}, {"since": "2026-01-01"}]


@pytest.mark.parametrize("config", [{}, {"incremental": {"column": "at", "param": "since"}}])
def test_a_first_run_that_is_empty_and_the_writer_behind_it(
    config: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = MemoryState()
    with ScriptedApi([]) as api:
        table = read_from(api, state, **config)
    assert (table.num_rows, table.schema.names, state.low) == (0, [], None)
    path = tmp_path / "out.csv"
    ctx = RecordingContext()
    writer = get_driver("filesystem.csv_writer")
    written = writer.run(step_id="write", config={"path": str(path)}, inputs={"read": {"data": table}}, ctx=ctx)
    assert written["rows_written"] == 0
    assert not path.exists()
    assert "nothing is written" in caplog.text
    assert ctx.value("rows_written") == 0


def test_an_empty_page_before_the_first_rows_hides_nothing() -> None:
    table, _ = read(
        {"items": [], "next": "b"},
        {"items": [{"a": 1}], "next": None},
        records="items",
        pagination={
            "kind": "cursor",
            "cursor_path": "next",
        },
    )
    assert table.to_pylist() == [{"a": 1}]


def test_an_error_in_an_answer_shows_no_secret_and_no_escapes() -> None:
    with ScriptedApi({"error": "bad key \x1b[31ms3cret-key\x07"}) as api:
        connection = {"family": "api", "alias": "t", "base_url": api.origin, "token": "s3cret-key"}
        config = {"resolved_connection": connection, "path": "items"}
        with pytest.raises(OsirisError) as raised:
            get_driver("api.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())
    assert "s3cret-key" not in str(raised.value)
    assert "\x1b" not in str(raised.value)
    assert "bad key" in str(raised.value)
