"""Defaults, resolved connections and the list (CONN-003, 006, 007, 008, 021)."""

from __future__ import annotations

import logging
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections import list_connections, resolve_connection
from osiris_provider.connections.load import load_connections
from osiris_provider.connections.validate import validate_file
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError
from osiris_provider.testing.secrecy import CANARY, assert_silent

from tests.unit.connection_files import SAMPLE_VARIABLES, SAMPLES, block, mysql, write

TOP = "version: 1\nconnections:\n  mysql:\n"


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in SAMPLE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    return write(tmp_path, SAMPLES)


def test_conn_001_relative_path(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(samples.parent)
    assert list_connections(samples.name) == list_connections(samples)


@pytest.mark.parametrize(
    ("connections", "default"),
    [
        ("    default: {host: h, user: u, default: true}\n    production: {host: p, user: u}\n", "default"),
        ("    default: {host: h, user: u}\n    production: {host: p, user: u}\n", "default"),
        ("    default: {host: h, user: u}\n    production: {host: p, user: u, default: true}\n", "production"),
        ("    default: {host: h, user: u, default: false}\n    b: {host: p, user: u, default: false}\n", "default"),
        ("    only: {host: h, user: u, default: true}\n", "only"),
    ],
)
def test_conn_003_default_of_a_family(connections: str, default: str, tmp_path: Path) -> None:
    file = write(tmp_path, TOP + connections)
    resolved = resolve_connection("@mysql", file)
    assert resolved["alias"] == default
    assert "default" not in resolved
    assert [item["alias"] for item in list_connections(file) if item.get("default")] == [default]


@pytest.mark.parametrize("aliases", [("only",), ("a", "b")])
def test_conn_003_no_default_lists_the_aliases(aliases: tuple[str, ...], tmp_path: Path) -> None:
    file = write(tmp_path, TOP + "".join(f"    {alias}: {{host: h, user: u}}\n" for alias in aliases))
    with pytest.raises(ConnectionNotFoundError, match="Mark one with default: true") as raised:
        resolve_connection("@mysql", file)
    assert all(f"@mysql.{alias}" in str(raised.value) for alias in aliases)
    assert not any("default" in item for item in list_connections(file))


def test_conn_003_two_defaults_are_an_error(tmp_path: Path) -> None:
    text = TOP + "".join(f"    {alias}: {{host: h, user: u, default: true}}\n" for alias in "ab")
    with pytest.raises(ConnectionConfigError, match=r"yaml:5: family mysql has more than one default"):
        resolve_connection("@mysql.a", write(tmp_path, text))


@pytest.mark.parametrize("value", ["1", "'yes'", "[true]", "~"])
def test_conn_003_default_is_true_or_false(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match="field default: is true or false"):
        resolve_connection("@mysql.a", write(tmp_path, f"{TOP}    a: {{host: h, user: u, default: {value}}}\n"))


def test_conn_006_resolved_connection(samples: Path) -> None:
    assert resolve_connection("@mysql.default", samples) == {
        "family": "mysql",
        "alias": "default",
        "host": "localhost",
        "port": 3306,
        "database": "mydb",
        "user": "admin",
        "password": "secret123",
        "charset": "utf8mb4",
        "ssl": False,
    }


@pytest.mark.parametrize(("field", "value"), [("family", "postgres"), ("alias", "b"), ("alias", "''")])
def test_conn_006_no_field_says_what_a_connection_is_called(field: str, value: str, tmp_path: Path) -> None:
    file = write(tmp_path, f"{TOP}    a: {{host: h, user: u, {field}: {value}}}\n    c: {{host: h, user: u}}\n")
    with pytest.raises(ConnectionConfigError, match=rf"yaml:4: @mysql\.a: field {field}: is no field") as raised:
        resolve_connection("@mysql.a", file)
    assert (raised.value.field, raised.value.line) == (field, 4)
    assert [(entry["family"], entry["alias"]) for entry in list_connections(file)] == [("mysql", "a"), ("mysql", "c")]
    assert resolve_connection("@mysql.c", file)["alias"] == "c"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("ssl_verify: [1]", ["ssl_verify: is true or false, or has to be 'ca'"]),
        ("ssl_verify: no-one, port: x", ["port: is a whole number", "ssl_verify: is true or false, or has to be 'ca'"]),
        ("PORT: 1", ["PORT: is not known to family mysql. Did you mean 'port'?"]),
    ],
)
def test_conn_008_a_mistake_is_said_once(fields: str, said: list[str], tmp_path: Path) -> None:
    _, problems, warnings = validate_file(write(tmp_path, f"{TOP}    a: {{host: h, user: u, {fields}}}\n"))
    assert sorted(one.message for one in problems + warnings) == [f"field {message}" for message in said]


