"""Frames of pandas and polars have the values that the server gave, or it is said."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pytest
from osiris_provider.errors import DataError, MissingPackageError
from osiris_provider.hooks.dbapi import OsirisDbApiHook

from tests.airflow.conftest import NewHook
from tests.airflow.hooks.sql_values import BYTES

FRAME = "SELECT id, name, price FROM t WHERE id > {} ORDER BY id"


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames(hook: OsirisDbApiHook, kind: Any) -> None:
    hook.run("CREATE TABLE t (id INTEGER, name VARCHAR(9), price DECIMAL(10,2))")
    rows = [(n, None if n == 1 else f"n{n}", Decimal(n) / 4) for n in range(5)]
    hook.insert_rows("t", rows)
    frame: Any = hook.get_df(FRAME.format(hook.placeholder), parameters=[0], df_type=kind)
    assert list(frame.columns) == ["id", "name", "price"]
    assert [int(n) for n in frame["id"]] == [1, 2, 3, 4]
    assert [Decimal(str(price)) for price in frame["price"]] == [price for _, _, price in rows[1:]]
    assert list(frame["name"])[1:] == ["n2", "n3", "n4"]
    chunks: list[Any] = list(
        hook.get_df_by_chunks(FRAME.format(hook.placeholder), parameters=[0], chunksize=3, df_type=kind)
    )
    assert [len(chunk) for chunk in chunks] == [3, 1]
    assert [int(n) for chunk in chunks for n in chunk["id"]] == [1, 2, 3, 4]
    empty: Any = hook.get_df(FRAME.format(9), df_type=kind)
    assert (len(empty), list(empty.columns)) == (0, ["id", "name", "price"])


LONG = "SELECT big, fine, money, price FROM t ORDER BY n"


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "in columns: big, money."),
        ({"coerce_float": False}, "in columns: big."),
        ({"dtype_backend": "numpy_nullable"}, "in columns: money."),
        ({"df_type": "polars"}, ""),
    ],
)
def test_values_that_are_others_in_a_frame_are_said(
    hook: OsirisDbApiHook, options: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook.run("CREATE TABLE t (n INTEGER, big BIGINT, fine BIGINT, money DECIMAL(30,2), price DECIMAL(9,2))")
    digits = Decimal("12345678901234567890.12")
    hook.insert_rows("t", [(1, 2**53 + 1, 2**53, digits, Decimal("1.10")), (2, None, None, None, None)])
    for read in (hook.get_df(LONG, **options), *hook.get_df_by_chunks(LONG, chunksize=5, **options)):
        assert len(read) == 2
    assert caplog.text.count("The frame of pandas has other values than the server gave") == (2 if said else 0)
    assert said in caplog.text
    hook.run("DELETE FROM t WHERE n = 2")
    caplog.clear()
    assert len(hook.get_df(LONG, coerce_float=False)) == 1
    assert caplog.text == ""


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
def test_a_column_whose_name_another_has_too_is_looked_at(new_hook: NewHook, caplog: pytest.LogCaptureFixture) -> None:
    joined = f"SELECT a.id, b.id FROM (VALUES ({2**53 + 1}), (NULL)) AS a (id), (VALUES (1)) AS b (id)"
    frame: Any = new_hook("postgres").get_df(joined)
    assert list(frame.columns) == ["id", "id"]
    assert "in columns: id." in caplog.text


@pytest.mark.parametrize("module", ["pandas.io.sql", "polars"])
def test_a_library_of_frames_that_is_missing_is_named(
    new_hook: NewHook, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, kind = new_hook("duckdb"), module.partition(".")[0]
    monkeypatch.setitem(sys.modules, module, None)
    ways: list[Any] = [hook.get_df, lambda sql, **options: next(hook.get_df_by_chunks(sql, chunksize=5, **options))]
    for read in ways:
        with pytest.raises(MissingPackageError, match=rf"^{kind} is not installed; run: pip install .*\[{kind}\]'$"):
            read("SELECT 1", df_type=kind)


def test_bytes_in_a_polars_frame(hook: OsirisDbApiHook) -> None:
    hook.run(f"CREATE TABLE b (v {'bytea' if hook.family == 'postgres' else 'BLOB'})")
    hook.insert_rows("b", [(BYTES,)])
    frame: Any = hook.get_df("SELECT v FROM b", df_type="polars")
    assert frame["v"].to_list() == [BYTES]


HAS_NO_FORM = {
    "postgres": ["'NaN'::numeric", "'Infinity'::numeric", "'12:30+02'::timetz"],
    "duckdb": ["'12:30:00+02'::TIMETZ"],
}


@pytest.mark.parametrize(
    ("family", "value"), [(family, value) for family in HAS_NO_FORM for value in HAS_NO_FORM[family]]
)
def test_what_polars_has_no_form_for_is_an_error(new_hook: NewHook, family: str, value: str) -> None:
    hook = new_hook(family)
    for read in (lambda sql: hook.get_df(sql, df_type="polars"), lambda sql: next(_chunks(hook, sql))):
        with pytest.raises(DataError, match="Column v has a value that polars has no form for"):
            read(f"SELECT 1 AS n, {value} AS v")


def test_decimals_that_do_not_fit_a_column_of_polars_are_no_nulls(new_hook: NewHook) -> None:
    hook = new_hook("postgres")
    rows = "VALUES (123456789012345678901234567890.1), ({}), (NULL)"
    with pytest.raises(DataError, match="Column v has a value that polars has no form for"):
        hook.get_df(f"SELECT * FROM ({rows.format('0.00000000000000000001')}) AS t (v)", df_type="polars")
    frame: Any = hook.get_df(f"SELECT * FROM ({rows.format('0.00000001')}) AS t (v)", df_type="polars")
    assert frame["v"].to_list() == [Decimal("123456789012345678901234567890.1"), Decimal("0.00000001"), None]


def _chunks(hook: OsirisDbApiHook, sql: str) -> Any:
    return hook.get_df_by_chunks(sql, chunksize=5, df_type="polars")
