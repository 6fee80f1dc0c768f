"""Family airflow: connections of any type in the file, and what their providers' forms say of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections.listing import list_connections
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connections.validate import validate_file
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow import forms
from osiris_provider.connectors.airflow.connection import AirflowConnection
from osiris_provider.connectors.airflow.remarks import remarks_on
from osiris_provider.connectors.airflow_form import from_airflow, to_airflow
from osiris_provider.connectors.model import SLOTS
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.hook_doctor import hook_types

SNOWFLAKE = {
    "conn_type": "snowflake",
    "login": "loader",
    "password": "${SNOWFLAKE_PASSWORD}",
    "extra": {"account": "ab12345", "warehouse": "load", "session": {"tags": ["${TAG}"]}},
}
INFO = """
def get_provider_info():
    return {
        "package-name": "somebodys-provider",
        "connection-types": [
            "nonsense",
            {"connection-type": "bird", "hook-class-name": "somebody.BirdHook",
             "ui-field-behaviour": {"hidden-fields": ["port", "extra"]},
             "conn-fields": {
                "account": {"label": "Account", "schema": {"type": ["string", "null"]}},
                "insecure": {"label": "Insecure", "schema": {"type": ["boolean", "null"]}},
                "retries": {"label": "Retries", "schema": {"type": ["integer", "null"]}},
                "mode": {"label": "Mode", "schema": {"type": ["string", "null"], "enum": ["fast", "slow", None]}},
                "nest": {"label": "Nest", "schema": {"type": ["string", "null"], "format": "password"}},
                "refresh_token": {"label": "Token", "schema": {"type": ["string", "null"]}},
                "ratio": {"label": "Ratio", "schema": {"type": "number"}},
                "either": {"label": "Either", "schema": {"type": ["boolean", "string", "null"]}},
                "level": {"label": "Level", "schema": {"enum": [1, 2, True]}},
                "tree": {"label": "Tree", "schema": {"type": "object"}},
             }},
        ],
    }
"""


@pytest.fixture
def bird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A provider of a distribution of its own, found by its entry point, and one that cannot be imported."""
    folder = tmp_path / "site"
    for name, point in (("somebodys_provider", "somebodys_info"), ("broken_provider", "no_such_module")):
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[apache_airflow_provider]\nx = {point}:get_provider_info\n")
    (folder / "somebodys_info.py").write_text(INFO)
    monkeypatch.syspath_prepend(folder)
    forms.installed_forms.cache_clear()
    yield
    forms.installed_forms.cache_clear()
    sys.modules.pop("somebodys_info", None)


def write(folder: Path, entries: dict[str, Any]) -> Path:
    path = folder / "osiris_connections.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "connections": {"airflow": entries}}, sort_keys=False))
    path.chmod(0o600)
    return path


def test_variables_are_replaced_inside_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "s3cret")
    monkeypatch.setenv("TAG", "night")
    connection = resolve_connection("@airflow.snowflake_default", write(tmp_path, {"snowflake_default": SNOWFLAKE}))
    assert dict(connection) == {
        "family": "airflow",
        "alias": "snowflake_default",
        "conn_type": "snowflake",
        "login": "loader",
        "password": "s3cret",
        "extra": {"account": "ab12345", "warehouse": "load", "session": {"tags": ["night"]}},
    }
    assert connection.model.id == "snowflake_default"


@pytest.mark.parametrize("name", ["extra", "extra_dejson"])
def test_a_variable_in_json_cannot_end_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PASSWORD", '", "host": "evil.example.com')
    entry = {"conn_type": "x", name: '{"password": "${PASSWORD}"}'}
    connection = resolve_connection("@airflow.one", write(tmp_path, {"one": entry}))
    assert connection["extra"] == {"password": '", "host": "evil.example.com'}


def test_all_of_extra_may_come_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRA", '{"account": "a", "n": 1}')
    connection = resolve_connection("@airflow.one", write(tmp_path, {"one": {"conn_type": "x", "extra": "${EXTRA}"}}))
    assert connection["extra"] == {"account": "a", "n": 1}