def test_conn_006_only_what_was_given_in_plain_types(samples: Path) -> None:
    for reference in load_connections(samples).references():
        resolved = resolve_connection(reference, samples)
        written = load_connections(samples).entries[resolved["family"], resolved["alias"]]
        assert set(resolved) == {"family", "alias", *written.fields}
        assert {type(value) for value in resolved.values()} <= {str, int, float, bool}
        assert type(dict(resolved)) is dict
        assert pickle.loads(pickle.dumps(dict(resolved))) == resolved  # noqa: S301 - made one line above


def test_conn_006_each_call_returns_a_dict_of_its_own(tmp_path: Path) -> None:
    text = "version: 1\nconnections:\n  api:\n    a: {base_url: 'https://h', odd: {a: [1]}}\n"
    file = write(tmp_path, text)
    resolve_connection("@api.a", file)["odd"]["a"].append(2)
    assert resolve_connection("@api.a", file)["odd"] == {"a": [1]}


@pytest.mark.parametrize(
    "password",
    [
        "0123",
        "no",
        "yes",
        "true",
        "12:30",
        "1_000",
        "2024-01-01",
        "0x1F",
        "1e3",
        ".5",
        "null0",
        "=",
        "<<",
        "~x",
        "-x",
        "+1",
    ],
)
def test_conn_006_a_password_keeps_its_text(password: str, tmp_path: Path) -> None:
    file = write(tmp_path, block("host: h", "user: u", f"password: {password}"))
    assert resolve_connection("@mysql.default", file)["password"] == password


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1))
def test_conn_006_any_password_in_single_quotes_keeps_its_text(
    tmp_path_factory: pytest.TempPathFactory, password: str
) -> None:
    quoted = password.replace("'", "''").replace("${", "$${")
    file = write(tmp_path_factory.mktemp("f"), block("host: h", "user: u", f"password: '{quoted}'"))
    assert resolve_connection("@mysql.default", file)["password"] == password


def test_conn_006_texts_inside_headers_keep_their_text(tmp_path: Path) -> None:
    text = "version: 1\nconnections:\n  api:\n    a: {base_url: 'https://h', headers: {X-Shop: 0123, X-On: yes}}\n"
    resolved = resolve_connection("@api.a", write(tmp_path, text))
    assert resolved["headers"] == {"X-Shop": "0123", "X-On": "yes"}


def test_conn_006_null_counts_as_not_given(tmp_path: Path) -> None:
    file = write(tmp_path, block("host: h", "user: u", "password: ~", "port: null", "database:"))
    assert set(resolve_connection("@mysql.default", file)) == {"family", "alias", "host", "user"}


def test_conn_006_unknown_field_passes_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = write(tmp_path, mysql("databse: s3cret"))
    with caplog.at_level(logging.WARNING):
        assert resolve_connection("@mysql.default", file)["databse"] == "s3cret"
    assert "field databse is not known to family mysql. Did you mean 'database'?" in caplog.text.replace(":", "")
    assert f"{file}:4" in caplog.text
    assert "s3cret" not in caplog.text


def test_conn_006_an_alias_of_a_field_becomes_the_field(tmp_path: Path) -> None:
    file = write(tmp_path, "version: 1\nconnections:\n  mysql:\n    a: {host: h, username: u, pwd: p, db: d}\n")
    resolved = resolve_connection("@mysql.a", file)
    assert resolved == {"family": "mysql", "alias": "a", "host": "h", "user": "u", "password": "p", "database": "d"}
    assert list_connections(file) == [{"family": "mysql", "alias": "a", "host": "h", "database": "d"}]


def test_conn_007_missing_fields_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysql.a", write(tmp_path, f"{TOP}    a: {{port: 1}}\n"))
    for expected in ("@mysql.a", "field host: is required", "field user: is required"):
        assert expected in str(raised.value)


@pytest.mark.parametrize(("written", "port"), [("'3307'", 3307), ("3307", 3307), ("0123", 123), ("3_307", 3307)])
def test_conn_008_port_is_coerced(written: str, port: int, tmp_path: Path) -> None:
    assert resolve_connection("@mysql.default", write(tmp_path, mysql(f"port: {written}")))["port"] == port


@pytest.mark.parametrize("port", ["abc", "70000", "0", "3306.5", "[1]", "{}", "12:30"])
def test_conn_008_wrong_type_names_field_reference_and_place(port: str, tmp_path: Path) -> None:
    file = write(tmp_path, mysql(f"port: {port}"))
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysql.default", file)
    _, said = str(raised.value).split(f"{file}:4: @mysql.default: field port: ")
    assert said.startswith(("is a whole number", "has to be"))


