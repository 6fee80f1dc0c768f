"""A family's connection as Airflow keeps it: its form, and the way there and back.

An Airflow connection has the slots host, port, login, password and schema, and a JSON object ``extra``. Each field of a
family's model says in which of them it lives. Nothing here imports Airflow.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from osiris_provider.connections.reference import NAME, ConnectionRef
from osiris_provider.connections.registry import family_names
from osiris_provider.connections.resolved import NamesOnly, ResolvedConnection
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.model import META_KEYS, SLOTS, ConnectionModel, FieldSpec
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.messages import did_you_mean

log = logging.getLogger(__name__)

ANY_TYPE = "airflow"
"""The family whose connections are Airflow's own, of any type, under their own ids."""
MASKED_WORDS = (
    *("access_key", "access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password"),
    *("private_key", "secret", "token"),
)
"""Airflow's REST API hides an entry of ``extra`` only if its name contains such a word."""


def connection_type_of(family: str) -> str:
    """Return the Airflow connection type of a family, such as ``osiris_mysql``."""
    return f"osiris_{family}"


def connection_id_of(family: str, alias: str | None) -> str:
    """Return the Airflow connection id that stands for ``@family.alias``, such as ``osiris_mysql_default``."""
    return get_connector(family).airflow_id(alias or "default")


def reference_of_id(connection_id: str) -> ConnectionRef | None:
    """Return the reference that an Airflow connection id stands for, or None if it stands for none.

    An id without such a form is that of a connection of family ``airflow``, if it is one at all.

    :param connection_id: ``osiris_mysql_default`` or ``mysql.default``; or the reference itself.
    """
    if connection_id.startswith("@"):
        with suppress(ConnectionConfigError):
            return ConnectionRef.parse(connection_id)
        return None
    for family in sorted(set(family_names()) - {ANY_TYPE}, key=len, reverse=True):
        for prefix in (f"osiris_{family}_", f"{family}."):
            alias = connection_id.removeprefix(prefix)
            if alias != connection_id and NAME.fullmatch(alias):
                return ConnectionRef(family, alias)
    return None


