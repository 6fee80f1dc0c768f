"""SQLAlchemy on our hooks, on real servers of all three SQL families."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest
from osiris_provider.errors import MissingPackageError
from osiris_provider.hooks.dbapi import OsirisDbApiHook
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.airflow.conftest import NewHook


def test_uris_say_where_the_connection_leads(new_hook: NewHook, tmp_path: Path) -> None:
    assert make_url(new_hook("duckdb").get_uri()).database == str(tmp_path / "Ware House.duckdb")
    for family, driver in (("mysql", "mysql+pymysql"), ("postgres", "postgresql+psycopg2")):
        hook = new_hook(family)
        url = make_url(hook.get_uri())
        assert (url.drivername, url.password) == (driver, hook.resolved["password"])


def test_sqlalchemy_reads_and_writes(hook: OsirisDbApiHook) -> None:
    if hook.family == "duckdb" and duckdb.__version__.startswith("1.4."):
        pytest.skip("duckdb-engine wants the hashable types of DuckDB 1.5")
    hook.run("CREATE TABLE t (n INTEGER)")
    engine = hook.get_sqlalchemy_engine()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": 7})
    engine.dispose()
    assert hook.get_records("SELECT n FROM t") == [(7,)]


def test_sqlalchemy_for_duckdb_names_its_package(new_hook: NewHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_engine", None)
    with pytest.raises(MissingPackageError, match="pip install duckdb-engine"):
        new_hook("duckdb").get_sqlalchemy_engine()
