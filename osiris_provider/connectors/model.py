"""The base of every family's connection model: one declaration a family, from which all else is derived.

A field is declared once, with its type, its default and a :class:`FieldInfo`::

    class MySQLConnection(ConnectionModel):
        host: Annotated[str, FieldInfo("Server name or address.", public=True, airflow="host")]
        password: Annotated[SecretStr, FieldInfo("Password of the user.", airflow="password")] = SecretStr("")

Validation and coercion (CONN-007, 008), ``connections list``, redaction, the Airflow form, the mapping to and from an
Airflow connection and the JSON Schema for editors all read it.
"""

from __future__ import annotations

import os
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, Secret, SecretStr, ValidationError, model_validator
from typing_extensions import Self

from osiris_provider.connections import redact
from osiris_provider.connections.redact import MASK, Redactor
from osiris_provider.connections.reference import reference_to
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connections.security_names import unknown_security_fields
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.messages import errors_of, what_is_wrong

AirflowSlot = Literal["host", "port", "login", "password", "schema", "extra"]
SLOTS = ("host", "port", "login", "password", "schema")
"""Of an Airflow connection, beside ``extra``."""
SCALARS = (str, SecretStr)
META_KEYS = ("family", "alias", "default")
IN_LABELS = {
    "api": "API",
    "ca": "CA",
    "dsn": "DSN",
    "id": "ID",
    "pg": "PostgreSQL",
    "ssl": "SSL",
    "tcp": "TCP",
    "url": "URL",
}
"""How labels write words of field names."""


@dataclass(frozen=True)
class FieldInfo:
    """What there is to say about a connection field beyond its type.

    :param help: one line for people: form, documents, editor.
    :param public: shown by ``connections list``.
    :param airflow: where the field is kept in an Airflow connection; ``extra`` keeps it under its own name.
    :param aliases: other names under which files may give it.
    :param label: its name in forms; made from the field's name if not given.
    :param placeholder: an example value for forms.
    """

    help: str
    public: bool = False
    airflow: AirflowSlot = "extra"
    aliases: tuple[str, ...] = ()
    label: str | None = None
    placeholder: str | None = None

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Put the help text into the JSON Schema."""
        return {**handler(schema), "description": self.help}


class JsonObject(Secret[dict[str, Any]]):
    """An object of JSON that may hold secrets; printed it shows nothing."""

    def _display(self) -> str:
        return MASK


@dataclass(frozen=True)
class FieldSpec:
    """A declared field, read off the model."""

    name: str
    info: FieldInfo
    annotation: Any
    required: bool
    default: Any
    secret: bool
    is_scalar: bool

    @property
    def public(self) -> bool:
        """Whether ``connections list`` shows it; a secret never is."""
        return self.info.public and not self.secret

    @cached_property
    def verbatim(self) -> bool:
        """Whether it holds nothing but texts, at any depth: what a file says is then taken as it is written."""
        known = (*SCALARS, dict, list, tuple)
        return all(leaf in known or get_origin(leaf) is Literal for leaf in leaves(self.annotation))

    @cached_property
    def is_json(self) -> bool:
        """Whether it is an object of JSON whose entries are not declared."""
        return JsonObject in leaves(self.annotation)

    @property
    def label(self) -> str:
        """Name for forms."""
        words = " ".join(IN_LABELS.get(word, word) for word in self.name.split("_"))
        return self.info.label or words[:1].upper() + words[1:]

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a field that has but a few, as texts, else empty: of a ``Literal``, and of a yes or no that may
        also be something else or not be given.
        """
        types = list(leaves(self.annotation))
        words = tuple(word for leaf in types if get_origin(leaf) is Literal for word in get_args(leaf))
        open_end = words or not (self.required or self.default is not None)
        return ("true", "false", *words) if bool in types and open_end else words


class FieldError(ValueError):
    """What is wrong with one field in the light of the others; a model's validators raise it.

    :param problem: goes behind the name.
    :param field: its declared name.
    """

    def __init__(self, problem: str, *, field: str) -> None:  # noqa: ARG002 - the argument of the exception
        self.field = field