@pytest.mark.parametrize("extra", ["not json", "[1]", "null", '{"a": NaN}', [1], 5, "canary-4711"])
def test_extra_that_is_no_object_is_a_problem_that_shows_nothing(tmp_path: Path, extra: Any) -> None:
    path = write(tmp_path, {"one": {"conn_type": "x", "extra": extra}})
    with pytest.raises(ConnectionConfigError, match=r"field extra(\.a)?: ") as raised:
        resolve_connection("@airflow.one", path)
    assert "canary" not in str(raised.value)
    assert raised.value.line == 6


@pytest.mark.parametrize("written", ["no", "Yes", "off", "0x1F", "1_000", "1.10", ".5", "0b11", ".inf"])
def test_what_yaml_would_change_in_extra_is_refused(tmp_path: Path, written: str) -> None:
    path = write(tmp_path, {})
    path.write_text(
        "version: 1\nconnections:\n  airflow:\n    one:\n      conn_type: x\n      extra:\n"
        f"        fine: [true, false, 12, 1.5, 0123, '{written}']\n        deep:\n          odd: {written}\n"
    )
    with pytest.raises(ConnectionConfigError, match=r"field extra\.deep\.odd: YAML reads this as") as raised:
        resolve_connection("@airflow.one", path)
    assert "fine" not in str(raised.value)


def test_values_of_extra_keep_their_types(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    path.write_text(
        "version: 1\nconnections:\n  airflow:\n    one:\n      conn_type: x\n"
        "      extra: {a: true, b: 12, c: 1.5, d: 0123, e: '12', f: null, g: 2024-01-01, h: 1e3, i: false}\n"
    )
    extra = resolve_connection("@airflow.one", path)["extra"]
    assert extra == {
        "a": True,
        "b": 12,
        "c": 1.5,
        "d": "0123",
        "e": "12",
        "f": None,
        "g": "2024-01-01",
        "h": "1e3",
        "i": False,
    }


@pytest.mark.parametrize("alias", ["my-conn", "MyConn", "a.b", "9", "_x", "mysql.default", "x" * 200])
def test_aliases_are_ids_of_airflow(tmp_path: Path, alias: str) -> None:
    path = write(tmp_path, {alias: {"conn_type": "x"}})
    assert resolve_connection(ConnectionRef("airflow", alias), path)["alias"] == alias
    _, problems, _ = validate_file(path)
    assert problems == []
    assert get_connector("airflow").airflow_id(alias) == alias


@pytest.mark.parametrize("alias", ["a b", "a/b", "..", ".", "a\nb", "x" * 201, "@a", "a?b", ""])
def test_what_airflow_would_not_take_for_an_id_is_a_problem(tmp_path: Path, alias: str) -> None:
    _, problems, _ = validate_file(write(tmp_path, {alias: {"conn_type": "x"}}))
    (problem,) = problems
    assert "cannot be an Airflow connection id" in problem.message


def test_an_id_that_is_no_alias_is_referred_to_by_itself(tmp_path: Path) -> None:
    path = write(tmp_path, {"My-Conn": {"conn_type": "x"}})
    with pytest.raises(ConnectionConfigError, match=r"or an Airflow connection id alone: My-Conn\."):
        resolve_connection("@airflow.My-Conn", path)
    write(tmp_path, {"My-Conn": {"conn_type": "x", "port": "many"}})
    with pytest.raises(ConnectionConfigError, match=r":6: My-Conn: field port"):
        resolve_connection(ConnectionRef("airflow", "My-Conn"), path)


@pytest.mark.usefixtures("bird")
def test_a_field_that_no_airflow_connection_has_is_a_problem(tmp_path: Path) -> None:
    entry = {"conn_type": "bird", "account": "x", "hots": "y", "wing": "z"}
    _, problems, _ = validate_file(write(tmp_path, {"one": entry}))
    assert [(problem.line, problem.message) for problem in problems] == [
        (6, "field account: is no field of a connection; its type has it in extra"),
        (7, "field hots: is no field of a connection; fields of its type go into extra. Did you mean 'host'?"),
        (8, "field wing: is no field of a connection; fields of its type go into extra."),
    ]


@pytest.mark.usefixtures("bird")
def test_validate_compares_extra_with_the_form_of_the_type(tmp_path: Path) -> None:
    extra = {
        "acount": "x",
        "insecure": "maybe",
        "retries": "three",
        "mode": "quick",
        "refresh_token": 5,
        "extra__bird__account": "y",
        "nest": {"any": "object"},
    }
    entry = {"conn_type": "bird", "port": 1, "extra": extra}
    _, problems, warnings = validate_file(write(tmp_path, {"one": entry}))
    assert problems == []
    told = {(one.line, one.message) for one in warnings}
    assert told == {
        (6, "field port: the form of type bird does not show it, so its hook may not read it"),
        (
            8,
            "field extra.acount: is not in the form of type bird, though its hook may know it. Did you mean 'account'?",
        ),
        (9, "field extra.insecure: the form of type bird wants true or false here"),
        (10, "field extra.retries: the form of type bird wants an integer here"),
        (11, "field extra.mode: the form of type bird wants one of fast, slow here"),
        (12, "field extra.refresh_token: the form of type bird wants a text here"),
    }


@pytest.mark.usefixtures("bird")
@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("insecure", True, ""),
        ("insecure", " TRUE ", ""),
        ("insecure", 1, "true or false"),
        ("retries", 3, ""),
        ("retries", "3.0", ""),
        ("retries", "1.5", "an integer"),
        ("retries", True, "an integer"),
        ("retries", "inf", "an integer"),
        ("ratio", "1.5", ""),
        ("ratio", "much", "a number"),
        ("ratio", False, "a number"),
        ("either", "x", ""),
        ("either", 5, "true or false or a text"),
        ("level", 2, ""),
        ("level", "2", ""),
        ("level", "true", ""),
        ("level", 3, "one of 1, 2, true"),
        ("mode", 5, "one of fast, slow"),
        ("mode", None, ""),
        ("mode", ["quick"], ""),
        ("tree", 5, ""),
    ],
)
def test_what_a_form_wants(name: str, value: Any, wanted: str) -> None:
    told = [message for _, message in remarks_on({"conn_type": "bird", "extra": {name: value}})]
    assert told == ([f"the form of type bird wants {wanted} here"] if wanted else [])