def test_conn_011_errors_show_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    file = write(tmp_path, mysql("port: '${CANARY}', password: ['${CANARY}'], ssl: '${CANARY}', unknown: '${CANARY}'"))
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysql.default", file)
    assert_silent(CANARY, raised.value, vars(raised.value), list_connections(file))


def test_conn_021_list_of_the_contracts_samples(samples: Path) -> None:
    assert list_connections(samples) == [
        {"family": "mysql", "alias": "default", "host": "localhost", "database": "mydb", "default": True},
        {"family": "mysql", "alias": "production", "host": "prod-db.example.com", "database": "prod_db"},
        {
            "family": "supabase",
            "alias": "default",
            "url": "https://abc123.supabase.co",
            "api_version": "v1",
            "default": True,
        },
        {
            "family": "shopify",
            "alias": "main",
            "shop_domain": "mystore.myshopify.com",
            "api_version": "2024-01",
        },
        {"family": "api", "alias": "default", "base_url": "https://api.example.com/v1", "default": True},
    ]
    assert [list(item)[-1] for item in list_connections(samples) if "default" in item] == ["default"] * 3


def test_conn_021_only_what_is_public(tmp_path: Path) -> None:
    text = (
        "version: 1\nconnections:\n"
        "  mysql:\n    a: {host: 'u:s3cret@h', user: s3cret, password: s3cret, pasword: s3cret}\n"
        "  api:\n    a: {base_url: 'https://u:s3cret@h.example.com/v1?key=s3cret#s3cret', token: s3cret}\n"
        "  duckdb:\n    a: {path: 'md:db?motherduck_token=s3cret'}\n"
    )
    listed = list_connections(write(tmp_path, text))
    assert "s3cret" not in str(listed)
    assert listed == [
        {"family": "mysql", "alias": "a", "host": "h", "pasword": "***"},
        {"family": "api", "alias": "a", "base_url": "https://h.example.com/v1"},
        {"family": "duckdb", "alias": "a", "path": "md:db"},
    ]


def test_conn_004_an_unknown_family_is_named_with_its_reference(tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysq.main", file=write(tmp_path, SAMPLES))
    assert raised.value.reference == "@mysq.main"
    assert raised.value.is_transient is False
    said = r"@mysq\.main: unknown family 'mysq'\. Did you mean 'mysql'\? Known are (\w+, )+\w+\."
    assert re.fullmatch(said, str(raised.value))


@pytest.mark.parametrize(
    ("value", "warned"),
    [
        (f"{CANARY}\n", True),
        (f"{CANARY}\r\n", True),
        (f"{CANARY}\r", True),
        (CANARY, False),
        (f" {CANARY} ", False),
        # Keys have lines, and their last one has an end.
        (f"-----BEGIN KEY-----\n{CANARY}\n", False),
    ],
)
def test_a_secret_that_ends_with_a_line_break_is_warned_of(
    value: str,
    warned: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("FROM_ECHO", value)
    file = write(tmp_path, mysql("database: '${FROM_ECHO}', password: '${FROM_ECHO}'"))
    with caplog.at_level(logging.WARNING):
        assert resolve_connection("@mysql.default", file)["password"] == value
    said = [record.message for record in caplog.records]
    assert [f"{file}:4: @mysql.default: field password: ends with a line break" in one for one in said] == [
        True
    ] * warned
    assert_silent(CANARY, *said)
    assert [one.field for one in validate_file(file)[2]] == ["password"] * warned


def test_a_secret_of_the_file_itself_may_end_with_a_line_break_too(tmp_path: Path) -> None:
    two = "    two:\n      host: h\n      user: u\n      password: |\n        s3cret\n"
    file = write(tmp_path, f"{TOP}    one: {{host: h, user: u}}\n{two}")
    (warning,) = [one for one in validate_file(file)[2] if "line break" in one.message]
    assert (warning.reference, warning.line) == ("@mysql.two", 8)


def test_what_only_a_check_of_the_file_has_to_say_is_in_no_log_of_a_task(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = "{conn_type: http, host: h, extra: {never_heard_of: 1}}"
    file = write(tmp_path, f"version: 1\nconnections:\n  airflow:\n    a: {entry}\n")
    _, problems, warnings = validate_file(file)
    assert not problems
    assert ("extra.never_heard_of", 4) in [(warning.field, warning.line) for warning in warnings]
    resolve_connection("@airflow.a", file)
    assert not caplog.records
