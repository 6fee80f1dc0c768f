"""A JSON Schema of pipelines with the config of every installed driver, for editors."""

from __future__ import annotations

from typing import Any

from osiris_provider.connections.reference import NAME
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.registry import driver_names, get_driver
from osiris_provider.drivers.step import REFERENCE
from osiris_provider.pipelines.model import OmlPipelineModel, OmlStepModel, PipelineModel, StepModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LATER = {"type": "string", "pattern": r"\$\{params\.|\{\{|\{%"}
"""What stands for a value that is known at the run."""


def pipeline_schema() -> dict[str, Any]:
    """Return the schema of a pipeline, in both dialects.

    :raises DriverConfigError: a driver that is installed cannot be loaded.
    """
    drivers = {name: get_driver(name) for name in driver_names()}
    definitions: dict[str, Any] = {
        f"config.{name}": _config(name, driver) for name, driver in drivers.items() if isinstance(driver, BaseDriver)
    }
    definitions["pipeline"] = _with_steps(PipelineModel, "step", definitions)
    definitions["step"] = _step(StepModel, "driver", list(drivers), definitions)
    definitions["oml_pipeline"] = _with_steps(OmlPipelineModel, "oml_step", definitions)
    definitions["oml_step"] = _step(OmlStepModel, "component", list(drivers), definitions)
    return {
        "$schema": DIALECT,
        "title": "Osiris pipeline",
        "description": "Steps that become a DAG of Apache Airflow, or run on a laptop.",
        "if": {"required": ["oml_version"]},
        "then": {"$ref": "#/$defs/oml_pipeline"},
        "else": {"$ref": "#/$defs/pipeline"},
        "$defs": definitions,
    }


def _with_steps(model: type[PipelineModel], step: str, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _lifted(model.model_json_schema(), definitions)
    schema["properties"]["steps"] = {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{step}"}}
    schema["required"] = [*schema.get("required", []), "steps"]
    return schema


def _step(
    model: type[StepModel | OmlStepModel], key: str, drivers: list[str], definitions: dict[str, Any]
) -> dict[str, Any]:
    schema = _lifted(model.model_json_schema(), definitions)
    # Dotted paths of other drivers are fine too.
    schema["properties"][key] = {"anyOf": [{"enum": drivers}, {"type": "string"}]}
    schema["allOf"] = [
        {
            "if": {"properties": {key: {"const": name}}, "required": [key]},
            "then": {"properties": {"config": {"$ref": f"#/$defs/config.{name}"}}, "required": ["config"]},
        }
        for name in drivers
        if f"config.{name}" in definitions
    ]
    return schema


def _lifted(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Move the definitions of a model to those of the whole schema."""
    definitions.update(schema.pop("$defs", {}))
    return schema


def _config(name: str, driver: BaseDriver[Any]) -> dict[str, Any]:
    schema: dict[str, Any] = driver.config_model.model_json_schema(
        ref_template=f"#/$defs/config.{name}/$defs/{{model}}"
    )
    properties = {field: {"anyOf": [said, LATER]} for field, said in schema.get("properties", {}).items()}
    family = driver.family
    pattern = rf"^@{family or NAME.pattern}(\.{NAME.pattern})?$"
    connection: dict[str, Any] = {"type": "string", "anyOf": [{"pattern": pattern}, LATER]}
    connection["examples"] = [f"@{family or 'duckdb'}.default"]
    schema["properties"] = {REFERENCE: connection, **properties}
    if family is not None:
        schema["required"] = [REFERENCE, *schema.get("required", [])]
    return schema