class NoBooleanNumbers(BaseModel):
    """Base of what people write in YAML: ``retries: true`` and ``port: yes`` are mistakes, and no 1.

    Frozen; errors never show a value.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_boolean_numbers(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        wrong = [name for name, said in value.items() if isinstance(said, bool) and _is_number(cls, name)]
        # What is of no type at all is refused in the words that each field has for what it is.
        return {**value, **dict.fromkeys(wrong, object())} if wrong else value


class ConnectionModel(NoBooleanNumbers, ABC):
    """Base of the families' connection models. Frozen; unknown fields are kept aside, errors never show a value."""

    model_config = ConfigDict(extra="allow")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show nothing of unknown fields: no one knows what they hold."""
        unknown = self.model_extra or {}
        for name, value in super().__repr_args__():
            yield name, MASK if name in unknown else value

    @classmethod
    def declared(cls) -> Mapping[str, FieldSpec]:
        """Return the declared fields by name and by alias."""
        return _declared(cls)

    @classmethod
    def fields(cls) -> tuple[FieldSpec, ...]:
        """Return the declared fields in the order of their declaration."""
        return tuple(spec for name, spec in _declared(cls).items() if name == spec.name)

    @classmethod
    def coerce(cls, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str | None, str]], list[str]]:
        """Check and coerce fields as written in a file or an Airflow connection (CONN-007, 008).

        An unknown field passes, unless its name is about security: what it asks for would silently not be done.

        :param fields: by name or alias; None counts as not given.
        :return: the given fields under their declared names with secrets in clear; the problems as (field as
            written, message); the names of unknown fields that pass. With problems the first is empty.
        """
        declared = cls.declared()
        written: dict[str, str] = {}
        given: dict[str, Any] = {}
        problems: list[tuple[str | None, str]] = []
        for name, value in fields.items():
            canonical = declared[name].name if name in declared else name
            if canonical in written:
                problems.append((name, f"means the same as {written[canonical]}; keep one"))
            elif value is not None:
                written[canonical], given[canonical] = name, value
        unknown = [name for name in given if name not in declared]
        known = {alias: spec.name for alias, spec in declared.items()}
        refused = dict(unknown_security_fields({name: given[name] for name in unknown}, known))
        problems += refused.items()
        unknown = [name for name in unknown if name not in refused]
        try:
            model = cls.model_validate(given)
        except ValidationError as error:
            problems += [(written.get(field or "", field), text) for field, text in _complaints(cls, error, given)]
        if problems:
            return {}, problems, unknown
        return {name: _in_clear(getattr(model, name)) for name in given}, [], unknown

    @classmethod
    def parse(cls, connection: Mapping[str, Any]) -> Self:
        """Return the model of a resolved connection (CONN-006).

        :param connection: what ``resolve_connection`` returns, which is parsed but once, or a dict like it.
        :raises ConnectionConfigError: names every field that is missing or wrong; shows no value.
        """
        if isinstance(connection, ResolvedConnection) and isinstance(connection.model, cls):
            return connection.model
        reference = reference_of(connection)
        coerced, problems, _ = cls.coerce({name: connection[name] for name in connection if name not in META_KEYS})
        if problems:
            # What shows the variables of an error would show it; :class:`ResolvedConnection` hides what it has.
            del connection
            listed = "; ".join(f"field {field}: {text}" if field else text for field, text in problems)
            message = f"{reference or 'The connection'}: {listed}"
            raise ConnectionConfigError(message, reference=reference, field=problems[0][0])
        return cls.model_validate(coerced)

    def connect_seconds(self) -> float:
        """Return how long a client may take to connect and log in, in seconds; a family may have a field for it."""
        return 10.0

    def check_further(self) -> None:
        """Check what takes a library to read, such as a DSN: for a check of the file, not for each that resolves it.

        :raises ConnectionConfigError: the fields are right, each by itself, and no client can be made of them.
        """

    @abstractmethod
    def shown_address(self) -> str:
        """Return where the peer is, for messages: ``host:port`` or the like. Holds no secret."""

    @abstractmethod
    def as_url(self, *, redacted: bool) -> str:
        """Return the connection as a URL (CONN-016).

        :param redacted: True puts ``***`` for all credentials.
        """

    def secret_values(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the secrets in clear: the name of the field that holds one, and its texts."""
        for spec in self.fields():
            value = getattr(self, spec.name)
            for secret in value.values() if isinstance(value, Mapping) else [value]:
                if isinstance(secret, SecretStr):
                    yield spec.name, [secret.get_secret_value()]

    @classmethod
    def redactor(cls, connection: Mapping[str, Any]) -> Redactor:
        """Return a redactor for all that may be secret in a connection: secret fields, and texts in unknown ones.

        :param connection: a resolved connection, valid or not.
        """
        return Redactor(cls.secret_texts(connection))

    @classmethod
    def secret_texts(cls, connection: Mapping[str, Any]) -> Iterator[str]:
        """Yield every text of a connection that may be secret; see :func:`secret_texts`.

        :param connection: a resolved connection, valid or not.
        """
        yield from secret_texts(cls.declared(), connection)