@pytest.mark.parametrize("value", [5, True, 1.5, "", "x", ["x"], {"a": 1}, None])
@pytest.mark.parametrize("name", [*SLOTS, "extra", "conn_type"])
def test_whatever_stands_in_a_field_no_remark_breaks(name: str, value: Any) -> None:
    for conn_type in (*hook_types(), "http", "osiris_mysql", "nothing"):
        fields = {"conn_type": conn_type, "host": "db.example.com", "extra": {"a": 1}, name: value}
        assert all(isinstance(message, str) for _, message in get_connector("airflow").remarks(fields))


@pytest.mark.usefixtures("bird")
def test_what_fits_the_form_is_not_remarked_upon(tmp_path: Path) -> None:
    extra = {"account": "${NOT_SET}", "insecure": "true", "retries": "3", "mode": "fast", "nest": None}
    path = write(tmp_path, {"one": {"conn_type": "bird", "extra": extra}, "two": {"conn_type": "${TYPE}"}})
    _, problems, warnings = validate_file(path, variables=False)
    assert (problems, warnings) == ([], [])


@pytest.mark.usefixtures("bird")
def test_extra_of_a_type_that_is_not_installed_is_not_checked(tmp_path: Path) -> None:
    _, problems, warnings = validate_file(write(tmp_path, {"one": {"conn_type": "birt", "extra": {"x": 1}}}))
    assert problems == []
    assert [one.message for one in warnings] == [
        "field conn_type: no provider installed here has this type, so extra is not checked. Did you mean 'bird'?"
    ]


@pytest.mark.usefixtures("bird")
def test_a_literal_secret_in_a_file_that_others_read_is_warned_of(tmp_path: Path) -> None:
    entries = {
        "one": {"conn_type": "bird", "extra": {"account": "x", "refresh_token": "t0ken"}},
        "two": {"conn_type": "bird", "extra": {"account": "x", "refresh_token": "${TOKEN}"}},
    }
    path = write(tmp_path, entries)
    path.chmod(0o644)
    _, _, warnings = validate_file(path, variables=False)
    assert [(one.reference, one.field) for one in warnings if "other users" in one.message] == [
        ("@airflow.one", "extra")
    ]