def to_airflow(family: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved connection as the attributes of an Airflow connection.

    :param family: such as ``mysql``.
    :param fields: a resolved connection (CONN-006).
    :return: ``conn_type``, ``host``, ``login``, ``password``, ``schema``, ``port`` (None where not given), and
        ``extra``, a dict.
    """
    own = get_connector(family).to_airflow(fields)
    if own is not None:
        return own
    declared = get_connector(family).declared()
    attributes: dict[str, Any] = {"conn_type": connection_type_of(family), **dict.fromkeys(SLOTS), "extra": {}}
    for name, value in fields.items():
        if name in META_KEYS or value is None or value == "":
            continue
        spec = declared.get(name)
        if spec is None:
            attributes["extra"][name] = value
        elif spec.info.airflow == "extra":
            attributes["extra"][extra_key(spec)] = value
        else:
            attributes[spec.info.airflow] = int(value) if spec.info.airflow == "port" else str(value)
    return attributes


def from_airflow(
    family: str, attributes: Mapping[str, Any], alias: str, *, connection_id: str | None = None
) -> ResolvedConnection:
    """Return an Airflow connection as a resolved connection.

    What Airflow makes of a value on its ways (numbers of digits, ``""`` of nothing, JSON of an object) is undone.
    A field that has a slot comes from its slot: Airflow compares slots before it fills stored secrets into a test, and
    shows them in its list.

    :param family: such as ``mysql``.
    :param attributes: ``host``, ``login``, ``password``, ``schema``, ``port``, ``extra`` as a dict or its JSON, and
        ``conn_type`` for a family that has connections of several types.
    :param alias: put into the result.
    :param connection_id: of the Airflow connection, for messages; made from family and alias if not given.
    :raises ConnectionConfigError: names the Airflow connection and every field that is missing, wrong, or in ``extra``
        although it has a slot.
    """
    connector = get_connector(family)
    where = f"Airflow connection {connection_id or connection_id_of(family, alias)}"
    attributes = NamesOnly(attributes)
    attributes = NamesOnly(attributes, extra=_extras(attributes.get("extra"), where))
    typed, misplaced = _typed(connector, attributes)
    coerced, problems, unknown = connector.coerce(typed)
    problems = [*misplaced, *problems]
    if problems:
        message = f"{where}: {'; '.join(_told(field, text) for field, text in problems)}."
        raise ConnectionConfigError(message, reference=f"@{family}.{alias}", field=problems[0][0])
    for name in unknown:
        near = did_you_mean(name, list(connector.declared()))
        log.warning("%s: field %s is not known to %s.%s", where, name, family, near)
    return ResolvedConnection({"family": family, "alias": alias, **coerced}, connector.model)


def _typed(
    connector: Connector[Any, Any], attributes: Mapping[str, Any]
) -> tuple[NamesOnly, list[tuple[str | None, str]]]:
    """Return the fields that attributes give, and what is wrong with where they do."""
    typed = connector.from_airflow(attributes)
    if typed is not None:
        return NamesOnly(typed), []
    declared = connector.declared()
    given = _from_slots(connector.model.fields(), attributes)
    extras, misplaced = _from_extra(declared, given, attributes["extra"])
    fields = {name: _as_declared(declared.get(name), value) for name, value in {**given, **extras}.items()}
    return NamesOnly(fields), misplaced


def connection_type(family: str, hook_class_name: str) -> dict[str, Any]:
    """Return the entry of ``connection-types`` in the provider info: Airflow builds its form from it.

    :param family: such as ``mysql``.
    :param hook_class_name: dotted path of the family's hook.
    """
    connector = get_connector(family)
    specs = connector.model.fields()
    return {
        "connection-type": connection_type_of(family),
        "hook-class-name": hook_class_name,
        "hook-name": f"Osiris {connector.label}",
        "ui-field-behaviour": _ui_field_behaviour(specs),
        "conn-fields": _conn_fields(connector.model, specs),
    }


def extra_key(spec: FieldSpec) -> str:
    """Return under which name ``extra`` keeps a field: its own, unless Airflow's API would show a secret under it, or
    hide what is none. A text that is shown as ``***`` stays what it was when the form is saved, a yes or no does not.

    :param spec: a declared field.
    """
    if spec.secret:
        return spec.name if _is_masked(spec.name) else f"secret_{spec.name}"
    others = spec.info.aliases if _is_masked(spec.name) and not spec.is_scalar else ()
    return next((alias for alias in others if not _is_masked(alias)), spec.name)


def _is_masked(name: str) -> bool:
    return any(word in name for word in MASKED_WORDS)


def _from_slots(specs: Iterable[FieldSpec], attributes: Mapping[str, Any]) -> dict[str, Any]:
    kept_in: dict[str, str] = {spec.info.airflow: spec.name for spec in specs if spec.info.airflow != "extra"}
    given: dict[str, Any] = {}
    for slot in SLOTS:
        value = attributes.get(slot)
        # Airflow's form sends 0 for a port that was left empty.
        if value is None or value == "" or (slot == "port" and value == 0):
            continue
        given[kept_in.get(slot, slot)] = value
    return given


def _extras(extra: Any, where: str) -> dict[str, Any]:
    if isinstance(extra, str) and extra:
        try:
            extra = json.loads(extra)
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            advice = "Correct it there: it is empty, or {} with names in double quotes and their values"
            message = f"{where}: extra is not a JSON object. {advice}"
            raise ConnectionConfigError(message, field="extra")
    return dict(extra or {})


def _told(field: str | None, text: str) -> str:
    """Return a problem as part of a sentence: ``field host is required``, ``field port: not a number``."""
    goes_on = text.split(" ", 1)[0] in ("is", "has", "holds", "means", "must")
    text = text.rstrip(".")
    return text if field is None else f"field {field} {text}" if goes_on else f"field {field}: {text}"


def _from_extra(
    declared: Mapping[str, FieldSpec], from_slots: Mapping[str, Any], extras: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str | None, str]]]:
    """Return the fields that ``extra`` may give by their names, and what is wrong with the other entries."""
    slot_of: dict[str, FieldSpec] = {
        spec.info.airflow: spec for spec in declared.values() if spec.info.airflow != "extra"
    }
    given: dict[str, Any] = {}
    problems: list[tuple[str | None, str]] = []
    for key, value in extras.items():
        name = _field_name(declared, key)
        spec = declared.get(name) or slot_of.get(name)
        if name in META_KEYS or value in (None, ""):
            continue
        if spec is not None and spec.info.airflow != "extra":
            problems.append((key, f"extra may not give it, {spec.name} is the connection's {spec.info.airflow}"))
        elif name in given or name in from_slots:
            problems.append((key, "extra gives it twice; keep one"))
        else:
            given[name] = value
    return given, problems


def _field_name(declared: Mapping[str, FieldSpec], key: str) -> str:
    bare = key.removeprefix("secret_")
    return bare if key not in declared and bare in declared else key


def _as_declared(spec: FieldSpec | None, value: Any) -> Any:
    """Undo what a connection's URI form does: digits become numbers, objects become JSON text."""
    if spec is None:
        return value
    if spec.is_scalar and isinstance(value, (bool, int, float, dict, list)):
        return json.dumps(value)
    if not spec.is_scalar and isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _ui_field_behaviour(specs: Iterable[FieldSpec]) -> dict[str, Any]:
    used = {spec.info.airflow: spec for spec in specs if spec.info.airflow != "extra"}
    examples = {slot: spec.info.placeholder or _example(spec) for slot, spec in used.items()}
    return {
        "hidden-fields": [slot for slot in SLOTS if slot not in used],
        "relabeling": {slot: spec.label for slot, spec in used.items()},
        "placeholders": {slot: example for slot, example in examples.items() if example},
    }


def _example(spec: FieldSpec) -> str:
    return "" if spec.secret or spec.default is None else str(spec.default)


def _conn_fields(model: type[ConnectionModel], specs: Iterable[FieldSpec]) -> dict[str, Any]:
    properties = model.model_json_schema().get("properties", {})
    return {
        extra_key(spec): {
            "label": spec.label,
            "description": _help(spec),
            "schema": _form_schema(spec, properties.get(spec.name, {})),
        }
        for spec in specs
        if spec.info.airflow == "extra"
    }


def _help(spec: FieldSpec) -> str:
    # The form has no placeholders for fields in ``extra``, and would store a default that its schema has.
    example, default = spec.info.placeholder, spec.default
    words = [spec.info.help]
    if example and example != default:
        words.append(f"Example: {example}")
    if isinstance(default, (bool, int, float, str)) and default not in (False, "") and not spec.secret:
        text = str(default).lower() if isinstance(default, bool) else str(default)
        words.append(f"Default: {text.removesuffix('.0')}")
    return " ".join(words)


def _form_schema(spec: FieldSpec, declared: Mapping[str, Any]) -> dict[str, Any]:
    variants = declared.get("anyOf", [declared])
    shape: Mapping[str, Any] = next((variant for variant in variants if variant.get("type") != "null"), {})
    # The form has a list for texts only; what it says of a yes or no is coerced like that of a file.
    kind = "string" if spec.choices else shape.get("type", "string")
    schema: dict[str, Any] = {"type": kind if spec.required else [kind, "null"]}
    limits = ("minimum", "exclusiveMinimum", "maximum", "minLength", "maxLength", "pattern")
    schema.update({key: shape[key] for key in limits if key in shape})
    if spec.choices:
        schema["enum"] = [*spec.choices, *([] if spec.required else [None])]
        schema["values_display"] = {"null": "not set"}
    if spec.secret and kind == "string":
        schema["format"] = "password"
    return schema
