"""The JSON Schema for editors."""

from __future__ import annotations

import json
import re
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
import yaml
from jsonschema import Draft4Validator, Draft202012Validator
from jsonschema.validators import validator_for
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.model import ConnectionModel, FieldInfo, FieldSpec
from osiris_provider.connectors.schema import file_schema
from pydantic import Field, SecretStr

from tests.unit.connection_files import SAMPLES

FIELDS = [(family, spec) for family in family_names() for spec in get_connector(family).model.fields()]
IDS = [f"{family}.{spec.name}" for family, spec in FIELDS]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return file_schema()


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


class Mode(Enum):
    """As families of others may have it."""

    SOFT = "soft"


class Small(ConnectionModel):
    """A connection with a field of each kind."""

    host: Annotated[str, FieldInfo("A host.", aliases=("server",), placeholder="db.example.com")]
    port: Annotated[int | None, FieldInfo("A port."), Field(ge=1, le=65_535)] = None
    level: Annotated[Literal["low", "high"], FieldInfo("A level.", label="How high")] = "low"
    token: Annotated[SecretStr, FieldInfo("A token.")] = SecretStr("of-no-one")
    name: Annotated[str, FieldInfo("A name.")]
    mode: Annotated[Mode | None, FieldInfo("A mode.")] = None


OF_FILE = {
    "version": {"const": 1},
    "connections": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "small": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z]+$"},
                "additionalProperties": {"$ref": "#/$defs/small"},
            }
        },
    },
}


def test_a_family_becomes_this_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = SimpleNamespace(model=Small, label="Small one", aliases=re.compile("[a-z]+"))
    monkeypatch.setattr("osiris_provider.connectors.schema.family_names", lambda: ["small"])
    monkeypatch.setattr("osiris_provider.connectors.schema.get_connector", lambda _: connector)
    schema = file_schema()
    assert validator_for(schema, default=Draft4Validator) is Draft202012Validator
    variable, nothing, bare = {"type": "string", "pattern": r"\$\{"}, {"type": "null"}, {"type": ["number", "boolean"]}
    digits = {"type": "string", "pattern": r"^\s*[-+]?[0-9.][0-9._eE+-]*\s*$"}
    integer = {"anyOf": [{"maximum": 65_535, "minimum": 1, "type": "integer"}, {"type": "null"}]}
    mode = {"anyOf": [{"$ref": "#/$defs/small/$defs/Mode"}, {"type": "null"}]}
    text = {"type": "string"}
    host = {"title": "Host", "description": "A host.", "examples": ["db.example.com"]}
    fields = {
        "host": {**host, "anyOf": [text, variable, nothing, bare]},
        "server": {**host, "anyOf": [text, variable, nothing, bare]},
        "port": {"title": "Port", "description": "A port.", "anyOf": [integer, variable, nothing, digits]},
        "level": {
            "title": "How high",
            "description": "A level.",
            "default": "low",
            "anyOf": [{"enum": ["low", "high"], **text}, variable, nothing],
        },
        "token": {
            "title": "Token",
            "description": "A token.",
            "anyOf": [{"format": "password", **text, "writeOnly": True}, variable, nothing, bare],
        },
        "name": {"title": "Name", "description": "A name.", "anyOf": [text, variable, nothing, bare]},
        "mode": {"title": "Mode", "description": "A mode.", "anyOf": [mode, variable, nothing, digits]},
        "default": {"type": "boolean"},
    }
    required = [{"anyOf": [{"required": ["host"]}, {"required": ["server"]}]}, {"anyOf": [{"required": ["name"]}]}]
    of_small = {"title": "Small one", "type": "object", "properties": fields, "allOf": required}
    # What is said of the whole, and of the entry default, is for people.
    assert all((schema.pop("title"), schema.pop("description"), schema.pop("$schema")))
    assert schema["$defs"]["small"]["properties"]["default"].pop("description")
    expected = {"type": "object", "required": ["version", "connections"], "additionalProperties": False}
    of_mode = schema["$defs"]["small"].pop("$defs")
    assert of_mode["Mode"]["enum"] == ["soft"]
    assert schema == {**expected, "properties": OF_FILE, "$defs": {"small": of_small}}


@pytest.mark.parametrize("written", ["1", " -1.5e+3 ", "1_000", ".5", "one", "", "-", "1 2"])
def test_a_number_may_be_written_as_text(validator: Draft202012Validator, written: str) -> None:
    fits = written in ("1", " -1.5e+3 ", "1_000", ".5")
    assert validator.is_valid(with_field("mysql", "port", written)) is fits