@pytest.mark.usefixtures("bird")
@pytest.mark.parametrize(
    ("conn_type", "said"),
    [
        ("birt", "no provider installed here has this type. Did you mean 'bird'?"),
        ("bird", "somebody.BirdHook of somebodys-provider cannot be imported (ModuleNotFoundError)"),
    ],
)
def test_a_type_without_a_hook_here_has_no_client(conn_type: str, said: str) -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        get_connector("airflow").create_client({"family": "airflow", "alias": "one", "conn_type": conn_type})
    assert (raised.value.field, said in str(raised.value)) == ("conn_type", True)


def test_forms_are_read_without_airflow() -> None:
    code = (
        "import sys\nfrom osiris_provider.connectors.airflow.forms import form_of\n"
        "print(form_of('http').package, form_of('osiris_mysql').package, 'airflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "apache-airflow-providers-http airflow-provider-osiris False\n"


@pytest.mark.usefixtures("bird")
def test_a_form_says_what_is_no_secret() -> None:
    extra = {
        "account": "my-account",
        "nest": "x",
        "refresh_token": "tkn",
        "other": "my-other",
        "few": "abc",
        "just_enough": "wxyz",
        "n": 12345,
    }
    texts = set(AirflowConnection.secret_texts({"conn_type": "bird", "password": "pw", "extra": extra}))
    assert texts == {"pw", "x", "tkn", "my-other", "wxyz"}
    as_text = {"conn_type": "bird", "extra_dejson": json.dumps(extra)}
    assert {"x", "tkn", "my-other"} <= set(AirflowConnection.secret_texts(as_text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(extra=st.dictionaries(st.text(), JSON, max_size=4), login=st.text(min_size=1), password=st.text(min_size=1))
def test_nothing_changes_on_the_way_to_airflow_and_back(extra: dict[str, Any], login: str, password: str) -> None:
    fields = {"conn_type": "bird", "host": "h", "port": 7, "login": login, "password": password, "extra": extra}
    given = {name: value for name, value in fields.items() if value != {}}
    attributes = to_airflow("airflow", {"family": "airflow", "alias": "My-Conn", **given})
    assert attributes["conn_type"] == "bird"
    again = from_airflow("airflow", {**attributes, "extra": json.dumps(attributes["extra"])}, "My-Conn")
    assert dict(again) == {"family": "airflow", "alias": "My-Conn", **given}


def test_list_shows_public_slots_only(tmp_path: Path) -> None:
    entry = {**SNOWFLAKE, "host": "https://u:pw@h.example.com/x?key=k", "port": 443, "schema": "s", "description": "d"}
    assert list_connections(write(tmp_path, {"My-Conn": entry})) == [
        {
            "family": "airflow",
            "alias": "My-Conn",
            "conn_type": "snowflake",
            "host": "https://h.example.com/x",
            "port": 443,
            "schema": "s",
        }
    ]


class Line:
    """What a hook keeps open."""

    def __init__(self, name: str, closed: list[str], error: Exception | None = None) -> None:
        self.name, self.closed, self.error = name, closed, error

    def shut(self) -> None:
        self.closed.append(self.name)
        if self.error is not None:
            raise self.error


def test_a_hook_closes_what_it_keeps_open_whatever_it_calls_that() -> None:
    closed: list[str] = []
    broken = Line("close", closed, OSError("gone"))
    hook = SimpleNamespace(
        close=broken.shut,
        close_conn=Line("close_conn", closed).shut,
        conn=SimpleNamespace(close=Line("conn", closed).shut),
    )
    # Clients are told apart by what they are.
    client, other = type("Hook", (), vars(hook))(), type("Hook", (), {"close": 7})()
    connector = get_connector("airflow")
    assert connector.is_alive(client)
    connector.close_client(client)
    connector.close_client(other)
    assert closed == ["close", "close_conn", "conn"]
    assert not connector.is_alive(client)
