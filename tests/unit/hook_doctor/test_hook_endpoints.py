"""Where the server of each connection type is: one plain connect to it says what a library's error may not."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.registry import hook_type

CASES: list[tuple[str, dict[str, Any], tuple[str, int] | None]] = [
    ("databricks", {"host": "adb-1.azuredatabricks.net"}, ("adb-1.azuredatabricks.net", 443)),
    ("databricks", {"host": "http://here/", "port": 81}, ("here", 81)),
    ("databricks", {"host": "there", "schema": "http", "extra": {"host": "here"}}, ("here", 80)),
    ("databricks", {"host": "here", "extra": {"proxies": {"https": "http://p"}}}, None),
    ("databricks", {}, None),
    ("kafka", {"extra": {"bootstrap.servers": "one:9092"}}, ("one", 9092)),
    ("kafka", {"extra": {"bootstrap.servers": "one:9092,two:9092"}}, None),
    ("kafka", {"extra": {"bootstrap.servers": "one"}}, None),
    ("ssh", {"host": "here"}, ("here", 22)),
    ("sftp", {"host": "here", "port": 23}, ("here", 23)),
    ("ssh", {}, None),
    ("imap", {"host": "here"}, ("here", 993)),
    ("imap", {"host": "here", "extra": {"use_ssl": False}}, ("here", 143)),
    ("imap", {"host": "here", "port": 9}, ("here", 9)),
    ("imap", {}, None),
    ("slack", {}, ("slack.com", 443)),
    ("slack", {"extra": {"base_url": "http://here:81"}}, ("here", 81)),
    ("slack", {"extra": {"proxy": "http://p"}}, None),
    ("wasb", {"login": "account"}, ("account.blob.core.windows.net", 443)),
    ("wasb", {"host": "other.blob.core.windows.net", "login": "x"}, ("other.blob.core.windows.net", 443)),
    ("wasb", {"host": "http://127.0.0.1:10000/x"}, ("127.0.0.1", 10000)),
    ("wasb", {"host": "directory-id", "login": "x"}, None),
    ("wasb", {"extra": {"connection_string": "AccountName=a;AccountKey=k"}}, ("a.blob.core.windows.net", 443)),
    ("wasb", {"extra": {"connection_string": "AccountName=a;EndpointSuffix=b.cn"}}, ("a.blob.b.cn", 443)),
    ("wasb", {"extra": {"connection_string": "BlobEndpoint=http://here:1/x"}}, ("here", 1)),
    ("wasb", {"login": "account", "extra": {"proxies": {"https": "http://p"}}}, None),
    ("wasb", {}, None),
    ("clickhouse", {"host": "here"}, ("here", 8123)),
    ("clickhouse", {"host": "here", "port": 8443, "extra": {"secure": True}}, ("here", 8443)),
    ("clickhouse", {"host": "here", "extra": {"client_kwargs": {"https_proxy": "p"}}}, None),
    ("clickhouse", {}, None),
    ("oracle", {"host": "here", "schema": "SERVICE"}, ("here", 1521)),
    ("oracle", {"host": "here", "extra": {"sid": "x"}, "port": 9}, ("here", 9)),
    ("oracle", {"host": "here", "extra": {"service_name": "x"}}, ("here", 1521)),
    ("oracle", {"host": "name-of-tnsnames"}, None),
    ("oracle", {"host": "here", "port": 9, "extra": {"dsn": "(DESCRIPTION=x)"}}, None),
    ("oracle", {"schema": "SERVICE"}, None),
    ("mssql", {"host": "here"}, ("here", 1433)),
    ("mssql", {"host": "here:9", "port": 8}, ("here", 9)),
    ("mssql", {"host": "here", "port": 8}, ("here", 8)),
    ("mssql", {"host": r"here\instance"}, None),
    ("mssql", {"host": "here:x"}, None),
    ("mssql", {}, None),
    ("mongo", {"host": "here"}, ("here", 27017)),
    ("mongo", {"host": "here:9"}, ("here", 9)),
    ("mongo", {"host": "here", "port": 8}, ("here", 8)),
    ("mongo", {"host": "one,two"}, None),
    ("mongo", {"host": "here", "extra": {"srv": True}}, None),
    ("mongo", {}, None),
    ("elasticsearch", {"host": "here", "port": 9200}, ("here", 9200)),
    ("elasticsearch", {"host": "here"}, None),
    ("elasticsearch", {"port": 9200}, None),
    ("snowflake", {"extra": {"account": "ab1"}}, ("ab1.snowflakecomputing.com", 443)),
    ("snowflake", {"extra": {"account": "ab1", "region": "eu"}}, ("ab1.eu.snowflakecomputing.com", 443)),
    ("snowflake", {"extra": {"host": "here", "protocol": "http", "port": 81}}, ("here", 81)),
    ("snowflake", {"extra": {"host": "here"}}, ("here", 443)),
    ("snowflake", {"extra": {"account": "ab1", "proxy_host": "p"}}, None),
    ("snowflake", {}, None),
    ("trino", {"host": "here"}, ("here", 8080)),
    ("trino", {"host": "here", "extra": {"protocol": "https"}}, ("here", 443)),
    ("trino", {"host": "https://here"}, ("here", 443)),
    ("trino", {"host": "https://here:9"}, ("here", 9)),
    ("trino", {"host": "here", "port": 8}, ("here", 8)),
    ("trino", {}, None),
]


def endpoint_of(connection: HookConnection) -> tuple[str, int] | None:
    endpoint = hook_type(connection.conn_type).endpoint
    assert endpoint is not None
    return endpoint(connection)


@pytest.mark.parametrize(("conn_type", "fields", "endpoint"), CASES)
def test_where_the_server_is(
    conn_type: str, fields: dict[str, Any], endpoint: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert endpoint_of(HookConnection("c", conn_type, **fields)) == endpoint


def test_behind_a_proxy_of_the_environment_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    connection = HookConnection("c", "databricks", host="here")
    assert endpoint_of(connection) is None
    monkeypatch.setenv("no_proxy", "here")
    assert endpoint_of(connection) == ("here", 443)