def errors(validator: Draft202012Validator, text: str) -> list[str]:
    return [error.json_path for error in validator.iter_errors(yaml.safe_load(text))]


def with_field(family: str, name: str, value: Any) -> dict[str, Any]:
    """Return a file with one connection whose other required fields are variables."""
    required = {spec.name: "${VARIABLE}" for spec in get_connector(family).model.fields() if spec.required}
    if get_connector(family).declared()[name].name in required:
        del required[get_connector(family).declared()[name].name]
    return {"version": 1, "connections": {family: {"main": {**required, name: value}}}}


def test_the_contracts_samples_are_valid(validator: Draft202012Validator) -> None:
    assert errors(validator, SAMPLES) == []


def test_it_is_json_with_every_family(schema: dict[str, Any]) -> None:
    schema = json.loads(json.dumps(schema))
    assert list(schema["properties"]["connections"]["properties"]) == family_names()
    assert set(schema["$defs"]) == set(family_names())


@pytest.mark.parametrize(("family", "spec"), FIELDS, ids=IDS)
def test_every_field_takes_a_variable(validator: Draft202012Validator, family: str, spec: FieldSpec) -> None:
    for name in (spec.name, *spec.info.aliases):
        assert not list(validator.iter_errors(with_field(family, name, "${VARIABLE}")))
        assert not list(validator.iter_errors(with_field(family, name, "${VARIABLE:-default}")))


@pytest.mark.parametrize(("family", "spec"), FIELDS, ids=IDS)
def test_every_field_is_explained(schema: dict[str, Any], family: str, spec: FieldSpec) -> None:
    described = schema["$defs"][family]["properties"][spec.name]
    assert described["description"] == spec.info.help
    assert spec.info.help.endswith(".")


@pytest.mark.parametrize(
    ("family", "spec"), [pair for pair in FIELDS if pair[1].secret], ids=lambda value: str(value)[:40]
)
def test_no_default_of_a_secret(schema: dict[str, Any], family: str, spec: FieldSpec) -> None:
    assert "default" not in schema["$defs"][family]["properties"][spec.name]


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("mysql", "port", 3306),
        ("mysql", "port", "3306"),
        ("mysql", "password", 123),
        ("mysql", "username", "u"),
        ("mysql", "ssl", True),
        ("mysql", "a_field_that_nobody_knows", [1]),
        ("mysql", "default", True),
        ("api", "timeout", 2.5),
    ],
)
def test_what_the_reader_takes(validator: Draft202012Validator, family: str, name: str, value: Any) -> None:
    file = {"version": 1, "connections": {family: {"main": {"host": "h", "user": "u", "base_url": "https://h"}}}}
    file["connections"][family]["main"][name] = value  # type: ignore[index]  # a literal of mixed depth
    if name == "username":
        del file["connections"][family]["main"]["user"]  # type: ignore[index]  # the same
    assert not list(validator.iter_errors(file))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("version: 2\nconnections: {}", "$.version"),
        ("connections: {}", "$"),
        ("version: 1\nconnections: {nosuch: {}}", "$.connections"),
        ("version: 1\nconnections: {mysql: {Main: {host: h, user: u}}}", "$.connections.mysql"),
        ("version: 1\nconnections: {mysql: {a: {host: h}}}", "$.connections.mysql.a"),
        ("version: 1\nconnections: {mysql: {a: {host: h, user: u, port: soon}}}", "$.connections.mysql.a.port"),
        ("version: 1\nconnections: {mysql: {a: {host: h, user: u, port: 70000}}}", "$.connections.mysql.a.port"),
        ("version: 1\nconnections: {mysql: {a: {host: h, user: u, default: 1}}}", "$.connections.mysql.a.default"),
    ],
)
def test_what_is_wrong_is_marked_at_its_place(validator: Draft202012Validator, text: str, path: str) -> None:
    assert path in errors(validator, text)


@pytest.mark.parametrize(
    ("family", "alias", "fits"),
    [("airflow", "My-Conn.1", True), ("airflow", "a b", False), ("airflow", "..", False), ("api", "My-Conn", False)],
)
def test_aliases_are_what_the_family_takes(
    validator: Draft202012Validator, family: str, alias: str, fits: bool
) -> None:
    fields = {"airflow": {"conn_type": "snowflake", "extra": {"any": ["thing"]}}, "api": {"base_url": "https://x"}}
    file = {"version": 1, "connections": {family: {alias: fields[family]}}}
    assert validator.is_valid(file) is fits
