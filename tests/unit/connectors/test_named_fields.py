"""A mistake in a connection is an error that names its field, in words and for programs (CONN-007, 008)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.errors import ConnectionConfigError

NOWHERE = "/no/such/file"
TEXT = __file__
"""A file, and none of TLS."""
FIELDS: dict[str, dict[str, Any]] = {
    # A port on which nothing listens: what is not refused before says so.
    "mysql": {"host": "127.0.0.1", "port": 1, "user": "ann"},
    "postgres": {"host": "127.0.0.1", "port": 1, "user": "ann"},
    "duckdb": {"path": ":memory:"},
    "supabase": {"url": "https://abc123.supabase.co", "anon_key": "k"},
    "airflow": {"conn_type": "http"},
}


def dsn(text: str, **others: Any) -> dict[str, Any]:
    return {"host": None, "port": None, "user": None, "dsn": text, **others}


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("mysql", {"charset": "klingon"}, "charset"),
    ("mysql", {"ssl_ca": NOWHERE}, "ssl_ca"),
    ("mysql", {"ssl_ca": TEXT}, "ssl_ca"),
    ("mysql", {"ssl_cert": NOWHERE}, "ssl_cert"),
    ("mysql", {"ssl_cert": TEXT}, "ssl_cert"),
    ("mysql", {"ssl_cert": TEXT, "ssl_key": NOWHERE}, "ssl_key"),
    ("mysql", {"server_public_key": NOWHERE}, "server_public_key"),
    ("mysql", {"server_public_key": TEXT}, "server_public_key"),
    ("mysql", {"ssl_mode": "REQUIRED", "ssl": True}, "ssl_mode"),
    ("mysql", {"ssl_mode": "REQUIRED", "ssl_verify": True}, "ssl_mode"),
    ("mysql", {"ssl_mode": "REQUIRED", "sslmode": "REQUIRED"}, "sslmode"),
    ("mysql", {"host": None}, "host"),
    ("postgres", {"host": None}, "host"),
    ("postgres", {"user": None}, "user"),
    ("postgres", dsn("user=ann"), "host"),
    ("postgres", dsn("host=127.0.0.1 port=1"), "user"),
    ("postgres", dsn("no dsn"), "dsn"),
    ("postgres", dsn("postgresql://ann:p@ss@127.0.0.1:1/d"), "dsn"),
    ("postgres", dsn("postgres://ann:p@ss@127.0.0.1:1/d"), "dsn"),
    ("postgres", dsn("postgresql://ann@127.0.0.1:1,127.0.0.1:1/d"), "dsn"),
    ("postgres", dsn("host=127.0.0.1 port=1,2 user=ann"), "dsn"),
    ("postgres", dsn("host=127.0.0.1 port=one user=ann"), "dsn"),
    ("postgres", dsn("host=127.0.0.1 port=1 user=ann service=mine"), "dsn"),
    ("postgres", dsn("host=127.0.0.1 port=1 user=ann require_auth=guess"), "dsn"),
    ("postgres", dsn("host=ann:secret@127.0.0.1 port=1 user=ann"), "dsn"),
    ("postgres", dsn("host=127.0.0.1 port=1 user=ann sslmode=require", sslmode="require"), "sslmode"),
    ("postgres", {"user": "a\0"}, "user"),
    ("postgres", {"database": "a\0"}, "database"),
    ("postgres", {"password": "\ud800"}, "password"),
    ("postgres", {"password": "\udfff"}, "password"),
    ("postgres", {"sslnegotiation": "direct"}, "sslnegotiation"),
    ("postgres", {"sslnegotiation": "direct", "sslmode": "prefer"}, "sslnegotiation"),
    ("postgres", {"sslmode": "verify-full"}, "sslrootcert"),
    ("postgres", {"sslmode": "verify-ca"}, "sslrootcert"),
    ("postgres", {"sslrootcert": NOWHERE}, "sslrootcert"),
    ("postgres", {"sslcert": NOWHERE}, "sslcert"),
    ("postgres", {"sslkey": NOWHERE}, "sslkey"),
    ("postgres", {"sslcrl": NOWHERE}, "sslcrl"),
    ("postgres", {"sslcrl": TEXT}, "sslcrl"),
    ("postgres", {"require_auth": "md5,!gss"}, "require_auth"),
    ("postgres", {"require_auth": "md5,md5"}, "require_auth"),
    ("postgres", {"require_auth": "guess"}, "require_auth"),
    ("duckdb", {"temp_directory": NOWHERE}, "temp_directory"),
    ("duckdb", {"memory": "lots"}, "memory"),
    ("duckdb", {"path": "s3://x"}, "path"),
    ("supabase", {"url": "https://abc123.supabase.co/rest/v1"}, "url"),
    ("supabase", {"url": "https://abc123.supabase.co/rest"}, "url"),
    ("supabase", {"anon_key": None}, "service_role_key"),
    ("supabase", {"api_version": "1"}, "api_version"),
    ("supabase", {"schema": " "}, "schema"),
    ("supabase", {"schema": "a\x1fb"}, "schema"),
    ("supabase", {"schema": "a\ud800"}, "schema"),
    ("airflow", {"conn_type": "no_such_type"}, "conn_type"),
    ("airflow", {"conn_type": "a b"}, "conn_type"),
    ("airflow", {"extra": "[]"}, "extra"),
]


@pytest.fixture(autouse=True)
def without_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no certificates of an authority at home."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(("family", "mistake", "field"), MISTAKES)
def test_conn_008_a_mistake_names_its_field(family: str, mistake: dict[str, Any], field: str) -> None:
    given = {name: value for name, value in {**FIELDS[family], **mistake}.items() if value is not None}
    with pytest.raises(ConnectionConfigError) as raised:
        get_connector(family).create_client({"family": family, "alias": "x", **given})
    assert (raised.value.field, f"field {field}" in str(raised.value)) == (field, True)


@pytest.mark.parametrize("field", ["host", "user"])
def test_conn_007_of_postgres_without_a_dsn_both_are_required_before_anything_is_opened(field: str) -> None:
    given = {name: value for name, value in FIELDS["postgres"].items() if name != field}
    problems = get_connector("postgres").coerce(given)[1]
    assert [name for name, _ in problems] == [field]
