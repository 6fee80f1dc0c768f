"""What is missing in a frame, and blanks at the end of PostgreSQL's char(n): by rules that docs/writing.md says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.field.conftest import Execute, PostgresTarget
from tests.servers.kinds import MYSQL_AND_MARIADB


def load(connection: dict[str, Any], data: Any, **config: Any) -> None:
    step = {"resolved_connection": connection, "table": "target", **config}
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="load", config=step, inputs={"e": {"data": data}}, ctx=RecordingContext())


NAN = math.nan
FRAMES: list[tuple[Any, list[Any]]] = [
    # What pandas has for a value that is missing is NULL.
    (pd.DataFrame({"v": [1.5, np.nan, np.inf]}), [1.5, None, math.inf]),
    (pd.DataFrame({"v": pd.Series([1.5, None], dtype="object")}), [1.5, None]),
    (pd.DataFrame({"v": pd.Series([1.5, np.nan], dtype="object")}), [1.5, None]),
    (pd.DataFrame({"v": pd.Series([1.5, pd.NA], dtype="Float64")}), [1.5, None]),
    # Where a type has both, NaN is a value.
    (pd.DataFrame({"v": pd.Series([1.5, NAN, None]).astype(pd.ArrowDtype(pa.float64()))}), [1.5, None, None]),
    (pd.DataFrame({"v": pd.Series(pd.arrays.ArrowExtensionArray(pa.array([1.5, NAN, None])))}), [1.5, NAN, None]),
    (pl.DataFrame({"v": [1.5, NAN, None]}), [1.5, NAN, None]),
    (pa.table({"v": pa.array([1.5, NAN, None])}), [1.5, NAN, None]),
    ([{"v": 1.5}, {"v": NAN}, {"v": None}], [1.5, NAN, None]),
    (iter([pd.DataFrame({"v": [1.5]}), pd.DataFrame({"v": [np.nan]})]), [1.5, None]),
]


def as_text(value: Any) -> str:
    return "NULL" if value is None else str(value)


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_nan_of_pandas_is_null_and_nan_of_others_is_nan(postgres_target: PostgresTarget, number: int) -> None:
    connection, execute = postgres_target
    data, expected = FRAMES[number]
    execute("CREATE TABLE target (n SERIAL, v FLOAT8)")
    load(connection, data)
    actual = [value for (value,) in execute("SELECT v FROM target ORDER BY n")]
    assert list(map(as_text, actual)) == list(map(as_text, expected))


def test_other_missing_values_of_pandas_are_null(postgres_target: PostgresTarget) -> None:
    connection, execute = postgres_target
    execute("CREATE TABLE target (n INT, s TEXT, t TIMESTAMP, i BIGINT, b BOOLEAN)")
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "s": ["NaN", np.nan],
            "t": [pd.Timestamp("2026-01-31"), pd.NaT],
            "i": pd.array([2**62 + 1, None], dtype="Int64"),
            "b": pd.array([True, None], dtype="boolean"),
        }
    )
    load(connection, frame)
    stored = execute("SELECT s, t::text, i, b FROM target ORDER BY n")
    assert stored == (("NaN", "2026-01-31 00:00:00", 2**62 + 1, True), (None, None, None, None))


@MYSQL_AND_MARIADB
def test_mysql_has_no_nan_and_takes_that_of_pandas_for_null(connection: dict[str, Any], execute: Execute) -> None:
    execute("CREATE TABLE target (v DOUBLE)")
    load(connection, pd.DataFrame({"v": [1.5, np.nan]}))
    execute("COMMIT")
    assert execute("SELECT v FROM target") == ((1.5,), (None,))
    with pytest.raises(DataError, match="column v, row 2"):
        load(connection, pl.DataFrame({"v": [1.5, NAN]}))


@pytest.mark.parametrize("engine", ["copy", "cursor"])
def test_char_is_read_with_its_blanks_and_text_that_is_too_long_is_refused_with_them(
    postgres_target: PostgresTarget, engine: str
) -> None:
    connection, execute = postgres_target
    execute("CREATE TABLE target (n INT, c CHAR(3), v VARCHAR(3), t TEXT)")
    for also in ({}, {"t": ["a "]}):
        # Binary COPY, and that of texts.
        load(connection, pa.table({"n": [1], "c": ["a"], "v": ["a "], **also}))
    extractor = get_driver("postgres.extractor")
    config = {"resolved_connection": connection, "table": "target", "engine": engine}
    read = extractor.run(step_id="read", config=config, inputs={}, ctx=RecordingContext())["data"].read_all()
    assert read["c"].to_pylist() == ["a  "] * 2
    assert read["v"].to_pylist() == ["a "] * 2
    assert read["t"].to_pylist() == [None, "a "]
    query = {**config, "table": None, "query": "SELECT c::text FROM target"}
    read = extractor.run(step_id="read", config=query, inputs={}, ctx=RecordingContext())["data"].read_all()
    assert read["c"].to_pylist() == ["a"] * 2
    # PostgreSQL itself would cut the blanks.
    for name in ("c", "v"):
        with pytest.raises(DataError, match=f"column {name}, row 1 of the input: the text has more than 3 characters"):
            load(connection, pa.table({name: ["a   "]}))


def test_keys_of_char_are_one_whatever_their_blanks(postgres_target: PostgresTarget) -> None:
    connection, execute = postgres_target
    execute("CREATE TABLE target (c CHAR(3) PRIMARY KEY, v INT)")
    upsert = {"write_mode": "upsert", "primary_key": "c"}
    load(connection, pa.table({"c": ["a", "b "], "v": [1, 2]}), **upsert)
    load(connection, pa.table({"c": ["a  ", "b"], "v": [3, 4]}), **upsert)
    assert execute("SELECT c, v FROM target ORDER BY c") == (("a  ", 3), ("b  ", 4))
    with pytest.raises(DataError, match="same key"):
        load(connection, pa.table({"c": ["a", "a "], "v": [5, 6]}), **upsert)
    assert execute("SELECT v FROM target ORDER BY c") == ((3,), (4,))
