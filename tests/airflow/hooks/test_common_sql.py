"""Every operator, sensor and transfer of the common SQL provider, on our hooks of all three SQL families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer
from airflow.providers.common.sql.operators.sql import (
    BranchSQLOperator,
    SQLCheckOperator,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLInsertRowsOperator,
    SQLIntervalCheckOperator,
    SQLTableCheckOperator,
    SQLThresholdCheckOperator,
    SQLValueCheckOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor
from osiris_provider.hooks.base import OsirisHook
from osiris_provider.hooks.dbapi import OsirisDbApiHook
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend

from tests.airflow.conftest import MYSQL_SERVERS
from tests.airflow.hooks.sql_values import CASES
from tests.airflow.hooks.test_bulk_files import switched
from tests.airflow.versions import since_common_sql_2_1
from tests.servers.process import Server

ROWS = [(1, "2026-11-27", 10.0), (2, "2026-11-28", 11.0), (3, "2026-11-28", None)]
CONTEXT: dict[str, Any] = {"ds": "2026-11-28"}


@pytest.fixture
def hook(hook: OsirisDbApiHook, monkeypatch: pytest.MonkeyPatch) -> OsirisDbApiHook:
    """A hook with a table, whose connection the operators find under its id."""
    connection_id = hook.get_conn_id()
    value = OsirisConnectionsBackend().get_conn_value(connection_id)
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", str(value))
    hook.run("CREATE TABLE orders (id INTEGER, day DATE, price DOUBLE PRECISION)")
    hook.insert_rows("orders", ROWS)
    return hook


def _new(kind: Any, hook: OsirisDbApiHook, **arguments: Any) -> Any:
    return kind(task_id="task", conn_id=hook.get_conn_id(), **arguments)


def _run(kind: Any, hook: OsirisDbApiHook, **arguments: Any) -> Any:
    operator = _new(kind, hook, **arguments)
    assert isinstance(operator.get_db_hook(), OsirisHook)
    return operator.execute(CONTEXT)


def test_checks_of_columns(hook: OsirisDbApiHook) -> None:
    good = {
        "id": {
            "null_check": {"equal_to": 0},
            "distinct_check": {"equal_to": 3},
            "min": {"geq_to": 1},
            "max": {"leq_to": 3},
        },
        "price": {"null_check": {"equal_to": 1}},
    }
    _run(SQLColumnCheckOperator, hook, table="orders", column_mapping=good)
    bad = {"id": {"max": {"less_than": 3}}}
    with pytest.raises(Exception, match="Check Values"):
        _run(SQLColumnCheckOperator, hook, table="orders", column_mapping=bad)


def test_checks_of_tables(hook: OsirisDbApiHook) -> None:
    checks = {
        "amount": {"check_statement": "COUNT(*) = 3"},
        "prices": {"check_statement": "price > 5", "partition_clause": "id < 3"},
    }
    _run(SQLTableCheckOperator, hook, table="orders", checks=checks)
    with pytest.raises(Exception, match="COUNT"):
        _run(SQLTableCheckOperator, hook, table="orders", checks={"amount": {"check_statement": "COUNT(*) = 4"}})


def test_checks_of_values(hook: OsirisDbApiHook) -> None:
    count = "SELECT COUNT(*) FROM orders"
    _run(SQLCheckOperator, hook, sql=count)
    with pytest.raises(Exception, match="Test failed"):
        _run(SQLCheckOperator, hook, sql="SELECT 0")
    _run(SQLValueCheckOperator, hook, sql=count, pass_value=3)
    _run(SQLValueCheckOperator, hook, sql="SELECT 10.5", pass_value=10, tolerance=0.1)
    with pytest.raises(Exception, match="Test failed"):
        _run(SQLValueCheckOperator, hook, sql=count, pass_value=4)
    _run(SQLThresholdCheckOperator, hook, sql=count, min_threshold=1, max_threshold="SELECT 3")
    with pytest.raises(Exception, match="is not within thresholds"):
        _run(SQLThresholdCheckOperator, hook, sql=count, min_threshold=4, max_threshold=9)


def test_checks_of_intervals(hook: OsirisDbApiHook) -> None:
    days = {"date_filter_column": "day", "days_back": -1}
    operator = _new(SQLIntervalCheckOperator, hook, table="orders", metrics_thresholds={"COUNT(*)": 3}, **days)
    # Airflow renders these.
    operator.sql1, operator.sql2 = (
        text.replace("{{ ds }}", "2026-11-28").replace("{{ macros.ds_add(ds, -1) }}", "2026-11-27")
        for text in (operator.sql1, operator.sql2)
    )
    operator.execute(CONTEXT)


def test_rows_are_inserted(hook: OsirisDbApiHook) -> None:
    _run(
        SQLInsertRowsOperator, hook, table_name="orders", rows=[(4, "2026-11-28", 1.5)], columns=["id", "day", "price"]
    )
    _run(SQLInsertRowsOperator, hook, table_name="orders", rows=[(5, None)], ignored_columns=["day"])
    assert hook.get_records("SELECT id, price FROM orders WHERE id > 3 ORDER BY id") == [(4, 1.5), (5, None)]


def test_statements_and_their_parameters(hook: OsirisDbApiHook) -> None:
    statement = f"SELECT COUNT(*) FROM orders WHERE id > {hook.placeholder}"
    assert _run(SQLExecuteQueryOperator, hook, sql=statement, parameters=[1]) == [(2,)]
    both = "INSERT INTO orders (id) VALUES (9); SELECT COUNT(*) FROM orders"
    assert _run(SQLExecuteQueryOperator, hook, sql=both, split_statements=True) == [(4,)]


def test_branches_and_sensors(hook: OsirisDbApiHook, monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[Any] = []
    monkeypatch.setattr(
        BranchSQLOperator,
        "skip_all_except",
        lambda _self, _ti, tasks: followed.append(tasks),
        raising=False,
    )
    branch = _new(
        BranchSQLOperator,
        hook,
        sql="SELECT COUNT(*) = 3 FROM orders",
        follow_task_ids_if_true="yes",
        follow_task_ids_if_false="no",
    )
    branch.execute({**CONTEXT, "ti": None, "dag_run": None})
    assert followed == ["yes"]
    assert _new(SqlSensor, hook, sql="SELECT COUNT(*) FROM orders").poke(CONTEXT) is True
    assert _new(SqlSensor, hook, sql="SELECT id FROM orders WHERE id > 99").poke(CONTEXT) is False


def test_transfers(hook: OsirisDbApiHook) -> None:
    hook.run("CREATE TABLE copies (id INTEGER, day DATE, price DOUBLE PRECISION)")
    connection_id = hook.get_conn_id()
    ids = {"source_conn_id": connection_id, "destination_conn_id": connection_id, "destination_table": "copies"}
    kind: Any = GenericTransfer
    transfer = kind(task_id="task", sql="SELECT * FROM orders", preoperator="DELETE FROM copies", **ids)
    transfer.execute(CONTEXT)
    transfer.execute(CONTEXT)
    rows = "SELECT id, price FROM {} ORDER BY id"
    assert hook.get_records(rows.format("copies")) == hook.get_records(rows.format("orders"))


@since_common_sql_2_1
def test_transfers_in_pages(hook: OsirisDbApiHook) -> None:
    hook.run("CREATE TABLE copies (id INTEGER, day DATE, price DOUBLE PRECISION)")
    connection_id = hook.get_conn_id()
    ids = {"source_conn_id": connection_id, "destination_conn_id": connection_id, "destination_table": "copies"}
    kind: Any = GenericTransfer
    kind(task_id="task", sql="SELECT * FROM orders ORDER BY id", page_size=2, **ids).execute(CONTEXT)
    assert hook.get_first("SELECT COUNT(*), COUNT(DISTINCT id) FROM copies") == (3, 3)


@since_common_sql_2_1
def test_files_are_loaded(hook: OsirisDbApiHook, sql_server: Callable[[str], Server], tmp_path: Path) -> None:
    from airflow.providers.common.sql.operators.sql import SQLBulkLoadOperator

    file = tmp_path / "lines"
    file.write_bytes(b"7\t2026-11-28\t1.5\n8\t\\N\t\\N\n")
    arguments = {"table": "orders", "tmp_file": str(file), "preoperator": "DELETE FROM orders"}
    with switched_by(hook, sql_server):
        _run(SQLBulkLoadOperator, hook, postoperator="DELETE FROM orders WHERE id = 8", **arguments)
    assert hook.get_records("SELECT id, price FROM orders") == [(7, 1.5)]


@contextmanager
def switched_by(hook: OsirisDbApiHook, sql_server: Callable[[str], Server]) -> Iterator[None]:
    """Have the server of a hook take LOAD DATA LOCAL for a while, if it is one of MySQL."""
    names = [
        name for name in MYSQL_SERVERS if hook.family == "mysql" and sql_server(name).port == hook.resolved["port"]
    ]
    with switched(names[0] if names else hook.family, sql_server, "ON"):
        yield


def test_every_python_type_in_a_cell(hook_kept_open: OsirisDbApiHook) -> None:
    """Each operator, sensor and transfer that looks at cells, or hands them on."""
    hook = hook_kept_open
    types = CASES[hook.family]
    names = [f"c{number}" for number in range(len(types))]
    columns = ", ".join(f"{name} {dtype}" for name, (dtype, *_) in zip(names, types, strict=True))
    for table in ("cells", "copies"):
        hook.run(f"CREATE TABLE {table} ({columns})")
    row = tuple(given for _, given, _ in types)
    _run(SQLInsertRowsOperator, hook, table_name="cells", rows=[row], columns=names)
    select = f"SELECT {', '.join(names)} FROM cells"
    records = _run(SQLExecuteQueryOperator, hook, sql=select)
    assert len(records) == 1
    connection_id = hook.get_conn_id()
    ids = {"source_conn_id": connection_id, "destination_conn_id": connection_id, "destination_table": "copies"}
    transfer: Any = GenericTransfer
    transfer(task_id="task", sql=select, **ids).execute(CONTEXT)
    assert _plain(hook.get_records("SELECT * FROM copies")) == _plain(records)
    for name, value in zip(names, _plain(records)[0], strict=True):
        cell = f"SELECT {name} FROM cells"
        assert _new(SqlSensor, hook, sql=cell).poke(CONTEXT) is (bool(value) and str(value) not in ("0", "")), name
        check = _new(SQLCheckOperator, hook, sql=cell)
        if value:
            check.execute(CONTEXT)
        else:
            with pytest.raises(Exception, match="Test failed"):
                check.execute(CONTEXT)


def _plain(records: Any) -> Any:
    return [tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in records]
