"""Every error code that a login, a query or a write can meet has a category and a permanence (CONN-010)."""

from __future__ import annotations

import pymysql
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.mysql import faults
from osiris_provider.errors import Fault
from pymysql.constants import ER

MYSQL = get_connector("mysql")
CODES = {name: code for name, code in vars(ER).items() if isinstance(code, int)}
"""Names and numbers of MySQL 5.7, as PyMySQL has them; the servers' own tables are read in the integration tests."""


def fault_of(code: int) -> Fault:
    return MYSQL.classify(pymysql.OperationalError(code, "in any language"))


def test_no_code_has_two_faults() -> None:
    listed = [code for group in faults.GROUPS for codes in group.values() for code in faults.numbers(codes)]
    assert len(listed) == len(set(listed)) == len(faults.FAULTS)


def test_conn_010_every_code_that_pymysql_names() -> None:
    assert len(CODES) > 400
    assert not [name for name, code in CODES.items() if fault_of(code).slug == "unknown"]


@pytest.mark.parametrize(
    ("code", "slug", "category", "retryable"),
    [
        (1015, "read_only", "permission", False),
        (1040, "too_many_connections", "network", True),
        (1044, "database_denied", "permission", False),
        (1045, "wrong_password", "auth", False),
        (1047, "not_ready", "network", True),
        (1049, "unknown_database", "unknown", False),
        (1053, "not_ready", "network", True),
        (1059, "bad_table", "unknown", False),
        (1060, "bad_table", "unknown", False),
        (1071, "bad_table", "unknown", False),
        (1104, "bad_sql", "unknown", False),
        (1117, "bad_table", "unknown", False),
        (1118, "bad_table", "unknown", False),
        (1129, "host_blocked", "permission", False),
        (1148, "local_infile_off", "permission", False),
        (1153, "row_too_large", "unknown", False),
        (1166, "bad_table", "unknown", False),
        (1176, "bad_sql", "unknown", False),
        (1203, "too_many_connections", "network", True),
        (1205, "lock_timeout", "timeout", True),
        (1213, "deadlock", "unknown", True),
        (1226, "too_many_connections", "network", True),
        (1290, "read_only", "permission", False),
        (1347, "bad_sql", "unknown", False),
        (1425, "bad_table", "unknown", False),
        (1820, "password_expired", "auth", False),
        (1862, "password_expired", "auth", False),
        (1874, "read_only", "permission", False),
        (1020, "conflict", "unknown", True),
        (1412, "conflict", "unknown", True),
        (1114, "server_full", "unknown", True),
        (1105, "server_failed", "unknown", True),
        (3032, "not_ready", "network", True),
        (3118, "account_locked", "auth", False),
        (3140, "bad_data", "unknown", False),
        (3159, "tls_required", "network", False),
        (3730, "table_referenced", "unknown", False),
        (3750, "bad_table", "unknown", False),
        (3948, "local_infile_off", "permission", False),
        (3955, "account_locked", "auth", False),
        (4031, "killed", "network", True),
        (4150, "account_locked", "auth", False),
        (6136, "bad_data", "unknown", False),
        (6400, "not_ready", "network", True),
        (2014, "garbage", "network", False),
        (1007, "statement_refused", "unknown", False),
        (3500, "statement_refused", "unknown", False),
        (9999, "unknown", "unknown", True),
        (10_001, "unknown", "unknown", True),
    ],
)
def test_conn_010_codes_by_meaning(code: int, slug: str, category: str, retryable: bool) -> None:
    fault = fault_of(code)
    assert (fault.slug, fault.category, fault.is_transient) == (slug, category, retryable)


def test_what_is_refused_for_no_better_reason_shows_the_code() -> None:
    assert "error 1007" in fault_of(1007).text("db:3306")


def test_advice_on_a_blocked_machine_works_on_either_server() -> None:
    text = fault_of(1129).text("db:3306")
    assert "TRUNCATE performance_schema.host_cache" in text
    assert "on MariaDB FLUSH HOSTS" in text