def reference_of(connection: Mapping[str, Any]) -> str | None:
    """Return the reference of a resolved connection, or None if it does not say."""
    family, alias = connection.get("family"), connection.get("alias")
    return reference_to(str(family), str(alias)) if family and alias else None


@cache
def _declared(model: type[ConnectionModel]) -> dict[str, FieldSpec]:
    declared: dict[str, FieldSpec] = {}
    for name, field in model.model_fields.items():
        info = next((item for item in field.metadata if isinstance(item, FieldInfo)), FieldInfo(""))
        types = list(leaves(field.annotation))
        default = None if field.is_required() else field.get_default()
        spec = FieldSpec(
            name=name,
            info=info,
            annotation=field.annotation,
            required=field.is_required(),
            default=default,
            secret=any(leaf in (SecretStr, JsonObject) for leaf in types),
            is_scalar=all(leaf in SCALARS or get_origin(leaf) is Literal for leaf in types),
        )
        declared[name] = spec
        declared.update(dict.fromkeys(info.aliases, spec))
    return declared


def _is_number(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    types = set() if field is None else set(leaves(field.annotation))
    return bool(types & {int, float}) and bool not in types


def leaves(annotation: Any) -> Iterator[Any]:
    """Yield the types inside unions, containers and Annotated; None is left out."""
    if get_origin(annotation) is Literal or not get_args(annotation):
        if annotation is not type(None):
            yield annotation
    elif get_origin(annotation) is typing.Annotated:
        yield from leaves(get_args(annotation)[0])
    else:
        # A container itself is a leaf too: dict[str, SecretStr] is secret, but it is no scalar.
        origin = get_origin(annotation)
        if isinstance(origin, type) and issubclass(origin, (dict, list, tuple)):
            yield origin
        for inner in get_args(annotation):
            yield from leaves(inner)


def _complaints(
    model: type[ConnectionModel], error: ValidationError, given: Mapping[str, Any]
) -> Iterator[tuple[str | None, str]]:
    for item in errors_of(error, given):
        cause = item.get("ctx", {}).get("error")
        blamed = cause.field if isinstance(cause, FieldError) else None
        field = str(item["loc"][0]) if item["loc"] else blamed
        if item["type"] == "missing":
            spec = model.declared().get(field or "")
            said = spec.info.help.rstrip(".") if spec else ""
            yield field, f"is required: {said}" if said else "is required"
        else:
            yield field, what_is_wrong(item)


def _in_clear(value: Any) -> Any:
    if isinstance(value, (SecretStr, JsonObject)):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _in_clear(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_clear(item) for item in value]
    return value


def secret_texts(declared: Mapping[str, FieldSpec], connection: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text of a connection that may be secret: those of secret fields, and those of unknown ones.

    :param declared: the declared fields of its family.
    :param connection: a resolved connection, valid or not.
    """
    fields = {name: _in_clear(value) for name, value in connection.items() if name not in META_KEYS}
    yield from redact.secret_texts(declared, fields)


def readable_file(field: str, path: str | None) -> str | None:
    """Return the path of a file that a connection names, checked.

    :param field: of the connection, for the message.
    :param path: as written; ``~`` is the user's home.
    :raises ConnectionConfigError: it is not a file that this process can read.
    """
    if path is None:
        return None
    expanded = os.path.expanduser(path)
    if not os.path.isfile(expanded) or not os.access(expanded, os.R_OK):
        # The path is not shown: a secret may have been put into the wrong field.
        message = f"field {field}: there is no such file, or this process cannot read it"
        raise ConnectionConfigError(message, field=field)
    return expanded
