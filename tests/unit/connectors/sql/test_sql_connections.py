"""Fields and DSNs of the SQL families, without a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.errors import ConnectionConfigError

AWKWARD = "p@ss:w/o#r%d?&=+ ünïcødé €"
BASE: dict[str, dict[str, Any]] = {
    family: {"family": family, "alias": "test", "host": "db.example.com", "user": AWKWARD, "password": AWKWARD}
    for family in ("mysql", "postgres")
}
FAMILIES = pytest.mark.parametrize("family", ["mysql", "postgres"])


@FAMILIES
def test_conn_016_every_part_of_the_dsn_is_quoted(family: str) -> None:
    parts = urlsplit(get_connector(family).build_dsn({**BASE[family], "database": AWKWARD, "port": "1234"}))
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (AWKWARD, AWKWARD)
    assert (parts.hostname, parts.port, unquote(parts.path)) == ("db.example.com", 1234, f"/{AWKWARD}")


@FAMILIES
def test_conn_016_ipv6_in_brackets(family: str) -> None:
    connector = get_connector(family)
    connection = {**BASE[family], "host": "2001:db8::1"}
    assert urlsplit(connector.build_dsn(connection)).hostname == "2001:db8::1"
    assert "[" not in connector.address_of(connection)


ADDRESSES: list[tuple[str, dict[str, Any], str]] = [
    ("mysql", {}, "db.example.com:3306"),
    ("mysql", {"host": "2001:db8::1", "port": 3307}, "2001:db8::1 port 3307"),
    ("mysql", {"host": None, "unix_socket": "/run/mysqld.sock"}, "/run/mysqld.sock"),
    ("postgres", {"port": 5433}, "db.example.com:5433"),
    ("postgres", {"host": "/run/postgresql"}, "/run/postgresql/.s.PGSQL.5432"),
    ("postgres", {"host": "/run/postgresql", "port": 5433}, "/run/postgresql/.s.PGSQL.5433"),
    ("duckdb", {"path": ":memory:"}, "DuckDB in memory"),
    ("duckdb", {"path": f"/{'x' * 99}"}, f"/{'x' * 99}"),
    ("duckdb", {"path": f"/yz{'x' * 99}"}, f"...z{'x' * 99}"),
]


@pytest.mark.parametrize(("family", "fields", "address"), ADDRESSES)
def test_conn_011_where_a_server_is_in_messages(family: str, fields: dict[str, Any], address: str) -> None:
    base = BASE.get(family, {"family": family, "alias": "test"})
    assert get_connector(family).address_of({**base, **fields}) == address


@pytest.mark.parametrize(("family", "port"), [("mysql", 3306), ("postgres", 5432)])
def test_conn_016_redacted_dsn_is_that_of_the_contract(family: str, port: int) -> None:
    scheme = "mysql" if family == "mysql" else "postgresql"
    redacted = get_connector(family).build_dsn_redacted({**BASE[family], "database": "db"})
    assert redacted == f"{scheme}://***@db.example.com:{port}/db"


def test_conn_016_options_are_in_the_dsn() -> None:
    mysql = parse_qs(urlsplit(get_connector("mysql").build_dsn(BASE["mysql"])).query)
    assert mysql == {"charset": ["utf8mb4"]}
    postgres = get_connector("postgres").build_dsn({**BASE["postgres"], "sslmode": "require"})
    assert parse_qs(urlsplit(postgres).query) == {"sslmode": ["require"]}


@FAMILIES
@pytest.mark.parametrize("host", [None, "", "   "])
def test_conn_007_missing_host_never_becomes_localhost(family: str, host: str | None) -> None:
    connection = {**BASE[family], "host": host}
    with pytest.raises(ConnectionConfigError, match=r"\bhost\b"):
        get_connector(family).create_client(connection)
    ok, verdict = get_connector(family).doctor(connection)
    assert (ok, verdict["category"], verdict["details"]["retryable"]) == (False, "unknown", False)


@FAMILIES
@pytest.mark.parametrize(
    ("host", "is_host"),
    [
        ("db.example.com", True),
        ("db_1.example.com.", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("a@db", False),
        ("ann:p4ss@db", False),
        ("@ann@db", False),
        (":p4ss@db", False),
        ("db:3306", False),
        ("[::1]", False),
        ("https://db", False),
    ],
)
def test_conn_011_a_host_is_shown_and_holds_no_login(family: str, host: str, is_host: bool) -> None:
    problems = get_connector(family).coerce({**BASE[family], "host": host})[1]
    assert [name for name, _ in problems] == ([] if is_host else ["host"])
    assert "p4ss" not in str(problems)


@FAMILIES
@pytest.mark.parametrize("port", [0, 65536, "abc", -1])
def test_conn_008_port_is_a_port(family: str, port: Any) -> None:
    with pytest.raises(ConnectionConfigError, match=r"\bport\b"):
        get_connector(family).create_client({**BASE[family], "port": port})


@FAMILIES
def test_conn_008_other_names_of_fields(family: str) -> None:
    given = {"host": "h", "username": "u", "passwd": "p", "dbname": "d"}
    coerced, problems, unknown = get_connector(family).coerce(given)
    assert (problems, unknown) == ([], [])
    assert coerced == {"host": "h", "user": "u", "password": "p", "database": "d"}


def test_mysql_charset_that_nobody_knows() -> None:
    with pytest.raises(ConnectionConfigError, match="charset"):
        get_connector("mysql").create_client({**BASE["mysql"], "charset": "klingon"})
