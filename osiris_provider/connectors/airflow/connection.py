"""The connection of family ``airflow``: what an Airflow connection holds, whatever its type."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, StringConstraints, WithJsonSchema
from typing_extensions import Self

from osiris_provider.connections.redact import MASK, SHORTEST, is_sensitive, passwords_in, safe_url
from osiris_provider.connectors.airflow.forms import Form, form_of
from osiris_provider.connectors.model import SLOTS, ConnectionModel, FieldInfo, JsonObject
from osiris_provider.messages import did_you_mean, printable

Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Schema = Text | None
EXTRA = "extra"
MAX_ADDRESS = 80


def _parsed(value: Any) -> Any:
    """Return ``extra`` as a mapping; pydantic's own errors would name its entries."""
    if isinstance(value, JsonObject):
        return value
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        fits = isinstance(parsed, dict) and bool(json.dumps(parsed, allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        fits = False
    if not fits:
        problem = "is a mapping, or the text of a JSON object"
        raise ValueError(problem)
    return JsonObject(parsed)


def _checked_type(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,500}", value):
        problem = "has letters, digits, _ and - only, such as snowflake"
        raise ValueError(problem)
    return value


Extra = Annotated[JsonObject, BeforeValidator(_parsed), WithJsonSchema({"type": ["object", "string"]})]

with warnings.catch_warnings():
    # "schema" is what Airflow calls it, and also a method of pydantic 1 that its successor still has.
    warnings.simplefilter("ignore", UserWarning)

    class AirflowConnection(ConnectionModel):
        """An Airflow connection of any type."""

        conn_type: Annotated[
            str,
            FieldInfo("Connection type of an installed provider.", public=True, placeholder="snowflake"),
            AfterValidator(_checked_type),
        ]
        host: Annotated[Text | None, FieldInfo("Host of the connection.", public=True, airflow="host")] = None
        port: Annotated[
            int | None, FieldInfo("Port of the connection.", public=True, airflow="port"), Field(ge=0, le=65535)
        ] = None
        login: Annotated[str | None, FieldInfo("Login of the connection.", airflow="login")] = None
        password: Annotated[SecretStr | None, FieldInfo("Password of the connection.", airflow="password")] = None
        schema: Annotated[Schema, FieldInfo("Schema of the connection.", public=True, airflow="schema")] = None  # type: ignore[assignment] # pydantic 1's
        extra: Annotated[
            Extra | None,
            FieldInfo("Extra fields of the type: a mapping, or a JSON object as text.", aliases=("extra_dejson",)),
        ] = None
        description: Annotated[str | None, FieldInfo("What the connection is for.")] = None
        _id: str = PrivateAttr(default="")

        @classmethod
        def parse(cls, connection: Mapping[str, Any]) -> Self:
            """Return the model of a resolved connection; it knows its id; see :meth:`ConnectionModel.parse`."""
            model = super().parse(connection)
            return model.known_as(str(connection.get("alias") or ""))

        @classmethod
        def coerce(cls, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str | None, str]], list[str]]:
            """Check and coerce fields; see :meth:`ConnectionModel.coerce`.

            An unknown field is a problem: an Airflow connection has no place for it.
            """
            coerced, problems, unknown = super().coerce(fields)
            declared = list(cls.declared())
            problems += [(name, _misplaced(name, str(fields.get("conn_type")), declared)) for name in unknown]
            return {} if problems else coerced, problems, []

        @classmethod
        def secret_texts(cls, connection: Mapping[str, Any]) -> Iterator[str]:
            """Yield the texts that may be secret; of ``extra`` all that the type's form does not say otherwise of.

            :param connection: a resolved connection, valid or not.
            """
            given = dict(connection)
            extras = [given.pop(name, None) for name in (EXTRA, *cls.declared()[EXTRA].info.aliases)]
            yield from super().secret_texts(given)
            form = form_of(str(connection.get("conn_type")))
            for extra in extras:
                yield from _secrets_in(extra, form)

        def secret_values(self) -> Iterator[tuple[str, list[str]]]:
            """Yield what may be secret in clear, each entry of ``extra`` by itself; see :class:`ConnectionModel`."""
            yield from super().secret_values()
            yield "login", [self.login or ""]
            for name, value in _entries(self.extra):
                yield f"{EXTRA}.{name}" if re.fullmatch(r"[\w.-]{1,60}", name) else EXTRA, list(_words(value))

        @property
        def id(self) -> str:
            """The Airflow connection id, empty if it is not known."""
            return self._id

        def known_as(self, connection_id: str) -> Self:
            """Return this connection, which then knows its id.

            :param connection_id: passed over if it is known already.
            """
            self._id = self._id or connection_id
            return self

        def attributes(self) -> dict[str, Any]:
            """Return the attributes of the Airflow connection, in clear."""
            password = None if self.password is None else self.password.get_secret_value()
            return {
                "conn_type": self.conn_type,
                "description": self.description,
                **{slot: getattr(self, slot) for slot in SLOTS},
                "password": password,
                "extra": {} if self.extra is None else self.extra.get_secret_value(),
            }

        def shown_address(self) -> str:
            """Return ``host:port`` as far as it is given, or the type."""
            host = printable(safe_url(self.host or ""))[:MAX_ADDRESS]
            if not host:
                return self.conn_type
            return f"{host}:{self.port}" if self.port else host

        def as_url(self, *, redacted: bool) -> str:
            """Return the connection as a URI that Airflow reads; redacted without ``extra``."""
            given = self.attributes()
            login = ":".join(quote(given[name] or "", safe="") for name in ("login", "password"))
            login = MASK if redacted else login.removesuffix(":")
            port = f":{self.port}" if self.port else ""
            host = self.host or ""
            host = quote(self.redactor(given).masked(safe_url(host)) if redacted else host, safe="*")
            path = quote(self.schema or "", safe="")
            url = f"{self.conn_type.lower().replace('_', '-')}://{login}@{host}{port}/{path}"
            extra = "{}" if redacted else json.dumps(given[EXTRA])
            return url if extra == "{}" else f"{url}?__extra__={quote(extra, safe='')}"


def _misplaced(name: str, conn_type: str, declared: list[str]) -> str:
    known = form_of(conn_type)
    if known is not None and name in known.extra:
        return "is no field of a connection; its type has it in extra"
    return f"is no field of a connection; fields of its type go into extra.{did_you_mean(name, declared)}"


def _secrets_in(extra: Any, form: Form | None) -> Iterator[str]:
    for name, value in _entries(extra):
        if form is not None and form.is_public(name):
            continue
        shortest = 1 if is_sensitive(name) or (form is not None and name in form.extra) else SHORTEST
        for text in _words(value):
            if len(text) >= shortest:
                yield text
                yield from passwords_in(text)


def _words(value: Any) -> Iterator[str]:
    """Yield every text inside a value; a number or a yes or no is no secret, and would only garble messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _words(inner)


def _entries(extra: Any) -> Iterator[tuple[str, Any]]:
    """Yield what ``extra`` holds, right or wrong: a text that is no JSON may be a secret as a whole."""
    if isinstance(extra, JsonObject):
        extra = extra.get_secret_value()
    if isinstance(extra, str):
        yield "", extra
        try:
            extra = json.loads(extra)
        except (ValueError, RecursionError):
            return
    if isinstance(extra, dict):
        yield from ((str(name), value) for name, value in extra.items())
    elif extra is not None and not isinstance(extra, str):
        yield "", extra
