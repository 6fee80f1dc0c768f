"""What the Data API tells of a table's columns: PostgREST describes them at its root, as OpenAPI."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from osiris_provider.connectors.http.base import HttpConnector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.retry import call_with_retries
from osiris_provider.drivers.postgres.tables import constraints_of
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    from osiris_provider.connectors.http.session import Answer
    from osiris_provider.drivers.supabase.config import SupabaseWriteConfig

log = logging.getLogger(__name__)

_MAX_DOCUMENT = 32 * 1024 * 1024
_SERVER_ERROR = 500
_NAMES = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "character varying": "varchar",
    "character": "bpchar",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    '"char"': "char",
}
"""PostgreSQL's own names of types that are shown by another."""
_TYPE = re.compile(r'(["a-z0-9_ ]+?)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?')
_HEADER = 4
"""That PostgreSQL adds to the size of a number or text."""
_SCALE_BITS = 0x7FF
"""Of the size of a number, for its scale, which may be negative."""


def columns_of(step: Step[SupabaseWriteConfig]) -> list[Column]:
    """Return the columns of the step's table as far as the Data API describes it; none if it does not.

    It shows its description to a service role key only, and a project may have it switched off. Sizes of numbers and
    digits of a second are not in it, unless they are part of the type's name.

    :raises ConnectorError: the Data API cannot be reached.
    """
    connector = cast("HttpConnector[Any]", get_connector(step.connection["family"]))
    session = step.client()

    def ask() -> Answer:
        answer = session.ask("GET", "", _MAX_DOCUMENT)
        return connector.checked(answer) if answer.status >= _SERVER_ERROR else answer

    answer = call_with_retries(lambda: connector.translate_errors(step.connection, ask))
    definition = _described(answer.body, step.config.table) if answer.is_success and answer.complete else None
    if definition is None:
        log.warning(
            "Step %s: the Data API does not describe table %s (status %s), as it does to a service role key. Values "
            "that its columns would round, cut or guess are not looked for.",
            step.id,
            step.config.table,
            answer.status,
        )
        return []
    required = definition.get("required")
    nullable = set(definition["properties"]) - set(required if isinstance(required, list) else ())
    return [
        Column(name, limits=_limits(about, nullable=name in nullable))
        for name, about in definition["properties"].items()
        if isinstance(about, Mapping)
    ]


def _described(body: bytes, table: str) -> Mapping[str, Any] | None:
    try:
        definition = json.loads(body)["definitions"][table]
        return definition if isinstance(definition["properties"], Mapping) else None
    except (ValueError, RecursionError, LookupError, TypeError):
        return None


def _limits(about: Mapping[str, Any], *, nullable: bool) -> ColumnConstraints:
    members, length = about.get("enum"), about.get("maxLength")
    if isinstance(members, list) and members:
        return ColumnConstraints(nullable=nullable, members=frozenset(map(str, members)))
    said = _TYPE.fullmatch(str(about.get("format")))
    if not said:
        return ColumnConstraints(nullable=nullable)
    shown = said[1] + (said[4] or "")
    kind = _NAMES.get(shown, shown)
    size = -1
    if kind == "numeric" and said[2]:
        size = (int(said[2]) << 16) + (int(said[3] or 0) & _SCALE_BITS) + _HEADER
    elif said[2]:
        size = int(said[2]) + (_HEADER if kind in ("varchar", "bpchar") else 0)
    limits = constraints_of(kind, size, nullable=nullable)
    return replace(limits, chars=length) if isinstance(length, int) and limits.chars is None else limits
