"""The fields of a mysql connection, and the words of other clients for them (CONN-007, 017)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connections.validate import validate_file
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import from_airflow
from osiris_provider.connectors.mysql.connection import SSL_MODES, MySQLConnection
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connection_files import write

BASE = {"host": "db", "user": "ann"}
OURS: dict[str, dict[str, Any]] = {
    "DISABLED": {"ssl": False},
    "PREFERRED": {},
    "REQUIRED": {"ssl": True},
    "VERIFY_CA": {"ssl": True, "ssl_verify": "ca"},
    "VERIFY_IDENTITY": {"ssl": True, "ssl_verify": True},
}


def coerced(**fields: Any) -> dict[str, Any]:
    actual, problems, unknown = MySQLConnection.coerce({**BASE, **fields})
    assert (problems, unknown) == ([], [])
    return {name: value for name, value in actual.items() if name not in BASE}


@pytest.mark.parametrize("name", ["ssl_mode", "ssl-mode", "sslmode"])
@pytest.mark.parametrize("mode", OURS)
def test_conn_017_ssl_mode_of_other_clients_becomes_our_fields(name: str, mode: str) -> None:
    ca = {"ssl_ca": "/ca.pem"} if mode == "VERIFY_CA" else {}
    wanted = {**OURS[mode], **ca}
    for written in (mode, mode.lower(), mode.replace("_", "-").lower(), f" {mode} "):
        assert coerced(**{name: written}, **ca) == wanted
    extra = {name: mode, **ca}
    actual = from_airflow("mysql", {"host": "db", "login": "ann", "extra": extra}, "x")
    assert {field: actual[field] for field in wanted} == wanted


@pytest.mark.parametrize("mode", SSL_MODES)
def test_conn_017_our_fields_mean_the_mode_that_they_came_from(mode: str) -> None:
    model = MySQLConnection.parse({**BASE, "ssl_mode": mode, "ssl_ca": "/ca.pem" if mode == "VERIFY_CA" else None})
    assert model.ssl_mode() == mode


@pytest.mark.parametrize("mode", ["verify-full", "require", "prefer", "yes", True, False, 1])
def test_conn_017_another_mode_is_an_error(mode: object) -> None:
    actual, problems, _ = MySQLConnection.coerce({**BASE, "ssl_mode": mode})
    assert (actual, problems) == ({}, [("ssl_mode", f"is one of {', '.join(OURS)}")])


def test_conn_017_of_a_mode_in_a_variable_only_the_variable_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "version: 1\nconnections:\n  mysql:\n    a: {host: db, user: ann, ssl_mode: '${DB_SSL_MODE}'}\n"
    file = write(tmp_path, text)
    problems = validate_file(file)[1]
    assert [str(problem).count("DB_SSL_MODE is not set") for problem in problems] == [1]
    monkeypatch.setenv("DB_SSL_MODE", "REQUIRED")
    assert resolve_connection("@mysql.a", file)["ssl"] is True


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ssl": False, "ssl_ca": "ca.pem"}, "ssl is false"),
        ({"ssl_key": "key.pem"}, "ssl_cert"),
        ({"ssl_ca": "/no/such/file.pem"}, "field ssl_ca"),
        ({"ssl_ca": __file__}, "ssl_ca"),
        ({"ssl_verify": "ca"}, "ssl_ca is needed"),
        ({"ssl_verify": "perhaps"}, "field ssl_verify"),
        ({"ssl_mode": "verify-full"}, "is one of DISABLED, PREFERRED"),
        ({"ssl_mode": "VERIFY_CA"}, "ssl_ca is needed"),
        ({"ssl-mode": "REQUIRED", "ssl": True}, "field ssl-mode: means the same"),
        ({"sslmode": "REQUIRED", "ssl_mode": "REQUIRED"}, "means the same"),
        ({"ssl_mode": "DISABLED", "ssl_ca": "ca.pem"}, "ssl is false"),
        ({"unix_socket": "/run/mysqld/mysqld.sock"}, "keep one"),
        ({"unix_socket": "mysqld.sock", "host": None}, "field unix_socket"),
        ({"unix_socket": "/x", "host": None, "ssl_verify": True}, "no host name"),
        ({"host": None}, "field host: is required"),
    ],
)
def test_conn_017_mistakes_in_the_fields(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConnectionConfigError, match=named):
        get_connector("mysql").create_client({**BASE, **given})


@pytest.mark.parametrize(
    ("fields", "tls", "verified"),
    [
        ({}, None, None),
        ({"ssl": False}, False, None),
        ({"ssl": True}, True, None),
        ({"ssl_cert": "/c"}, True, None),
        ({"ssl_ca": "/ca"}, True, "name"),
        ({"ssl_ca": "/ca", "ssl_verify": False}, True, "name"),
        ({"ssl_ca": "/ca", "ssl_verify": "ca"}, True, "authority"),
        ({"ssl_verify": "true"}, True, "name"),
        ({"host": None, "unix_socket": "/s"}, False, None),
        ({"host": None, "unix_socket": "/s", "ssl": True}, True, None),
        ({"host": None, "unix_socket": "/s", "ssl_ca": "/ca", "ssl_verify": "ca"}, True, "authority"),
    ],
)
def test_conn_017_what_the_fields_ask_for(fields: dict[str, Any], tls: bool | None, verified: str | None) -> None:
    model = MySQLConnection.parse({**BASE, **fields})
    assert (model.tls, model.verified) == (tls, verified)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"ssl_ca": "/a b.pem"}, {"ssl_ca": ["/a b.pem"]}),
        ({"ssl_ca": "/ca", "ssl_verify": "ca"}, {"ssl_ca": ["/ca"], "ssl_check_hostname": ["false"]}),
        ({"ssl_cert": "/cert", "ssl_key": "/key"}, {"ssl_cert": ["/cert"], "ssl_key": ["/key"]}),
        ({"host": None, "unix_socket": "/s"}, {"unix_socket": ["/s"]}),
    ],
)
def test_conn_016_a_url_verifies_what_the_connection_does(fields: dict[str, Any], options: dict[str, Any]) -> None:
    dsn = get_connector("mysql").build_dsn({**BASE, **fields})
    assert parse_qs(urlsplit(dsn).query) == {"charset": ["utf8mb4"], **options}


@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        ("port", [1, 65_535], [0, 65_536]),
        ("connect_timeout", [0.1, 3600], [0, 3600.5]),
        ("read_timeout", [0.1, 604_800], [0, 604_800.5]),
    ],
)
def test_conn_007_the_least_and_the_greatest_that_a_field_takes(
    field: str, accepted: list[float], refused: list[float]
) -> None:
    for value in accepted:
        assert coerced(**{field: value}) == {field: value}
    for value in refused:
        assert [name for name, _ in MySQLConnection.coerce({**BASE, field: value})[1]] == [field]


def test_conn_007_what_is_meant_by_fields_that_are_left_out() -> None:
    model = MySQLConnection.parse(BASE)
    assert (model.port, model.charset, model.password.get_secret_value()) == (3306, "utf8mb4", "")
    assert (model.connect_timeout, model.read_timeout, model.ssl_verify) == (10, None, False)
    assert (model.allow_public_key_retrieval, model.allow_cleartext_password) == (False, False)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("database", ["db", "dbname"]),
        ("user", ["username"]),
        ("password", ["passwd", "pwd"]),
        ("allow_cleartext_password", ["enable_cleartext_plugin"]),
    ],
)
def test_conn_007_fields_have_the_names_of_other_clients_too(field: str, names: list[str]) -> None:
    for name in names:
        assert MySQLConnection.declared()[name].name == field


def test_what_a_list_shows_of_a_connection() -> None:
    model = MySQLConnection.parse({**BASE, "password": "s3cr3t", "database": "shop", "port": 3307})
    url = "mysql://ann:s3cr3t@db:3307/shop"
    assert model.shown_address() == "db:3307"
    assert (model.as_url(redacted=False).partition("?")[0], model.as_url(redacted=True)) == (
        url,
        url.replace("ann:s3cr3t@", "***@"),
    )
    local = MySQLConnection.parse({"user": "ann", "unix_socket": "/s"})
    assert (local.shown_address(), urlsplit(local.as_url(redacted=True)).hostname) == ("/s", "localhost")
