"""Texts that people read when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from osiris_provider.connections.find import near_reference
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.faults import GARBAGE
from osiris_provider.drivers.data import to_reader
from osiris_provider.errors import ConnectionNotFoundError, DataError
from osiris_provider.messages import MAX_SAID, one_line, what_is_wrong
from pydantic import BaseModel, TypeAdapter, ValidationError

KNOWN = ["@mysql.default", "@mysql.reports", "@postgres.default", "@postgres.x", "@shop.a_b", "@db.main"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("@mysql.defalt", "@mysql.default"),
        ("@mysq.default", "@mysql.default"),
        ("mysql.report", "@mysql.reports"),
        ("@MySQL.Default", "@mysql.default"),
        (" @mysql.default ", "@mysql.default"),
        ("postgres-x", "@postgres.x"),
        ("postgres/x", "@postgres.x"),
        ("postgres:x", "@postgres.x"),
        ("@postgres x", "@postgres.x"),
        ("my-sql.default", "@mysql.default"),
        ("shop.a-b", "@shop.a_b"),
        ("@shop.a.b", "@shop.a_b"),
        ("@dbxx.main", "@db.main"),
        ("@postgres.postgres", ""),
        ("@default.mysql", ""),
        ("@mysql.nope", ""),
        ("@mysql.prod", ""),
        ("@duckdb.default", ""),
        ("@", ""),
    ],
)
def test_only_what_is_near_is_suggested(wrong: str, meant: str) -> None:
    assert near_reference(wrong, KNOWN) == (f" Did you mean '{meant}'?" if meant else "")


class Model(BaseModel):
    pass


@dataclass
class Fields:
    pass


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (int, "abc", "is a whole number"),
        (int, 1.5, "is a whole number"),
        (float, "x", "is a number"),
        (bool, "perhaps", "is true or false"),
        (str, 384, "is a text; put it in quotes"),
        (list[str], 1, "is a list"),
        (dict[str, str], 1, "is a mapping of names to values"),
        (Mapping[str, str], 1, "is a mapping of names to values"),
        (Model, 1, "is a mapping of names to values"),
        (Fields, 1, "is a mapping of names to values"),
        (date, "2026-01-32", "is a date such as 2026-01-31"),
        (datetime, "yesterday", "is a date such as 2026-01-31, or a time such as 2026-01-31T06:00:00Z"),
        (Decimal, "x", "is a number"),
        (Literal["a", "b"], "c", "has to be 'a' or 'b'"),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_words(annotation: Any, value: Any, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(annotation).validate_python(value)
    (item,) = raised.value.errors()
    assert what_is_wrong(item) == said


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        (" a\n\tb  c\r\n", "a b c"),
        ("[x] [y", "(x) (y"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 500 + " …"),
        ("x " * 300, "x " * 250 + " …"),
    ],
)
def test_a_text_of_somebody_else_is_one_line_of_500_characters(text: str, line: str) -> None:
    assert MAX_SAID == 500
    assert one_line(text) == line


def test_an_alias_that_is_not_there_is_not_taken_for_another(tmp_path: Path) -> None:
    file = tmp_path / "osiris_connections.yaml"
    file.write_text("version: 1\nconnections:\n  duckdb:\n    default: {path: ':memory:'}\n")
    file.chmod(0o600)
    with pytest.raises(ConnectionNotFoundError) as raised:
        resolve_connection("@duckdb.nope", file)
    assert "Did you mean" not in str(raised.value)


def test_bytes_that_are_no_text_are_of_what_does_not_speak_the_protocol() -> None:
    assert get_connector("duckdb").classify(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "secret")) is GARBAGE


def test_an_error_without_a_category_has_its_type_and_code() -> None:
    class ServerError(Exception):
        pgcode = "XX123"

    connector = get_connector("duckdb")
    for error, named in (
        (ServerError("secret"), "ServerError XX123"),
        (RuntimeError(4711, "secret"), "RuntimeError 4711"),
    ):
        text = connector.classify(error).text("db")
        assert text == f"db failed with {named}, which has no category yet. Please report it."
    # A text is no code, whatever it looks like.
    for secret in ("secret", "00000", "28P01"):
        assert secret not in connector.classify(RuntimeError(secret)).text("db")


@pytest.mark.parametrize("value", [42, "text", {"a": 1}, iter([42])])
def test_what_is_not_tabular_names_the_step(value: Any) -> None:
    with pytest.raises(DataError, match="Step orders: its result of type"):
        to_reader(value, "orders")


def test_a_database_that_does_not_exist_yet_is_said(tmp_path: Path) -> None:
    path = str(tmp_path / "new.duckdb")
    ok, verdict = get_connector("duckdb").doctor({"path": path})
    assert ok
    assert verdict["details"]["note"] == "the file does not exist yet, what writes first creates it"
    assert not Path(path).exists()
    ok, verdict = get_connector("duckdb").doctor({"path": path, "read_only": True})
    assert not ok
