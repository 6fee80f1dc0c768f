"""The hook of an Airflow connection, in this process."""

from __future__ import annotations

import json
from importlib import import_module
from types import new_class
from typing import Any

from osiris_provider.connectors.airflow.connection import AirflowConnection
from osiris_provider.connectors.airflow.forms import form_of, known_types
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.messages import did_you_mean


def hook_of(model: AirflowConnection) -> Any:
    """Return the hook that the provider of the connection's type has for it, as ``Connection.get_hook`` does.

    The hook gets this very connection, whatever Airflow knows under its id; other ids it looks up as always.

    :param model: the connection.
    :raises ConnectionConfigError: no provider that is installed has the type, or its hook cannot be imported.
    """
    form = form_of(model.conn_type)
    if form is None:
        near = did_you_mean(model.conn_type, known_types())
        message = f"field conn_type: no provider installed here has this type.{near}"
        raise ConnectionConfigError(message, field="conn_type")
    base, problem = _imported(form.hook_class)
    if base is None:
        message = f"{form.hook_class} of {form.package} cannot be imported ({problem}); reinstall {form.package}"
        raise ConnectionConfigError(message, field="conn_type")
    connection_id = model.id or "unnamed"
    connection = _connection(model, connection_id)

    def get_connection(cls: Any, conn_id: str) -> Any:
        del cls
        return connection if conn_id == connection_id else base.get_connection(conn_id)

    # It logs under the name of its module.
    members = {"get_connection": classmethod(get_connection), "__module__": base.__module__}
    bound = new_class(base.__name__, (base,), exec_body=lambda namespace: namespace.update(members))
    return bound(**{base.conn_name_attr: connection_id})


def _connection(model: AirflowConnection, connection_id: str) -> Any:
    given = model.attributes()
    extra = given.pop("extra")
    # Not imported above: the families work without Airflow, and a hook brings it anyway.
    connection_class = import_module("airflow.sdk").Connection
    return connection_class(conn_id=connection_id, **given, extra=json.dumps(extra) if extra else None)


def _imported(path: str) -> tuple[Any, str]:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name), ""
    except Exception as error:  # noqa: BLE001 - importing somebody's package may raise anything
        return None, type(error).__name__
