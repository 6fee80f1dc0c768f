"""Why Airflow says that it has no connection: it says so, too, of one that it cannot read."""

from __future__ import annotations

import os

from airflow.sdk import get_current_context

from osiris_provider._airflow.server import stored_connections
from osiris_provider.errors import ConnectionConfigError, Fault

PROCESS_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
"""The variable by which Airflow knows which connections a process may read; see its supervisor.py."""

NOT_LOOKED_UP = Fault(
    "not_looked_up",
    "timeout",
    "Airflow did not tell the connection {address} within {timeout}. Check its secrets backend and its database.",
)
_NOT_READ = NOT_LOOKED_UP.reworded(
    "Airflow cannot read connection {address} at the moment. Check its API server and its database."
)


def require_database(target: str) -> None:
    """Do nothing if Airflow's database answers the task that runs in this process; it waits for it, for some time.

    :param target: that Airflow does not know, as the API server says as well while it has no database.
    :raises ConnectTimeoutError: it does not answer.
    """
    try:
        ti = get_current_context()["ti"]
    except (RuntimeError, KeyError):
        return
    try:
        ti.get_dr_count(dag_id=ti.dag_id, run_ids=[ti.run_id])
    except Exception:  # noqa: BLE001 - the API server's, or that of the way to it
        problem = _NOT_READ.error(target)
    else:
        return
    raise problem


def why_not_known(connection_id: str) -> str:
    """Return why Airflow does not tell a connection.

    :param connection_id: that it does not know.
    """
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    if variable in os.environ:
        return f"Airflow cannot read variable {variable} as the connection {connection_id}: it is JSON or a URI."
    if os.environ.get(PROCESS_CONTEXT) == "server":
        try:
            stored = stored_connections()
        except ConnectionConfigError as error:
            return error.message
        if connection_id in stored:
            return (
                f"Airflow cannot decrypt connection {connection_id}: [core] fernet_key is not the key with which it "
                "was stored. Put that one behind the new one, with a comma between them, or store the connection again."
            )
    return f"Airflow has no connection {connection_id}."
