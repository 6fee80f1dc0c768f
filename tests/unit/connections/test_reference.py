"""References (CONN-004)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections import ConnectionRef, resolve_connection
from osiris_provider.connections.reference import AIRFLOW_ID, reference_to, shown
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

from tests.unit.connection_files import SAMPLES, write

names = st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True)
PATTERN = re.compile(r"^@[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")


@given(names, names)
def test_conn_004_family_and_alias(family: str, alias: str) -> None:
    ref = ConnectionRef.parse(f"@{family}.{alias}")
    assert (ref.family, ref.alias) == (family, alias)
    assert str(ref) == f"@{family}.{alias}"


@given(names)
def test_conn_004_family_alone(family: str) -> None:
    ref = ConnectionRef.parse(f"@{family}")
    assert (ref.family, ref.alias) == (family, None)
    assert str(ref) == f"@{family}"


@given(st.text(alphabet="@.aA0_-é\n ") | st.text())
def test_conn_004_the_pattern_decides(text: str) -> None:
    if PATTERN.match(text):
        assert str(ConnectionRef.parse(text)) == text
        return
    with pytest.raises(ConnectionConfigError, match=r"@family\.alias") as raised:
        ConnectionRef.parse(text)
    assert "[" not in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql.default", "does not begin with @"),
        ("@MySQL.Default", "capital letters"),
        ("@mysql-default", "hyphen"),
        ("@mysql.a.b", "more than one dot"),
        ("@mysql. default", "begin with a letter"),
        ("@mysql.1st", "begin with a letter"),
        (" @mysql.default", "spaces around it"),
        ("@mysql.default\n", "spaces around it"),
        ("", "is empty"),
        ("@", "begin with a letter"),
        ("@mysql.", "begin with a letter"),
        ("@mysql.defaült", "begin with a letter"),
    ],
)
def test_conn_004_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ConnectionConfigError, match=said):
        ConnectionRef.parse(text)


@pytest.mark.parametrize(
    ("text", "connection_id"),
    [
        ("@airflow.My-Conn", "My-Conn"),
        ("@mysql.a.b", "a.b"),
        ("@airflow.my conn", ""),
        ("@mysql.", ""),
        ("@", ""),
        ("mysql.default", ""),
        ("My-Conn", ""),
    ],
)
def test_what_may_be_an_id_of_airflow_is_said_as_one(text: str, connection_id: str) -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        ConnectionRef.parse(text)
    end = str(raised.value).partition(" Write it as @family.alias")[2]
    assert end == (f", or an Airflow connection id alone: {connection_id}." if connection_id else ".")


@pytest.mark.parametrize("value", [None, 3, ["@mysql.default"], {"connection": "@mysql.default"}])
def test_conn_004_something_else_than_text(value: Any) -> None:
    with pytest.raises(ConnectionConfigError, match=r"a text such as @mysql\.default"):
        ConnectionRef.parse(value)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("@mysql.prodction", "@mysql.production"),
        ("@mysq.production", "@mysql.production"),
        ("@MySQL.Default", "@mysql.default"),
        ("mysql.default", "@mysql.default"),
        ("@mysql-production", "@mysql.production"),
        ("@shopify.mian", "@shopify.main"),
    ],
)
def test_conn_004_names_the_nearest_reference(text: str, nearest: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match=re.escape(f"Did you mean '{nearest}'?")):
        resolve_connection(text, write(tmp_path, SAMPLES))


def test_conn_004_unknown_alias_lists_the_aliases(tmp_path: Path) -> None:
    file = write(tmp_path, SAMPLES)
    with pytest.raises(ConnectionNotFoundError, match="has default, production") as raised:
        resolve_connection("@mysql.zzz", file)
    assert (raised.value.reference, raised.value.file) == ("@mysql.zzz", str(file))
    assert "Did you mean" not in str(raised.value)


def test_conn_004_unknown_family_lists_the_families(tmp_path: Path) -> None:
    with pytest.raises(
        ConnectionConfigError, match="Known are airflow, api, duckdb, mysql, postgres, shopify, supabase"
    ):
        resolve_connection("@oracle.main", write(tmp_path, SAMPLES))


def test_conn_004_known_family_without_connections(tmp_path: Path) -> None:
    with pytest.raises(ConnectionNotFoundError, match="no family postgres"):
        resolve_connection("@postgres.main", write(tmp_path, SAMPLES))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mysql", "mysql"),
        ("x" * 80, "x" * 80),
        ("x" * 81, f"{'x' * 77}..."),
        ("x" * 79 + "\n", "x" * 79 + "?"),
        ("a[red]b\0\x1b", "a?red?b??"),
        ("mysql://ann:s3cret@db/shop", "mysql://***@db/shop"),
        ("mysql://ann:s3@cr:et\n@db/shop", "mysql://***@db/shop"),
        (f"mysql://ann:{'s3cret' * 50}@db", "mysql://***@db"),
        ("mysql://ann@db/shop", "mysql://ann@db/shop"),
        ("mysql://db/shop", "mysql://db/shop"),
    ],
)
def test_a_name_in_a_message_is_short_and_has_no_login(name: str, said: str) -> None:
    assert shown(name) == said


def test_a_reference_in_a_message() -> None:
    assert [reference_to("mysql", alias) for alias in ("shop", "My-Shop", None)] == ["@mysql.shop", "My-Shop", "@mysql"]
    assert reference_to("airflow", "A" * 200) == "A" * 200
    assert reference_to("airflow", "A" * 201) == "A" * 197 + "..."
    assert [bool(AIRFLOW_ID.fullmatch("A" * size)) for size in (0, 1, 200, 201)] == [False, True, True, False]
    assert reference_to("airflow", "A" * 201) == f"{'A' * 197}..."
    with pytest.raises(ConnectionConfigError) as raised:
        ConnectionRef.parse("mysql://ann:s3cret@db")
    assert raised.value.reference == "mysql://***@db"
    assert "s3cret" not in str(raised.value)
