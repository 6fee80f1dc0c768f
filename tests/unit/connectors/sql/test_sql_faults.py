"""Every code in the tables of the SQL families leads to a fault that is fit to be shown."""

from __future__ import annotations

import psycopg2
import pymysql
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.mysql import faults as mysql_faults
from osiris_provider.connectors.postgres import faults as postgres_faults
from osiris_provider.connectors.sql import faults as sql_faults
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from psycopg2 import errorcodes

MYSQL = get_connector("mysql")
POSTGRES = get_connector("postgres")


@pytest.mark.parametrize("code", mysql_faults.FAULTS)
def test_conn_010_mysql_codes(code: int) -> None:
    assert MYSQL.classify(pymysql.OperationalError(code, "in any language")) is mysql_faults.FAULTS[code]


@pytest.mark.parametrize(
    ("code", "category"),
    [
        (1045, "auth"),
        (1044, "permission"),
        (1142, "permission"),
        (1040, "network"),
        (1205, "timeout"),
        (1049, "unknown"),
        (9001, "network"),
        (9501, "network"),
    ],
)
def test_conn_010_mysql_categories(code: int, category: str) -> None:
    assert MYSQL.classify(pymysql.OperationalError(code, "")).category == category


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (pymysql.InternalError("Packet sequence number wrong - got 80 expected 0"), "garbage"),
        (pymysql.OperationalError(2013, "Lost connection"), "reset"),
        (pymysql.InterfaceError(0, ""), "reset"),
        (pymysql.OperationalError(9999, "of a server of the future"), "unknown"),
        (pymysql.OperationalError(), "unknown"),
        (ConnectionRefusedError(111, "refused"), "refused"),
        (UnicodeDecodeError("utf-8", b"\\xff", 0, 1, "noise"), "garbage"),
        (DiagnosedError(sql_faults.DEADLOCK), "deadlock"),
    ],
)
def test_conn_010_mysql_errors_without_a_known_code(error: Exception, slug: str) -> None:
    assert MYSQL.classify(error).slug == slug


def test_conn_010_mysql_timeout_behind_a_lost_connection() -> None:
    lost = pymysql.OperationalError(2013, "Lost connection (timed out)")
    lost.__context__ = TimeoutError("timed out")
    assert MYSQL.classify(lost).category == "timeout"


@pytest.mark.parametrize(
    ("code", "login", "slug"),
    [
        ("28P01", True, "wrong_password"),
        ("28000", True, "login_denied"),
        ("3D000", True, "unknown_database"),
        ("42501", True, "database_denied"),
        ("42501", False, "denied"),
        ("55000", True, "database_closed"),
        ("53300", True, "too_many_connections"),
        ("57P03", True, "not_ready"),
        ("57014", False, "statement_timeout"),
        ("25006", False, "read_only"),
        ("40P01", False, "deadlock"),
        ("23505", False, "bad_data"),
        ("22P02", False, "bad_data"),
        ("42601", False, "bad_sql"),
        ("42P01", False, "no_such_table"),
        ("08006", False, "reset"),
        ("53100", False, "server_full"),
        ("08000", True, "no_backend"),
        ("08000", False, "no_backend"),
        ("XX000", True, "unknown_login"),
        ("XX000", False, "server_failed"),
        ("58030", False, "server_failed"),
        ("22023", False, "bad_data"),
        ("42704", False, "bad_sql"),
        ("21000", False, "bad_sql"),
        ("P0001", False, "bad_data"),
        ("55000", False, "statement_refused"),
        ("55006", False, "conflict"),
        ("25P04", False, "statement_timeout"),
        ("2BP01", False, "statement_refused"),
        ("HV000", False, "server_failed"),
    ],
)
def test_conn_010_sqlstates(code: str, login: bool, slug: str) -> None:
    fault = postgres_faults.fault_of_sqlstate(code, login=login)
    assert fault is not None
    assert fault.slug == slug


def test_conn_010_every_sqlstate_of_the_tables_is_one_of_postgresql() -> None:
    known = {code for code in vars(errorcodes).values() if isinstance(code, str)}
    for table in (postgres_faults._BY_CODE, postgres_faults._BY_CLASS, postgres_faults._AT_LOGIN):  # noqa: SLF001 - what users see of a table is one code at a time
        assert table.keys() <= known


def test_conn_010_unknown_sqlstates_have_no_fault() -> None:
    assert postgres_faults.fault_of_sqlstate("F0000") is None
    assert postgres_faults.fault_of_sqlstate("25001", login=True) is None
    assert POSTGRES.classify(psycopg2.ProgrammingError("no code")).slug == "unknown"
    assert POSTGRES.classify(psycopg2.OperationalError("no code")).slug == "reset"
