"""``${VAR}`` (CONN-002)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections import list_connections, resolve_connection
from osiris_provider.connections.env import EnvProblemError, substitute, variables_in, without_variables
from osiris_provider.connections.validate import validate_file
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connection_files import SAMPLE_VARIABLES, SAMPLES, block, write

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
literals = st.text().filter(lambda text: "$" not in text)
values = st.text(min_size=1)


@given(st.text().filter(lambda text: "${" not in text))
def test_conn_002_text_without_variables_stays(text: str) -> None:
    assert substitute(text, {}) == text


@given(st.text() | st.text(alphabet="a${}:-"))
def test_conn_002_doubled_dollar_is_literal(text: str) -> None:
    assert substitute(text.replace("${", "$${"), {}) == text


@given(st.lists(st.tuples(literals, names, values)), literals)
def test_conn_002_every_variable_is_replaced_once(parts: list[tuple[str, str, str]], rest: str) -> None:
    environ = {name: value for _, name, value in parts}
    text = "".join(f"{literal}${{{name}}}" for literal, name, _ in parts) + rest
    assert substitute(text, environ) == "".join(f"{literal}{environ[name]}" for literal, name, _ in parts) + rest


@pytest.mark.parametrize(
    ("password", "warned"),
    [
        ("$SHOP_PASSWORD", True),
        ("'{{ var.value.shop }}'", True),
        ("\"{{ env_var('SHOP') }}\"", True),
        ("${SHOP_PASSWORD}", False),
        ("$${SHOP_PASSWORD}", False),
        ("Pa$SWORD", False),
        ("$ecret", False),
        ("$A", False),
    ],
)
def test_conn_002_what_others_call_a_variable_is_a_text_with_a_warning(
    password: str, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it holds is not looked at.
    monkeypatch.setenv("SHOP_PASSWORD", "$SHOP_PASSWORD")
    file = write(tmp_path, block("host: h", "user: u", f"password: {password}"))
    _, problems, warnings = validate_file(file)
    assert not problems
    assert [one.field for one in warnings if "looks like" in one.message] == ["password"] * warned
    assert not [one for one in warnings if password.strip("'") in one.message]


@pytest.mark.parametrize("text", ["${A:-{}}", '${A:-{"a": 1}}', "${A:-a{b}", "x${A:-${B}}"])
@pytest.mark.parametrize("environ", [{}, {"A": "v"}])
def test_conn_002_a_default_with_braces_has_no_end_that_can_be_seen(text: str, environ: dict[str, str]) -> None:
    with pytest.raises(EnvProblemError, match=r"a default has no braces$"):
        substitute(text, environ)


@given(names, names, values)
def test_conn_002_never_recursive(outer: str, inner: str, value: str) -> None:
    environ = {inner: value, outer: f"${{{inner}}}"}
    assert substitute(f"${{{outer}}}", environ) == environ[outer]


@given(names, st.text().filter(lambda text: "}" not in text and "${" not in text))
def test_conn_002_default_when_unset_or_empty(name: str, default: str) -> None:
    for environ in ({}, {name: ""}):
        assert substitute(f"<${{{name}:-{default}}}>", environ) == f"<{default}>"


@given(names, values, literals.filter(lambda text: "}" not in text))
def test_conn_002_a_set_variable_beats_the_default(name: str, value: str, default: str) -> None:
    assert substitute(f"${{{name}:-{default}}}", {name: value}) == value


@given(st.text(alphabet="ab_$${}:-1 "), st.sampled_from(["", "s3cret-value"]))
def test_conn_002_any_text_resolves_or_is_refused_without_its_values(text: str, value: str) -> None:
    problem = _problem(text, dict.fromkeys(("a", "b", "ab"), value))
    assert "s3cret-value" not in problem


def _problem(text: str, environ: dict[str, str]) -> str:
    try:
        substitute(text, environ)
    except EnvProblemError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A-B}", "${A", "${A:default}", "${A.B}", "${ A }", "${A:-${B}}"])
def test_conn_002_malformed_variable(text: str) -> None:
    with pytest.raises(EnvProblemError, match=r"write \$\$\{ for a literal"):
        substitute(text, {"A": "a", "B": "b"})


@pytest.mark.parametrize(
    ("value", "state"), [(None, "not set"), ("", "empty"), (os.fsdecode(b"pass\xffword"), "not UTF-8")]
)
def test_conn_002_unset_or_empty_names_variable_field_and_reference(
    value: str | None, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("DB_PASSWORD", value)
    file = write(tmp_path, block("host: h", "user: u", "password: ${DB_PASSWORD}"))
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection("@mysql.default", file)
    for expected in ("DB_PASSWORD", state, "field password", "@mysql.default", f"{file}:7"):
        assert expected in str(raised.value)
    assert raised.value.field == "password"
    assert raised.value.line == 7
    assert "pass\\" not in ascii(str(raised.value))


def test_conn_002_only_the_connection_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, SAMPLES)
    monkeypatch.delenv("MYSQL_PROD_PASSWORD", raising=False)
    monkeypatch.setenv("MYSQL_PASSWORD", "secret123")
    assert resolve_connection("@mysql.default", file)["password"] == "secret123"
    with pytest.raises(ConnectionConfigError, match="MYSQL_PROD_PASSWORD"):
        resolve_connection("@mysql.production", file)


def test_conn_002_in_nested_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT", "${NOT_REPLACED}")
    text = (
        "version: 1\nconnections:\n  api:\n    main:\n      base_url: https://api.example.com\n"
        "      extra_thing: {a: ['${TENANT}', 1], b: {c: 'x-${TENANT}-y'}}\n"
    )
    resolved = resolve_connection("@api.main", write(tmp_path, text))
    assert resolved["extra_thing"] == {"a": ["${NOT_REPLACED}", 1], "b": {"c": "x-${NOT_REPLACED}-y"}}


def test_conn_002_a_value_cannot_add_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "x\n      host: evil.example.com\n      # '\"{[")
    file = write(tmp_path, block("host: h", "user: u", "password: ${DB_PASSWORD}"))
    resolved = resolve_connection("@mysql.default", file)
    assert resolved["host"] == "h"
    assert resolved["password"] == "x\n      host: evil.example.com\n      # '\"{["


def test_conn_002_a_number_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PORT", "3307")
    file = write(tmp_path, block("host: h", "user: u", "port: ${DB_PORT}"))
    assert resolve_connection("@mysql.default", file)["port"] == 3307


def test_conn_002_listing_needs_no_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SAMPLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert len(list_connections(write(tmp_path, SAMPLES))) == 5
    file = write(tmp_path, block("host: ${DB_HOST_THAT_IS_NOT_SET}", "user: u"))
    assert list_connections(file)[0]["host"] == "${DB_HOST_THAT_IS_NOT_SET}"


@pytest.mark.parametrize(
    ("text", "beside", "names"),
    [
        ("plain", "plain", []),
        ("ann:s3cret@${HOST}", "ann:s3cret@0", ["HOST"]),
        ("${A:-db}.x${B}", "db.x0", ["A", "B"]),
        ("${A:-}", "0", ["A"]),
        ("$${A} ${B}", "0A} 0", ["B"]),
        ("${A B} ${", "${A B} ${", []),
    ],
)
def test_what_stands_beside_variables_and_what_they_are(text: str, beside: str, names: list[str]) -> None:
    assert without_variables(text) == beside
    assert list(variables_in(text)) == names
