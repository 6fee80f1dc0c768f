"""Connections in Airflow's form: there and back, the form itself, and what Airflow does to values on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import (
    MASKED_WORDS,
    connection_id_of,
    connection_type,
    extra_key,
    from_airflow,
    reference_of_id,
    to_airflow,
)
from osiris_provider.connectors.model import SLOTS, ConnectionModel, FieldInfo
from osiris_provider.errors import ConnectionConfigError
from pydantic import Field, SecretStr

from tests.airflow.connections import EVERY_FIELD, FAMILIES, some_connection


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_every_field_survives_the_way_there_and_back(family: str, data: st.DataObject) -> None:
    connection = data.draw(some_connection(family))
    assert from_airflow(family, to_airflow(family, connection), "default") == connection


@pytest.mark.parametrize("family", FAMILIES)
def test_the_examples_give_every_field(family: str) -> None:
    declared = {spec.name for spec in get_connector(family).model.fields()}
    given = {name for example in EVERY_FIELD[family] for name in example}
    assert declared <= given, f"tests/airflow/connections lacks {declared - given} of {family}"


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_text_is_taken_for_numbers_and_objects(family: str, data: st.DataObject) -> None:
    """Forms and URIs hand over text, where a file would have a number."""
    connection = data.draw(some_connection(family))
    attributes = to_airflow(family, connection)
    written = {name: _as_text(value) for name, value in attributes["extra"].items()}
    assert from_airflow(family, {**attributes, "extra": json.dumps(written)}, "default") == connection


@pytest.mark.parametrize("family", FAMILIES)
def test_two_fields_never_share_a_slot(family: str) -> None:
    slots = [spec.info.airflow for spec in get_connector(family).model.fields() if spec.info.airflow != "extra"]
    assert len(slots) == len(set(slots))


@pytest.mark.parametrize("family", FAMILIES)
def test_empty_values_count_as_not_given(family: str) -> None:
    connection = {"family": family, "alias": "default", **EVERY_FIELD[family][0]}
    attributes = to_airflow(family, connection)
    for slot in SLOTS:
        attributes[slot] = attributes[slot] or (0 if slot == "port" else "")
    spec_names = [extra_key(spec) for spec in get_connector(family).model.fields() if spec.info.airflow == "extra"]
    attributes["extra"] = {**dict.fromkeys(spec_names, ""), **attributes["extra"]}
    assert from_airflow(family, attributes, "default") == connection


@pytest.mark.parametrize("digits", ["123", "true", "null", "1.5"])
def test_a_password_that_looks_like_json_stays_text(digits: str) -> None:
    """Airflow's core reads the values of a URI's query as JSON."""
    attributes = {
        "host": "https://api.example.com",
        "extra": {"token": json.loads(digits) if digits != "null" else digits},
    }
    assert from_airflow("api", attributes, "x")["token"] == digits


def test_problems_name_the_airflow_connection_and_the_fields() -> None:
    with pytest.raises(ConnectionConfigError) as caught:
        from_airflow("mysql", {"port": 3306, "extra": '{"ssl": "perhaps"}'}, "main")
    text = str(caught.value)
    assert text.startswith("Airflow connection osiris_mysql_main: ")
    assert "field host is required: Server name or address" in text
    assert "field user is required: User to log in as; " in text
    assert "field ssl is true or false" in text
    assert not re.search(r"\.;|\.\.", text)


def test_the_form_and_the_error_say_that_a_dsn_and_its_parts_exclude_each_other() -> None:
    (description,) = (
        entry["description"] for key, entry in connection_type("postgres", "x.Y")["conn-fields"].items() if "dsn" in key
    )
    assert description.startswith("Instead of host, port, database, user and password: ")
    dsn = {"secret_dsn": "postgresql://ann:none@db/shop"}
    for slot in ({"host": "h"}, {"port": 5433}, {"login": "u"}, {"password": "p"}, {"schema": "d"}):
        with pytest.raises(ConnectionConfigError, match="a connection has a DSN or separate fields; keep one"):
            from_airflow("postgres", {**slot, "extra": dsn}, "main")
    assert set(from_airflow("postgres", {"extra": dsn}, "main")) == {"family", "alias", "dsn"}


@pytest.mark.parametrize(
    ("family", "conn_type"), [("mysql", "osiris_mysql"), ("airflow", "smtp"), ("airflow", "postgres")]
)
def test_an_extra_that_is_not_an_object_is_an_error(family: str, conn_type: str) -> None:
    for extra in ("not json", "[1]", '"text"', '{"token": "s3cret"', "{token: s3cret}"):
        attributes = {"conn_type": conn_type, "host": "h", "login": "u", "extra": extra}
        with pytest.raises(ConnectionConfigError, match="extra is not a JSON object") as raised:
            from_airflow(family, attributes, "main")
        assert "Correct it there" in str(raised.value)
        assert "s3cret" not in str(raised.value)


def test_an_unknown_extra_passes_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    actual = from_airflow("mysql", {"host": "h", "login": "u", "extra": {"chraset": "utf8"}}, "main")
    assert actual["chraset"] == "utf8"
    assert "Did you mean 'charset'?" in caplog.text


SLOTTED = [
    (family, name)
    for family in FAMILIES
    for name, spec in get_connector(family).declared().items()
    if spec.info.airflow != "extra"
]


@pytest.mark.parametrize("prefix", ["", "secret_"])
@pytest.mark.parametrize(("family", "name"), SLOTTED)
def test_extra_gives_no_field_that_has_a_slot(family: str, name: str, prefix: str) -> None:
    """Airflow compares the slots before it fills stored secrets into a test: extra would pass by that."""
    spec = get_connector(family).declared()[name]
    attributes = to_airflow(family, EVERY_FIELD[family][0])
    attributes["extra"][prefix + name] = "1"
    with pytest.raises(ConnectionConfigError) as caught:
        from_airflow(family, attributes, "main")
    text = f"field {prefix}{name}: extra may not give it, {spec.name} is the connection's {spec.info.airflow}"
    assert text in str(caught.value)
    assert caught.value.field == prefix + name


@pytest.mark.parametrize("family", FAMILIES)
def test_extra_gives_nothing_under_the_name_of_a_slot_in_use(family: str) -> None:
    attributes = to_airflow(family, EVERY_FIELD[family][0])
    for slot in {spec.info.airflow for spec in get_connector(family).model.fields()} - {"extra"}:
        with pytest.raises(ConnectionConfigError, match=f"is the connection's {slot}"):
            from_airflow(family, {**attributes, "extra": {**attributes["extra"], slot: "1"}}, "main")


def test_extra_gives_a_field_once() -> None:
    extra = {"secret_token": "abc", "token": "def"}
    with pytest.raises(ConnectionConfigError, match="field token: extra gives it twice"):
        from_airflow("api", {"host": "https://api.example.com", "extra": extra}, "main")


def test_an_extra_cannot_say_that_it_is_another_connection() -> None:
    actual = from_airflow("mysql", {"host": "h", "login": "u", "extra": {"family": "postgres", "alias": "x"}}, "main")
    assert (actual["family"], actual["alias"]) == ("mysql", "main")


@pytest.mark.parametrize("family", FAMILIES)
def test_secrets_have_password_fields_and_names_that_airflow_masks(family: str) -> None:
    form = connection_type(family, "x.Y")
    for spec in get_connector(family).model.fields():
        if spec.secret and spec.info.airflow == "extra":
            schema = form["conn-fields"][extra_key(spec)]["schema"]
            assert "object" in schema["type"] or schema["format"] == "password"
        elif spec.secret:
            assert spec.info.airflow == "password"


@pytest.mark.parametrize("family", FAMILIES)
def test_no_number_or_switch_has_a_name_that_airflow_masks(family: str) -> None:
    """Its form would save ``***`` instead of the value."""
    for spec in get_connector(family).model.fields():
        if not (spec.secret or spec.is_scalar):
            assert not any(word in extra_key(spec) for word in MASKED_WORDS), spec.name


@pytest.mark.parametrize("family", FAMILIES)
def test_the_form_names_defaults_and_does_not_store_them(family: str) -> None:
    form = connection_type(family, "x.Y")["conn-fields"]
    for spec in get_connector(family).model.fields():
        if spec.info.airflow == "extra":
            entry = form[extra_key(spec)]
            assert "default" not in entry["schema"]
            named = entry["description"].partition(" Default: ")[2]
            assert named == ("" if spec.default in (None, False, "") else f"{spec.default}".removesuffix(".0"))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_form_hides_what_the_family_has_no_use_for(family: str) -> None:
    form = connection_type(family, "x.Y")
    used = {spec.info.airflow for spec in get_connector(family).model.fields()}
    assert set(form["ui-field-behaviour"]["hidden-fields"]) == set(SLOTS) - used
    assert set(form["ui-field-behaviour"]["relabeling"]) == used - {"extra"}


def test_ids_and_references() -> None:
    assert connection_id_of("mysql", None) == "osiris_mysql_default"
    for connection_id in ("osiris_mysql_my_prod", "mysql.my_prod"):
        assert str(reference_of_id(connection_id)) == "@mysql.my_prod"
    assert str(reference_of_id("@mysql.my_prod")) == "@mysql.my_prod"
    assert reference_of_id("@") is reference_of_id("@Mysql.x") is None
    for connection_id in ("mysql", "osiris_mysql", "osiris_nope_x", "mysql.", "osiris_mysql_Prod", "my_database", ""):
        assert reference_of_id(connection_id) is None
    # Airflow's own have their own ids.
    assert reference_of_id("airflow.main") is reference_of_id("osiris_airflow_main") is None
    assert connection_id_of("airflow", "main") == "main"


def _as_text(value: Any) -> Any:
    if isinstance(value, bool | Mapping | list):
        return json.dumps(value)
    return value if isinstance(value, str) else str(value)


class Limited(ConnectionModel):
    """A connection with each kind of limit that a field may have."""

    server: Annotated[str, FieldInfo("A server.", airflow="host", placeholder="db.example.com", label="Server name")]
    user: Annotated[str, FieldInfo("A user.", airflow="login")] = "root"
    password: Annotated[SecretStr, FieldInfo("A password.", airflow="password")] = SecretStr("none")
    port: Annotated[int | None, FieldInfo("A port.", placeholder="80"), Field(ge=1, le=65_535)] = None
    share: Annotated[float, FieldInfo("A share."), Field(gt=0)] = 1.0
    code: Annotated[str, FieldInfo("A code."), Field(min_length=2, max_length=4, pattern="[a-z]+")]
    level: Annotated[Literal["low", "high"] | None, FieldInfo("A level.", placeholder="low")] = "low"
    token: Annotated[SecretStr | None, FieldInfo("A token.")] = SecretStr("none")
    pin: Annotated[SecretStr, FieldInfo("A PIN.", placeholder="1234")]
    tokens: Annotated[dict[str, SecretStr] | None, FieldInfo("Tokens.")] = None
    names: Annotated[list[str] | None, FieldInfo("Names.")] = None
    is_on: Annotated[bool, FieldInfo("A switch.")] = False
    is_off: Annotated[bool, FieldInfo("A switch.")] = True
    token_seconds: Annotated[int, FieldInfo("How long.", aliases=("api_key_for", "lasts"))] = 0
    token_name: Annotated[str, FieldInfo("Which.", aliases=("called",))] = ""


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    connector = SimpleNamespace(
        model=Limited,
        label="Limited",
        declared=Limited.declared,
        coerce=lambda fields: (dict(fields), [], []),
        to_airflow=lambda _: None,
        from_airflow=lambda _: None,
    )
    monkeypatch.setattr("osiris_provider.connectors.airflow_form.get_connector", lambda _: connector)
    return connector


OR_NONE = {"values_display": {"null": "not set"}}
FORM: dict[str, tuple[str, str, dict[str, Any]]] = {
    "port": ("Port", "A port. Example: 80", {"type": ["integer", "null"], "minimum": 1, "maximum": 65_535}),
    "share": ("Share", "A share. Default: 1", {"type": ["number", "null"], "exclusiveMinimum": 0}),
    "code": ("Code", "A code.", {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "[a-z]+"}),
    # An example that is the default is said once.
    "level": ("Level", "A level. Default: low", {"type": ["string", "null"], "enum": ["low", "high", None], **OR_NONE}),
    "token": ("Token", "A token.", {"type": ["string", "null"], "format": "password"}),
    "secret_pin": ("Pin", "A PIN. Example: 1234", {"type": "string", "format": "password"}),
    "tokens": ("Tokens", "Tokens.", {"type": ["object", "null"]}),
    "names": ("Names", "Names.", {"type": ["array", "null"]}),
    "is_on": ("Is on", "A switch.", {"type": ["boolean", "null"]}),
    "is_off": ("Is off", "A switch. Default: true", {"type": ["boolean", "null"]}),
    # Airflow would show *** for it, and save that.
    "lasts": ("Token seconds", "How long.", {"type": ["integer", "null"]}),
    "token_name": ("Token name", "Which.", {"type": ["string", "null"]}),
}


@pytest.mark.usefixtures("limited")
def test_a_model_becomes_this_form() -> None:
    assert connection_type("limited", "x.Y") == {
        "connection-type": "osiris_limited",
        "hook-class-name": "x.Y",
        "hook-name": "Osiris Limited",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema"],
            "relabeling": {"host": "Server name", "login": "User", "password": "Password"},
            "placeholders": {"host": "db.example.com", "login": "root"},
        },
        "conn-fields": {
            name: {"label": label, "description": description, "schema": schema}
            for name, (label, description, schema) in FORM.items()
        },
    }


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("extra", "fields"),
    [
        # What the URI form of a connection makes of values is undone.
        ({"code": 12}, {"code": "12"}),
        ({"code": 1.5}, {"code": "1.5"}),
        ({"code": True}, {"code": "true"}),
        ({"code": [1], "token": {"a": 1}}, {"code": "[1]", "token": '{"a": 1}'}),
        ({"tokens": '{"a": "b"}'}, {"tokens": {"a": "b"}}),
        ({"names": '["a", "b"]'}, {"names": ["a", "b"]}),
        ({"names": '["a"', "tokens": {"a": "b"}}, {"names": '["a"', "tokens": {"a": "b"}}),
        ({"tokens": "{no JSON"}, {"tokens": "{no JSON"}),
        ({"tokens": "text", "is_on": "true"}, {"tokens": "text", "is_on": "true"}),
        ({"new": '{"a": 1}', "other": 7}, {"new": '{"a": 1}', "other": 7}),
        ({"secret_pin": "1", "secret_new": "2"}, {"pin": "1", "secret_new": "2"}),
        ({"alias": "x", "family": "y", "default": True, "code": "", "token": None}, {}),
    ],
)
def test_an_extra_becomes_what_its_field_takes(extra: dict[str, Any], fields: dict[str, Any]) -> None:
    here = {"family": "limited", "alias": "main"}
    assert from_airflow("limited", {"extra": extra}, "main", connection_id="my_conn") == {**here, **fields}
    assert from_airflow("limited", {"extra": json.dumps(extra)}, "main", connection_id="my_conn") == {**here, **fields}


@pytest.mark.usefixtures("limited")
def test_a_slot_that_the_family_has_no_use_for_is_an_unknown_field() -> None:
    slots = {"host": "h", "login": "", "password": None, "port": 0, "schema": "s", "extra": None}
    actual = from_airflow("limited", slots, "main", connection_id="my_conn")
    assert actual == {"family": "limited", "alias": "main", "server": "h", "schema": "s"}
    attributes = to_airflow("limited", {**actual, "token_name": "t", "pin": "1", "user": "", "code": None})
    slots = {"host": "h", "login": None, "password": None, "port": None, "schema": None}
    extra = {"token_name": "t", "secret_pin": "1", "schema": "s"}
    assert attributes == {"conn_type": "osiris_limited", **slots, "extra": extra}


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        *[("pin", f"{word} so.", f"field pin {word} so") for word in ("is", "has", "holds", "means", "must")],
        ("pin", "isolated", "field pin: isolated"),
        (None, "nothing fits.", "nothing fits"),
    ],
)
def test_a_problem_is_a_part_of_a_sentence(field: str | None, text: str, said: str, limited: SimpleNamespace) -> None:
    limited.coerce = lambda _: ({}, [(field, text), ("x", "y")], [])
    with pytest.raises(ConnectionConfigError) as raised:
        from_airflow("limited", {}, "main", connection_id="my_conn")
    assert str(raised.value) == f"Airflow connection my_conn: {said}; field x: y."
    assert (raised.value.reference, raised.value.field) == ("@limited.main", field)
