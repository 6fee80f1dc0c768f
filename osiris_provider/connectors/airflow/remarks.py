"""Where a connection of the file does not fit the form of its type.

Remarks only: a form need not show all that the hook of its type reads, and some hooks take an object where the form has
a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from osiris_provider.connections.yaml.nodes import parsed_object
from osiris_provider.connectors.airflow.forms import Form, form_of, known_types
from osiris_provider.messages import did_you_mean

Remark = tuple[str, str]
KINDS = {"boolean": "true or false", "integer": "an integer", "number": "a number", "string": "a text"}


def remarks_on(fields: Mapping[str, Any]) -> Iterator[Remark]:
    """Yield each part of a connection that its form does not know, or knows as something else, and a message.

    :param fields: of the connection, as written, variables replaced where they are set.
    """
    conn_type = fields.get("conn_type")
    if not isinstance(conn_type, str) or "${" in conn_type:
        return
    form = form_of(conn_type)
    if form is None:
        near = did_you_mean(conn_type, known_types())
        yield (
            "conn_type",
            f"no provider installed here has this type, so extra is not checked.{near}",
        )
        return
    for slot in sorted(form.hidden):
        if fields.get(slot) not in (None, ""):
            yield slot, f"the form of type {conn_type} does not show it, so its hook may not read it"
    extra = parsed_object(fields.get("extra", fields.get("extra_dejson")))
    if isinstance(extra, dict) and form.extra:
        yield from _remarks_on_extra(form, extra)


def _remarks_on_extra(form: Form, extra: Mapping[str, Any]) -> Iterator[Remark]:
    for written, value in extra.items():
        name = written.removeprefix(f"extra__{form.conn_type}__")
        schema = form.extra.get(name)
        if schema is None:
            near = did_you_mean(name, list(form.extra))
            message = f"is not in the form of type {form.conn_type}, though its hook may know it.{near}"
            yield f"extra.{written}", message
        else:
            wanted = _wanted(schema, value)
            if wanted:
                yield f"extra.{written}", f"the form of type {form.conn_type} wants {wanted} here"


def _wanted(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return what a schema wants, None if the value is it, or cannot be known yet."""
    if value is None or isinstance(value, (dict, list)) or (isinstance(value, str) and "${" in value):
        return None
    allowed = [one for one in schema.get("enum") or () if one is not None]
    if allowed:
        texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in allowed]
        return None if value in allowed or str(value) in texts else f"one of {', '.join(texts)}"
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
    if not set(kinds) & KINDS.keys() or any(_is(kind, value) for kind in kinds):
        return None
    return " or ".join(KINDS[kind] for kind in kinds if kind in KINDS)


def _is(kind: str, value: Any) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool) or str(value).strip().lower() in ("true", "false")
    if kind in ("integer", "number") and not isinstance(value, bool):
        try:
            return float(value).is_integer() or kind == "number"
        except (ValueError, OverflowError):
            return False
    return False
