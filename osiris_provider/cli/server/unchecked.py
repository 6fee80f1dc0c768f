"""The connections that DAGs use and that were never checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from osiris_provider.cli.output import UNHEALTHY, say, write, write_json
from osiris_provider.cli.server.table import plain_table
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connectors.airflow_form import ANY_TYPE, reference_of_id

SHOWN_DAGS = 3


def list_unchecked(as_json: bool) -> int:
    """Show the connections that DAGs use and of which no check is known; return the exit code.

    :param as_json: show it as JSON.
    :raises ConnectionConfigError: the database cannot be read.
    """
    from osiris_provider._airflow.server import checked_connections, stored_connections, used_connections

    stored, checked = stored_connections(), checked_connections()
    unchecked: dict[str, set[str]] = {}
    for name, dags in used_connections().items():
        if not checked & set(_identities(name, stored)):
            unchecked.setdefault(name, set()).update(dags)
    if as_json:
        write_json({"unchecked": [{"connection": name, "dags": sorted(unchecked[name])} for name in sorted(unchecked)]})
    elif unchecked:
        write(plain_table(("connection", "used by"), [[name, _some(unchecked[name])] for name in sorted(unchecked)]))
    said = (
        "1 connection that DAGs use was" if len(unchecked) == 1 else f"{len(unchecked)} connections that DAGs use were"
    )
    say(f"{said} never checked" if unchecked else "All that DAGs use is checked.")
    return UNHEALTHY if unchecked else 0


def _identities(name: str, stored: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield family and alias under which checks of a connection may be known."""
    ref: ConnectionRef | None = reference_of_id(name)
    if ref is not None and ref.alias is not None:
        yield ref.family, ref.alias
    if not name.startswith("@"):
        yield ANY_TYPE, name
        own = stored.get(name, "").removeprefix("osiris_")
        if own != stored.get(name, ""):
            yield own, name


def _some(dags: set[str]) -> str:
    shown = sorted(dags)[:SHOWN_DAGS]
    more = len(dags) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
