"""Airflow connections of other providers' types, as the families read them: what their hooks would do, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow.delegate import delegate_of, note_on
from osiris_provider.connectors.http.connection import IN_CLEAR
from osiris_provider.connectors.http.faults import REFUSED_REQUEST, status_fault
from osiris_provider.connectors.http.http_hook import HTTP, MAX_NAME, has_credentials
from osiris_provider.connectors.mysql import mysql_hook
from osiris_provider.errors import MAX_MESSAGE, ConnectionConfigError

SLOTS: dict[str, Any] = {"host": "h.example.com", "port": 7, "login": "ann", "password": "pw", "schema": "s"}
SQL = {"host": "h.example.com", "port": 7, "user": "ann", "password": "pw", "database": "s"}


def read(conn_type: str, extra: dict[str, Any], **slots: Any) -> dict[str, Any] | None:
    """The fields in which a family checks a connection, None if its hook does."""
    delegate = delegate_of({"conn_type": conn_type, **SLOTS, **slots, "extra": extra}, "my_conn")
    if delegate is None:
        return None
    fields = {name: value for name, value in delegate.connection.items() if name != "family"}
    assert delegate.connector.coerce(fields)[1] == []
    assert "pw" not in repr(delegate)
    return fields


@pytest.mark.parametrize(
    ("extra", "fields"),
    [
        ({}, {}),
        ({"charset": "utf8", "cursor": "dictcursor", "local_infile": True}, {}),
        ({"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": "/ca"}}, {"ssl_mode": "VERIFY_IDENTITY", "ssl_ca": "/ca"}),
        ({"ssl": '{"ca": "/ca"}'}, {"ssl": True, "ssl_verify": "ca", "ssl_ca": "/ca"}),
        # MySQL's library verifies nothing then, whatever authority it is given.
        ({"ssl": {"ca": "/ca", "cert": "/c"}, "ssl_mode": "required"}, {"ssl_mode": "required", "ssl_cert": "/c"}),
        ({"ssl": {"ca": "/ca"}, "ssl_mode": "PREFERRED"}, {"ssl_mode": "PREFERRED"}),
    ],
)
def test_mysql(extra: dict[str, Any], fields: dict[str, Any]) -> None:
    assert read("mysql", extra) == {**SQL, **fields}


@pytest.mark.parametrize(
    ("extra", "slots"),
    [
        ({"iam": True}, {}),
        ({"client": "mysql-connector-python"}, {}),
        ({"ssl": {"ca": "/ca", "cipher": "x"}}, {}),
        ({"ssl": "not json"}, {}),
        ({"ssl_mode": "VERIFY_IDENTITY"}, {"host": "localhost"}),
        ({}, {"login": None}),
    ],
)
def test_mysql_as_only_its_hook_logs_in(extra: dict[str, Any], slots: dict[str, Any]) -> None:
    assert read("mysql", extra, **slots) is None


def test_what_is_wrong_with_a_type_of_ours_names_the_connection_as_airflow_does() -> None:
    with pytest.raises(ConnectionConfigError, match=r"Airflow connection my_conn: .*host"):
        read("osiris_mysql", {}, host=None)


def test_mysql_by_a_socket() -> None:
    fields = read("mysql", {"unix_socket": "/run/x"}, host="localhost")
    assert fields == {"unix_socket": "/run/x", "user": "ann", "password": "pw", "database": "s"}
    assert read("mysql", {"unix_socket": "/run/x"}) == SQL


def test_mysql_with_the_port_that_a_form_sends_for_none() -> None:
    fields = {name: value for name, value in SQL.items() if name != "port"}
    assert read("mysql", {}, port=0) == fields


@pytest.mark.parametrize("host", ["localhost", "", None])
def test_mysql_on_this_machine_is_a_socket_as_for_its_library(
    host: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYSQL_UNIX_PORT", "/run/of/the/environment")
    assert (read("mysql", {}, host=host) or {})["unix_socket"] == "/run/of/the/environment"
    monkeypatch.delenv("MYSQL_UNIX_PORT")
    there = tmp_path / "mysql.sock"
    there.touch()
    monkeypatch.setattr(mysql_hook, "_SOCKETS", ("/nowhere/mysqld.sock", str(there)))
    assert read("mysql", {}, host=host) == {"unix_socket": str(there), "user": "ann", "password": "pw", "database": "s"}
    there.unlink()
    assert (read("mysql", {}, host=host) or {})["unix_socket"] == "/nowhere/mysqld.sock"


@pytest.mark.parametrize(
    ("extra", "fields"),
    [
        ({}, {}),
        ({"cursor": "dictcursor", "sqlalchemy_query": {"a": "b"}, "iam": False}, {}),
        ({"sqlalchemy_scheme": "postgresql+psycopg", "azure_conn_id": ""}, {}),
        ({"aws_conn_id": "aws", "redshift": False, "cluster-identifier": "c"}, {}),
        ({"redshift-serverless": False, "workgroup-name": "w"}, {}),
        ({"sslmode": "verify-full", "sslrootcert": "/ca"}, {"sslmode": "verify-full", "sslrootcert": "/ca"}),
        # libpq does not ask for TLS because of an authority, except of the system's.
        ({"sslrootcert": "/ca"}, {"sslmode": "prefer", "sslrootcert": "/ca"}),
        ({"sslrootcert": "system"}, {"sslrootcert": "system"}),
        ({"connect_timeout": 0}, {}),
        ({"keepalives_idle": 30}, {"keepalives_idle": 30}),
    ],
)
def test_postgres(extra: dict[str, Any], fields: dict[str, Any]) -> None:
    assert read("postgres", extra) == {**SQL, **fields}


@pytest.mark.parametrize(
    ("extra", "slots"),
    [
        ({"iam": True}, {}),
        ({"azure_conn_id": "azure"}, {}),
        ({"hostaddr": "127.0.0.1"}, {}),
        ({"dsn": "postgresql://elsewhere"}, {}),
        ({"passfile": "/p"}, {}),
        ({"host": "elsewhere"}, {}),
        ({}, {"host": None}),
        ({}, {"host": "one.example.com,two.example.com"}),
        ({}, {"login": ""}),
    ],
)
def test_postgres_as_only_its_hook_logs_in(extra: dict[str, Any], slots: dict[str, Any]) -> None:
    assert read("postgres", extra, **slots) is None


@pytest.mark.parametrize(
    ("slots", "url"),
    [
        ({"schema": None}, "http://h.example.com:7"),
        ({"schema": "https", "port": None}, "https://h.example.com"),
        ({"host": "https://h.example.com/v1", "schema": "http", "port": None}, "https://h.example.com/v1"),
    ],
)
def test_http(slots: dict[str, Any], url: str) -> None:
    login = {"user": "ann", "password": "pw"}
    assert read("http", {}, **slots) == {"base_url": url, **login}
    extra = {"X-Token": "t", "timeout": 5, "verify": "/ca.pem", "allow_redirects": False, "trust_env": False}
    given = {"headers": {"X-Token": "t"}, "timeout": 5, "ca_bundle": "/ca.pem"}
    assert read("http", extra, **slots) == {"base_url": url, **login, **given}


@pytest.mark.parametrize(
    ("extra", "slots"),
    [
        ({"proxies": {"https": "http://p"}}, {}),
        ({"cert": "/c"}, {}),
        ({"srv_lookup": True}, {}),
        ({"verify": False}, {}),
        ({"verify_ssl": False}, {}),
        ({}, {"host": None}),
    ],
)
def test_http_as_only_its_hook_does_it(extra: dict[str, Any], slots: dict[str, Any]) -> None:
    assert read("http", extra, **{"schema": "https", **slots}) is None


OPTIONS = (
    *("allow_redirects", "cert", "check_response", "max_redirects", "proxies", "proxy"),
    *("srv_lookup", "stream", "timeout", "trust_env", "verify", "verify_ssl"),
)


def test_http_tells_its_options_from_headers_that_may_say_who_asks() -> None:
    assert not has_credentials(None, "", dict.fromkeys(OPTIONS, "x"))
    assert has_credentials(None, "", {"X-Token": "t"})
    assert has_credentials("ann", None, {})
    assert has_credentials(None, "pw", {})


@pytest.mark.parametrize("value", [5, True, {"X": "y"}, ["x"]])
@pytest.mark.parametrize("extra", [{}, {"verify": False}, {"cert": "/c"}])
def test_http_names_what_can_be_no_header(extra: dict[str, Any], value: Any) -> None:
    with pytest.raises(ConnectionConfigError, match=r"^field extra\.X-Some: ") as raised:
        read("http", {"X-None": None, **extra, "X-Some": value})
    assert raised.value.field == "extra"


@pytest.mark.parametrize(
    ("extra", "slots", "fields"),
    [
        ({"verify_ssl": "/ca.pem"}, {}, {"ca_bundle": "/ca.pem"}),
        ({"verify": True, "verify_ssl": False}, {}, {}),
        ({"verify": None, "timeout": None, "X-None": None}, {}, {}),
        ({"timeout": 2.5}, {}, {"timeout": 2.5}),
        ({"timeout": "5"}, {}, {}),
        ({"cert": "", "proxies": {}, "stream": True, "check_response": False, "max_redirects": 3}, {}, {}),
        ({}, {"password": None}, {"password": None}),
        ({}, {"login": "", "password": "pw"}, {"user": None, "password": None}),
    ],
)
def test_http_reads_what_its_hook_does(extra: dict[str, Any], slots: dict[str, Any], fields: dict[str, Any]) -> None:
    expected = {"base_url": "https://h.example.com:7", "user": "ann", "password": "pw", **fields}
    given = {name: value for name, value in expected.items() if value is not None}
    assert read("http", extra, **{"schema": "https", **slots}) == given


OF_A_PEER = {300, 400, 404, 405, 406, 409, 410, 418}
"""Statuses that a peer may well have for a request that is none of its own."""


@pytest.mark.parametrize("login", [None, "ann"])
def test_http_answers_that_show_that_the_peer_is_there(login: str | None) -> None:
    answered = HTTP.answered({"login": login, "password": None, "extra": {"timeout": 5}})
    counted = {status for status in range(300, 600) if (fault := status_fault(status)) and fault.slug in answered}
    refused = {status for status in counted if status_fault(status) == REFUSED_REQUEST}
    redirects = set(range(300, 400))
    # Who says nothing of himself may well be refused.
    assert counted - refused - redirects == (OF_A_PEER - {300, 409, 418}) | (set() if login else {401, 403})
    assert refused >= {409, 418}
    assert counted >= redirects
    assert answered >= {"broken_json", "web_page", "credentials_not_checked"}
    assert len(answered) == (11 if login else 13)


def test_http_cuts_the_name_of_what_can_be_no_header() -> None:
    with pytest.raises(ConnectionConfigError, match=rf"^field extra\.x{{{MAX_NAME}}}: is sent .*a text$") as raised:
        read("http", {"x" * 100_000: 5})
    assert len(str(raised.value)) < MAX_MESSAGE


@pytest.mark.parametrize("conn_type", ["snowflake", "osiris_airflow", "MySQL", "osiris_", ""])
def test_what_no_family_knows_is_for_its_hook(conn_type: str) -> None:
    assert read(conn_type, {}) is None


def test_our_own_types() -> None:
    fields = read("osiris_mysql", {"charset": "latin1"})
    assert fields is not None
    assert fields.pop("alias") == "my_conn"
    assert fields == {**SQL, "charset": "latin1"}


@pytest.mark.parametrize(
    ("slots", "extra", "is_readable"),
    [
        ({}, {}, True),
        ({"host": "http://h.example.com/v1", "schema": "https"}, {}, True),
        ({"login": None, "password": None}, {"Authorization": "Bearer t"}, True),
        # Its hook is asked then, which sends it all the same.
        ({}, {"proxies": {"http": "http://p"}}, True),
        ({"schema": "https"}, {}, False),
        ({"host": "https://h.example.com"}, {}, False),
        ({"host": "127.0.0.1"}, {}, False),
        ({"host": "localhost"}, {}, False),
        ({"login": None, "password": None}, {"timeout": 5, "allow_redirects": False}, False),
    ],
)
def test_http_says_when_credentials_can_be_read_on_the_way(
    slots: dict[str, Any], extra: dict[str, Any], is_readable: bool
) -> None:
    attributes = {"conn_type": "http", **SLOTS, "schema": "http", **slots, "extra": extra}
    assert note_on(attributes) == (IN_CLEAR if is_readable else None)
    written = {name: value for name, value in attributes.items() if value is not None}
    remarks = list(get_connector("airflow").remarks(written))
    assert (("host", IN_CLEAR) in remarks) is is_readable


def test_other_types_have_no_note() -> None:
    assert note_on({"conn_type": "mysql", **SLOTS, "extra": {}}) is None
    assert note_on({"conn_type": "snowflake", **SLOTS, "extra": {}}) is None


IN_CLEAR_OF_HOOKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("ftp", {}, {}),
    ("imap", {"use_ssl": False}, {"use_ssl": True}),
    ("smtp", {"disable_ssl": True, "disable_tls": True}, {"disable_ssl": True}),
    ("redis", {}, {"ssl": True}),
    ("clickhouse", {}, {"secure": True}),
    (
        "kafka",
        {"bootstrap.servers": "k:9092", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        {"bootstrap.servers": "k:9092", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256"},
    ),
    (
        "kafka",
        {"bootstrap.servers": "k:9092", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
        {"bootstrap.servers": "localhost:9092", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
    ),
]


def remarks_on(attributes: dict[str, Any]) -> list[str]:
    written = {name: value for name, value in attributes.items() if value is not None}
    return [said for _, said in get_connector("airflow").remarks(written)]


@pytest.mark.parametrize(("conn_type", "clear", "encrypted"), IN_CLEAR_OF_HOOKS)
def test_a_type_of_a_hook_says_when_credentials_can_be_read_on_the_way(
    conn_type: str, clear: dict[str, Any], encrypted: dict[str, Any]
) -> None:
    attributes = {"conn_type": conn_type, **SLOTS, "schema": None, "extra": clear}
    note = note_on(attributes)
    assert note is not None
    assert "is not encrypted here: others on the way can read the credentials; " in note
    assert note in remarks_on(attributes)
    if conn_type != "kafka":
        assert note_on({**attributes, "password": None}) is None
        assert note_on({**attributes, "host": "localhost"}) is None
    if encrypted:
        assert note_on({**attributes, "extra": encrypted}) is None
        assert note not in remarks_on({**attributes, "extra": encrypted})


@pytest.mark.parametrize("schema", [None, "http", "https"])
def test_elasticsearch_is_encrypted_by_its_schema(schema: str | None) -> None:
    attributes = {"conn_type": "elasticsearch", **SLOTS, "schema": schema, "extra": {}}
    assert (note_on(attributes) is None) is (schema == "https")
