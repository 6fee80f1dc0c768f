"""What the API server may do with stored secrets when someone presses Test.

Airflow fills the secrets of a stored connection in for ``***`` before it tests what the request says. It compares host
and port with the stored ones, but not ``extra``, user or type, which decide as well where a secret goes and how it is
protected. Here a test is either of the connection as it is stored, or of what the request says with nothing filled in.

For a port that was left empty Airflow's UI sends 0, which Airflow 3.3.2 takes for another port than none.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol, TypeVar

from airflow.plugins_manager import AirflowPlugin

from osiris_provider.connectors.airflow_form import connection_type_of, from_airflow, reference_of_id
from osiris_provider.connectors.model import SLOTS
from osiris_provider.errors import OsirisError
from osiris_provider.hooks.guard import GUARDED, MERGE, SAME_ENDPOINT
from osiris_provider.plugins import health, preload, task_kills
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend

log = logging.getLogger(__name__)

OURS = connection_type_of("")
ATTRIBUTES = ("conn_type", *SLOTS, "extra")
App = TypeVar("App")
Attributes = dict[str, Any]


class Body(Protocol):
    """What a request says, as Airflow has parsed it."""

    connection_id: str
    password: str | None
    extra: str | None
    model_fields_set: set[str]


def guard_tests(app: App) -> App:
    """Guard the tests of connections, once, as the API server puts its application together.

    :param app: of the API server; returned as it is, so no request passes through this package.
    """
    try:
        _guard()
    except (ImportError, AttributeError):
        log.exception("The Test button refuses Osiris connections: this Airflow tests connections in another way.")
    return app


class OsirisPlugin(AirflowPlugin):
    """What Airflow loads at its start."""

    name = "osiris"
    listeners = [preload, task_kills]  # noqa: RUF012 - the base class says so
    fastapi_root_middlewares = [  # noqa: RUF012 - the base class says so
        {"middleware": guard_tests, "args": [], "kwargs": {}, "name": "Osiris: stored secrets in connection tests"}
    ]
    fastapi_apps = health.fastapi_apps()
    react_apps = health.react_apps()


def _guard() -> None:
    from airflow.api_fastapi.core_api.routes.public import connections as routes

    called = routes.test_connection.__code__.co_names
    if MERGE not in called:
        message = f"test_connection does not call {MERGE}"
        raise AttributeError(message)
    merge = getattr(routes, MERGE)
    if not getattr(merge, GUARDED, False):
        setattr(routes, MERGE, _with_refusal(merge))
        if SAME_ENDPOINT in called:
            setattr(routes, SAME_ENDPOINT, _without_empty_port(getattr(routes, SAME_ENDPOINT)))


def _with_refusal(merge: Callable[..., None]) -> Callable[..., None]:
    @wraps(merge)
    def merge_or_refuse(connection: Any, body: Body, *args: Any, **kwargs: Any) -> None:
        # For a test Airflow has given the stored connection another id, which is random. All else saves.
        if connection.conn_id == body.connection_id:
            return merge(connection, body, *args, **kwargs)
        stored = _attributes(connection)
        merge(connection, body, *args, **kwargs)
        tested = _attributes(connection)
        if _is_ours(connection, body, stored, tested) and _is_filled_in(body, tested):
            _refuse_another(stored, tested)
            for name, value in stored.items():
                setattr(connection, name, value)
        return None

    setattr(merge_or_refuse, GUARDED, True)
    return merge_or_refuse


def _attributes(connection: Any) -> Attributes:
    return {name: getattr(connection, name) for name in ATTRIBUTES}


def _is_ours(connection: Any, body: Body, *states: Attributes) -> bool:
    # What has no row in Airflow's database is of a backend: of the file, perhaps with the type of another provider.
    of_the_file = connection.id is None and _is_in_file(body.connection_id)
    return of_the_file or any(str(state["conn_type"]).startswith(OURS) for state in states)


def _is_in_file(connection_id: str) -> bool:
    """Return whether an id has the form of one of the file, or the secrets backend has it from there."""
    if reference_of_id(connection_id) is not None:
        return True
    from airflow.configuration import ensure_secrets_loaded

    try:
        backends = [one for one in ensure_secrets_loaded() if isinstance(one, OsirisConnectionsBackend)]
        return any(one.reference_in_file(connection_id) is not None for one in backends)
    except OsirisError:
        # Of a file that cannot be read nothing is served.
        return False


def _is_filled_in(body: Body, tested: Attributes) -> bool:
    """Return whether the password or an entry of ``extra`` to test is not what the request says."""
    said = {name: getattr(body, name) if name in body.model_fields_set else None for name in ("password", "extra")}
    return bool((said["password"] or None) != (tested["password"] or None) or _parsed(said) != _parsed(tested))


def _refuse_another(stored: Attributes, tested: Attributes) -> None:
    from fastapi import HTTPException

    if _model(stored) == _model(tested):
        return
    before, after = _flat(stored), _flat(tested)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    detail = (
        f"Stored secrets are tested only with the connection as it is stored; {', '.join(changed)} differs. "
        "Save the change first, or send every secret."
    )
    raise HTTPException(400, detail)


def _model(attributes: Attributes) -> Any:
    """Return what the attributes mean to their family, defaults filled in; the attributes themselves if to none."""
    family = str(attributes["conn_type"]).removeprefix(OURS)
    try:
        if family != attributes["conn_type"]:
            return from_airflow(family, attributes, "tested").model
    except OsirisError:
        pass
    return _flat(attributes)


def _flat(attributes: Attributes) -> dict[str, Any]:
    slots = {name: attributes[name] for name in ("conn_type", *SLOTS) if attributes[name] not in (None, "", 0)}
    return {**slots, **{f"extra.{name}": value for name, value in _parsed(attributes).items()}}


def _parsed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    text = attributes["extra"] or "{}"
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"": text}


def _without_empty_port(same: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    @wraps(same)
    def same_endpoint(requested: Any, stored: Any) -> bool:
        return same(requested or None, stored or None)

    return same_endpoint
