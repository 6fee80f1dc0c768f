"""The connections that can be listed on Airflow's server, and who checks them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from osiris_provider.cli.listing import near
from osiris_provider.cli.output import say, write, write_json
from osiris_provider.cli.server.table import plain_table
from osiris_provider.connections.load import load_connections
from osiris_provider.connections.reference import reference_to
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors.airflow.forms import known_types
from osiris_provider.connectors.airflow_form import ANY_TYPE, connection_type_of
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError

_PREFIX = "AIRFLOW_CONN_"
_TYPE = re.compile(r"[A-Za-z0-9_-]{1,100}")
_HEADS = ("connection", "type", "checked by", "source")

Entry = dict[str, str | None]


def list_airflow(file: str | None, as_json: bool) -> None:
    """Show the connections of Airflow's database, of this machine's environment and of the connections file.

    :param file: path of the connections file; None looks in the standard locations.
    :param as_json: show it as JSON.
    :raises ConnectionConfigError: the database cannot be read.
    """
    entries = [*_stored(), *_of_environment(), *_of_file(file)]
    if as_json:
        write_json({"connections": entries})
        return
    rows = [[entry[name] or "" for name in ("connection", "conn_type", "checked_by", "source")] for entry in entries]
    write(plain_table(_HEADS, rows))
    say(f"{len(entries)} connections. Those of Vault and other secrets backends cannot be listed.")


def _stored() -> Iterator[Entry]:
    from osiris_provider._airflow.server import stored_connections

    for connection_id, conn_type in stored_connections().items():
        yield _entry(connection_id, conn_type, "Airflow's database")


def _of_environment() -> Iterator[Entry]:
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and len(name) > len(_PREFIX):
            yield _entry(name.removeprefix(_PREFIX).lower(), _type_in(os.environ[name]), f"variable {name}")


def _of_file(file: str | None) -> Iterator[Entry]:
    try:
        known = load_connections(file)
    except ConnectionConfigError as error:
        say(f"warning: {error}")
        return
    for entry in known.entries.values():
        conn_type = entry.fields.get("conn_type") if entry.family == ANY_TYPE else connection_type_of(entry.family)
        checked_by = entry.family if entry.family != ANY_TYPE else _checked_by(str(conn_type))
        yield {
            "connection": reference_to(entry.family, entry.alias),
            "conn_type": str(conn_type),
            "checked_by": checked_by,
            "source": f"{near(known.path)}:{entry.line}",
        }


def _entry(connection_id: str, conn_type: str, source: str) -> Entry:
    return {
        "connection": connection_id,
        "conn_type": conn_type,
        "checked_by": _checked_by(conn_type),
        "source": source,
    }


def _type_in(value: str) -> str:
    """Return the type that a connection in a variable has, and nothing else of it."""
    try:
        parsed = json.loads(value) if value.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        parsed = None
    written = str(parsed.get("conn_type", "")) if isinstance(parsed, dict) else value.partition("://")[0]
    return written.replace("-", "_") if _TYPE.fullmatch(written) and (parsed is not None or "://" in value) else ""


def _checked_by(conn_type: str) -> str | None:
    """Return the family that checks connections of a type: one of our own, ``airflow`` by their hook, or None."""
    for family in family_names():
        if family == ANY_TYPE:
            continue
        try:
            others: Mapping[str, Any] = get_connector(family).other_types
        except ConnectionConfigError:
            # Its package cannot be imported.
            continue
        if conn_type == connection_type_of(family) or conn_type in others:
            return family
    return ANY_TYPE if conn_type in known_types() else None
