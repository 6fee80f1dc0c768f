"""What an Airflow's database knows of connections: for commands on a server. A task has no such database.

Nothing that may be secret is read: ids and types of connections, and DAGs as they are serialized.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from osiris_provider._airflow.health_asset import parse_health_asset_uri
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.errors import ConnectionConfigError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_FIELD = re.compile(r"(?:.*_)?conn_id")
_TEMPLATE = "{{"


def stored_connections() -> dict[str, str]:
    """Return the types of the connections in Airflow's database, by their ids.

    :raises ConnectionConfigError: it cannot be read.
    """
    from airflow.models.connection import Connection
    from sqlalchemy import select

    with _session() as session:
        rows = session.execute(select(Connection.conn_id, Connection.conn_type).order_by(Connection.conn_id))
        return {str(connection_id): str(conn_type or "") for connection_id, conn_type in rows}


def used_connections() -> dict[str, set[str]]:
    """Return the DAGs that name each connection: in a field ``conn_id`` or ``…_conn_id``, or as a reference.

    Of fields those are known that Airflow serializes, which are an operator's templated ones. A name that is made by a
    template is not known.

    :raises ConnectionConfigError: the database cannot be read.
    """
    from airflow.models import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select

    used: dict[str, set[str]] = {}
    with _session() as session:
        for dag_id in session.scalars(select(DagModel.dag_id).where(~DagModel.is_stale)).all():
            latest = SerializedDagModel.latest_item_select_object(dag_id)  # type: ignore[no-untyped-call] # Airflow's
            serialized = session.scalar(latest)
            for name in _names_in(serialized.data if serialized is not None else None):
                used.setdefault(name, set()).add(str(dag_id))
    return used


def checked_connections() -> set[tuple[str, str]]:
    """Return family and alias of each connection of whose checks there is an event.

    :raises ConnectionConfigError: the database cannot be read.
    """
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy import select

    with _session() as session:
        ids = select(AssetEvent.asset_id).distinct()
        query = select(AssetModel.uri).where(AssetModel.uri.like("osiris://%"), AssetModel.id.in_(ids))
        parsed = map(parse_health_asset_uri, session.scalars(query))
        return {one for one in parsed if one is not None}


@contextmanager
def _session() -> Iterator[Session]:
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            yield session
    except (SQLAlchemyError, RuntimeError) as error:
        # Its text may hold the database's URL. RuntimeError is what Airflow raises in a task.
        cause = type(error).__name__
    else:
        return
    message = f"Airflow's database cannot be read ({cause}). Run this where the scheduler runs, with its settings."
    raise ConnectionConfigError(message)


def _names_in(value: Any, field: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _names_in(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _names_in(item, field)
    elif isinstance(value, str) and _names_connection(field, value):
        yield value


def _names_connection(field: str, value: str) -> bool:
    if not value or _TEMPLATE in value:
        return False
    return _FIELD.fullmatch(field) is not None or _is_reference(value)


def _is_reference(text: str) -> bool:
    if not text.startswith("@"):
        return False
    try:
        ConnectionRef.parse(text)
    except ConnectionConfigError:
        return False
    return "." in text
