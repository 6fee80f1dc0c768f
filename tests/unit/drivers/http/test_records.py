"""Which answers have records, which lie behind the last page, and which tell of an error."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.drivers.http import records
from osiris_provider.drivers.http.records import MAX_SHOWN, RecordReader
from osiris_provider.errors import DataError


def test_an_answer_without_the_list_is_the_end_if_all_else_of_it_was_seen_before() -> None:
    reader = RecordReader("s", "items")
    with pytest.raises(DataError, match="page 1: the answer has nothing at 'items'"):
        reader.rows_of({"next": 1}, 1)
    assert reader.rows_of({"items": [{"a": 1}], "next": 2}, 1) == [{"a": 1}]
    assert reader.rows_of({"items": [{"a": 2}], "count": 2}, 2) == [{"a": 2}]
    assert reader.rows_of({"next": None, "count": 0}, 3) is None
    with pytest.raises(DataError, match="page 3: the answer has nothing at 'items'"):
        reader.rows_of({"next": None, "problem": "busy"}, 3)


def test_null_in_place_of_the_list_is_an_empty_page_and_not_the_end() -> None:
    assert RecordReader("s", "items").rows_of({"items": None}, 1) == []


def test_an_answer_may_lack_what_is_optional() -> None:
    assert RecordReader("s", "items", optional=True).rows_of({"next": 1}, 1) is None


def test_a_page_has_a_limit_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORDS", 2)
    assert RecordReader("s").rows_of([{}, {}], 1) == [{}, {}]
    with pytest.raises(DataError, match="more than 2 records"):
        RecordReader("s").rows_of([{}, {}, {}], 1)


@pytest.mark.parametrize(
    ("name", "sign", "data"),
    [("ok", False, True), ("success", False, True), ("status", "error", "success"), ("status", "fail", "ok")],
)
def test_what_says_of_itself_that_it_failed_is_an_error(name: str, sign: Any, data: Any) -> None:
    reader = RecordReader("s", "items", error_paths=["error"])
    assert reader.rows_of({name: data, "items": []}, 1) == []
    # A zero is a figure, and no False.
    assert reader.rows_of({name: 0, "items": []}, 1) == []
    with pytest.raises(DataError, match=f"page 2: the answer says {name}: .* error_paths "):
        reader.rows_of({name: sign, "items": []}, 2)
    assert RecordReader("s", "items").rows_of({name: sign, "items": []}, 1) == []


def test_errors_are_looked_for_at_each_path_that_does_not_lead_to_the_records() -> None:
    paths = ["data", "error", "data.item", "why"]
    reader = RecordReader("s", "data.items", error_paths=paths)
    assert reader.rows_of({"data": {"items": [{}], "item": None}, "error": ""}, 1) == [{}]
    for answer, path in (({"error": "no"}, "error"), ({"why": "no"}, "why"), ({}, "data.item")):
        with pytest.raises(DataError, match=f"tells of an error at '{path}': no.* error_paths "):
            reader.rows_of({"data": {"items": [], "item": "no" if path == "data.item" else None}, **answer}, 1)
    assert RecordReader("s", error_paths=paths).rows_of([], 1) == []


def test_of_what_an_answer_tells_of_an_error_the_begin_is_shown_without_a_secret_that_is_cut() -> None:
    secret = "canary-4711"
    reader = RecordReader("s", error_paths=["error"], redact=lambda text: text.replace(secret, "***"))
    with pytest.raises(DataError) as raised:
        reader.rows_of({"error": ["x" * (MAX_SHOWN - 5) + secret + "y" * MAX_SHOWN]}, 1)
    # A list is shown as JSON, with a bracket and a quote.
    shown = str(raised.value).partition("at 'error': ")[2].partition(". If that is data")[0]
    assert shown == '["' + "x" * (MAX_SHOWN - 5) + "***"


def test_an_object_without_its_list_is_the_end_too() -> None:
    reader = RecordReader("s", "data.items")
    assert reader.rows_of({"data": {"items": [{}]}}, 1) == [{}]
    assert reader.rows_of({"data": {}}, 2) is None


def test_records_that_are_null_are_refused_or_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match="record 2 at its top is null"):
        RecordReader("s").rows_of([{}, None, None], 7)
    assert RecordReader("s", null_records="skip").rows_of([{}, None, None], 7) == [{}]
    assert "page 7: left out 2 records" in caplog.text


@pytest.mark.parametrize(("answer", "is_object"), [({"items": {"a": {}}}, True), ({"items": 7}, False), ({}, False)])
def test_only_an_object_may_be_read_as_records_of_another_shape(answer: Any, is_object: bool) -> None:
    with pytest.raises(DataError) as raised:
        RecordReader("s", "items").rows_of(answer, 1)
    assert ("records_as: map" in str(raised.value)) == is_object
