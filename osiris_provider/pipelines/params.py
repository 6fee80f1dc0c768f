"""``params:`` of a pipeline, and ``${params.x}``, which stands for the value of one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from osiris_provider.connections.reference import shown
from osiris_provider.errors import DriverConfigError
from osiris_provider.messages import did_you_mean
from osiris_provider.pipelines.problems import Location, Problems, listed
from osiris_provider.pipelines.templates import has_template

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^{}\n]*)\}|\$(?P<open>\{)(?![{%#])")
_PARAM = re.compile(r"\$\{params\.([A-Za-z0-9_]+)\}")
_OURS = ("default", "description", "required")
# No pattern: Airflow would match it in the DAG processor, and one that backtracks would keep it busy for ever.
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
MAX_PARAMS = 200
"""Fields of the trigger form, each of which is a schema to be checked."""
KEYWORDS = (*_OURS, "title", "type", "enum", "minimum", "maximum", "minLength", "maxLength", "format")


@dataclass(frozen=True)
class Param:
    """A parameter.

    :param default: its value if none is given.
    :param required: it has no default.
    :param schema: what JSON Schema says about its values.
    """

    name: str
    default: Any = None
    required: bool = False
    description: str | None = None
    schema: dict[str, Any] = field(default_factory=dict)

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, as the rest of a sentence that never quotes it; None if nothing is."""
        return _problem(self.schema, value) if self.schema else None

    def parsed(self, text: str) -> Any:
        """Return a value that was written on the command line, or in a variable, as what the parameter wants.

        Where it may be a text it is one, unless it is as JSON writes a number and the like: ``NO`` is Norway. Lists and
        objects are written as JSON.
        """
        from osiris_provider.connections.yaml.loader import plain_scalar
        from osiris_provider.connections.yaml.nodes import parsed_collection

        dtype = self.schema.get("type")
        if dtype == "string" or isinstance(self.default, str):
            return text
        value = plain_scalar(text)
        if self.default is not None or (dtype is not None and "string" not in dtype):
            return parsed_collection(value)
        return value if json.dumps(value) == text else text


def read_params(written: Mapping[str, Any], problems: Problems) -> dict[str, Param]:
    """Return the parameters of a pipeline by name.

    :param written: under ``params``: a default, or a mapping with ``default`` and what JSON Schema has.
    :param problems: takes what is wrong.
    """
    params: dict[str, Param] = {}
    if len(written) > MAX_PARAMS:
        problems.add(("params",), f"there are {len(written):,} params; at most {MAX_PARAMS} are allowed in a pipeline")
        written = {}
    for name, value in written.items():
        location: Location = ("params", name)
        if not NAME.fullmatch(name):
            problems.add(location, f"'{shown(name)}' cannot be a param: use letters, digits and _")
            continue
        params[name] = _param(name, value, location, problems)
    return params


def _param(name: str, value: Any, location: Location, problems: Problems) -> Param:
    default = value.get("default") if isinstance(value, dict) else value
    if isinstance(default, str) and (has_template(default) or any(placeholders(default))):
        message = f"param {name} has a default with ${{…}} or Jinja, which are replaced in configs only; move it there"
        problems.add(location, message)
        return Param(name, default)
    if not isinstance(value, dict):
        return Param(name, value)
    for key in value:
        if key not in KEYWORDS:
            hint = did_you_mean(key, KEYWORDS)
            problems.add((*location, key), f"param {name}: {shown(key)} is unknown.{hint} Known are {listed(KEYWORDS)}")
    schema = {key: said for key, said in value.items() if key in KEYWORDS and key not in _OURS}
    required, description = "default" not in value, value.get("description")
    param = Param(name, value.get("default"), required, description, schema)
    described = schema if description is None else {**schema, "description": description}
    problem = _required_problem(value) or _type_problem(schema) or _schema_problem(described)
    problem = problem or (None if required else param.problem(param.default))
    if problem is None:
        return param
    problems.add(location if required else (*location, "default"), f"param {name} {problem}")
    return Param(name, param.default, required)


def _required_problem(said: Mapping[str, Any]) -> str | None:
    wanted = said.get("required", True)
    if type(wanted) is not bool:
        return "has another required than true and false"
    if wanted or "default" in said:
        return None
    return "is required, because it has no default: leave required: false out, or give it one, such as default: null"


def _type_problem(schema: Mapping[str, Any]) -> str | None:
    said = schema.get("type", [])
    for name in [said] if isinstance(said, str) else said if isinstance(said, list) else []:
        if name not in TYPES:
            hint = did_you_mean(str(name), TYPES)
            return f"has type {shown(str(name))}, which is none.{hint} Types are: {listed(TYPES)}"
    return None


def _schema_problem(schema: Mapping[str, Any]) -> str | None:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return "is not described as JSON Schema has it: look at type, enum, description and the limits"
    return None


def _problem(schema: Mapping[str, Any], value: Any) -> str | None:
    from jsonschema import Draft202012Validator, FormatChecker

    # Formats as Airflow has them, which would refuse the value when a run begins.
    for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value):
        what = {"type": f"is not of type {error.validator_value}", "enum": f"is none of {error.validator_value}"}
        return what.get(error.validator, f"breaks its rule {error.validator}: {error.validator_value}")
    return None


def placeholders(text: str) -> Iterator[tuple[int, str]]:
    """Yield the position and content of each ``${…}`` of a text, ``{`` if it has no end in its line; ``$${`` is none.

    :param text: of a config value or a ``.sql`` file.
    """
    for match in _PLACEHOLDER.finditer(text):
        content = match[1] if match["open"] is None else match["open"]
        if content is not None:
            yield match.start(), content


def placeholder_problem(content: str, params: Mapping[str, Param]) -> str | None:
    """Return what is wrong with a ``${…}``; None if it is a parameter of the pipeline.

    :param content: between the braces.
    :param params: of the pipeline.
    """
    if content == "{":
        return "a ${ has no } in its line; write ${params.name}, or $${ for ${ itself"
    prefix, _, name = content.partition(".")
    if prefix == "params" and name in params:
        return None
    if prefix == "params":
        return f"there is no param '{shown(name)}'.{did_you_mean(name, list(params))} Params are: {listed(params)}"
    if content in params:
        return f"${{{content}}} is not replaced; write ${{params.{content}}}"
    return (
        f"${{{shown(content)}}}: variables of the environment are not replaced in pipelines. Put what is secret or "
        "differs between machines into a connection of osiris_connections.yaml, the rest into params; "
        "$${ stands for ${ itself"
    )


def substitute(value: Any, params: Mapping[str, Any]) -> Any:
    """Return a config with the values of its parameters.

    ``"${params.x}"`` alone becomes the value with its type; inside a longer text it becomes text.

    :param value: of a config, with all that is in it.
    :param params: the values.
    :raises DriverConfigError: a value is wanted that was not given.
    """
    if isinstance(value, dict):
        return {name: substitute(item, params) for name, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, params) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    match = _PARAM.fullmatch(value)
    if match:
        return _value(match[1], params)
    return _PLACEHOLDER.sub(lambda match: _text(match, params), value)


def _text(match: re.Match[str], params: Mapping[str, Any]) -> str:
    if match[1] is None:
        return "${"
    prefix, _, name = match[1].partition(".")
    return str(_value(name, params)) if prefix == "params" else match[0]


def _value(name: str, params: Mapping[str, Any]) -> Any:
    if name in params:
        return params[name]
    message = f"Param {shown(name)} has no value. Give one: --param {shown(name)}=…, or a default under params."
    raise DriverConfigError(message)
