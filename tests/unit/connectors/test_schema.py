"""The JSON Schema for editors."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.model import FieldSpec
from osiris_provider.connectors.schema import file_schema

from tests.unit.connection_files import SAMPLES

FIELDS = [(family, spec) for family in family_names() for spec in get_connector(family).model.fields()]
IDS = [f"{family}.{spec.name}" for family, spec in FIELDS]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = file_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


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


def test_it_is_json_with_every_family() -> None:
    schema = json.loads(json.dumps(file_schema()))
    assert list(schema["properties"]["connections"]["properties"]) == family_names()
    assert set(schema["$defs"]) == set(family_names())


@pytest.mark.parametrize(("family", "spec"), FIELDS, ids=IDS)
def test_every_field_takes_a_variable(validator: Draft202012Validator, family: str, spec: FieldSpec) -> None:
    for name in (spec.name, *spec.info.aliases):
        assert not list(validator.iter_errors(with_field(family, name, "${VARIABLE}")))
        assert not list(validator.iter_errors(with_field(family, name, "${VARIABLE:-default}")))


@pytest.mark.parametrize(("family", "spec"), FIELDS, ids=IDS)
def test_every_field_is_explained(family: str, spec: FieldSpec) -> None:
    described = file_schema()["$defs"][family]["properties"][spec.name]
    assert described["description"] == spec.info.help
    assert spec.info.help.endswith(".")


@pytest.mark.parametrize(
    ("family", "spec"), [pair for pair in FIELDS if pair[1].secret], ids=lambda value: str(value)[:40]
)
def test_no_default_of_a_secret(family: str, spec: FieldSpec) -> None:
    assert "default" not in file_schema()["$defs"][family]["properties"][spec.name]


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
def test_aliases_are_what_the_family_takes(family: str, alias: str, fits: bool) -> None:
    fields = {"airflow": {"conn_type": "snowflake", "extra": {"any": ["thing"]}}, "api": {"base_url": "https://x"}}
    file = {"version": 1, "connections": {family: {alias: fields[family]}}}
    assert Draft202012Validator(file_schema()).is_valid(file) is fits
