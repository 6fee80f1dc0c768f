"""A JSON Schema of the whole connections file, made from the families' models, for editors.

A field takes what its model takes; besides, a ``${VAR}``, a number written as text where a number is wanted, and the
numbers and words that YAML makes of a text without quotes. Misspelt fields are left to ``validate``, which names the
right ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from osiris_provider.connections.registry import family_names
from osiris_provider.connectors.model import ConnectionModel, FieldSpec
from osiris_provider.connectors.registry import get_connector

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = {"type": "string", "pattern": r"\$\{"}
NUMBER_AS_TEXT = {"type": "string", "pattern": r"^\s*[-+]?[0-9.][0-9._eE+-]*\s*$"}
DEFAULT = {"type": "boolean", "description": "Whether @family without an alias means this connection."}


def file_schema() -> dict[str, Any]:
    """Return the schema of ``osiris_connections.yaml`` with all installed families.

    :raises ConnectionConfigError: the package of a family cannot be imported.
    """
    families = {family: get_connector(family) for family in family_names()}
    definitions: dict[str, Any] = {}
    for family, connector in families.items():
        definitions[family] = _connection(family, connector.model, connector.label)
    return {
        "$schema": DIALECT,
        "title": "Osiris connections",
        "description": "Connections of Apache Airflow by family and alias; secrets as ${VAR}.",
        "type": "object",
        "required": ["version", "connections"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "connections": {
                "type": "object",
                "additionalProperties": False,
                "properties": {family: _family(family, one.aliases.pattern) for family, one in families.items()},
            },
        },
        "$defs": definitions,
    }


def _family(family: str, aliases: str) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{aliases}$"},
        "additionalProperties": {"$ref": f"#/$defs/{family}"},
    }


def _connection(family: str, model: type[ConnectionModel], label: str) -> dict[str, Any]:
    own = model.model_json_schema(ref_template=f"#/$defs/{family}/$defs/{{model}}")
    properties: dict[str, Any] = {}
    for spec in model.fields():
        schema = _field(spec, own["properties"][spec.name])
        properties.update(dict.fromkeys((spec.name, *spec.info.aliases), schema))
    described: dict[str, Any] = {
        "title": label,
        "type": "object",
        "properties": {**properties, "default": DEFAULT},
    }
    required = list(_required(model))
    if required:
        described["allOf"] = required
    if "$defs" in own:
        described["$defs"] = own["$defs"]
    return described


def _required(model: type[ConnectionModel]) -> Iterator[dict[str, Any]]:
    for spec in model.fields():
        if spec.required:
            yield {"anyOf": [{"required": [name]} for name in (spec.name, *spec.info.aliases)]}


def _field(spec: FieldSpec, schema: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"title": spec.label, "description": spec.info.help}
    if spec.info.placeholder:
        described["examples"] = [spec.info.placeholder]
    if spec.default is not None and not spec.secret:
        described["default"] = schema.get("default")
    bare = {name: value for name, value in schema.items() if name not in ("title", "description", "default")}
    alternatives = [bare, VARIABLE, {"type": "null"}]
    if not spec.is_scalar:
        alternatives.append(NUMBER_AS_TEXT)
    elif not spec.choices:
        alternatives.append({"type": ["number", "boolean"]})
    return {**described, "anyOf": alternatives}
