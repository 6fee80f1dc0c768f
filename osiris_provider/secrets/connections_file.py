"""The connections file as a secrets backend: each of its connections is an Airflow connection for any operator."""

from __future__ import annotations

import json
import logging

from airflow.secrets import BaseSecretsBackend

from osiris_provider.connections.families import family_names
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

log = logging.getLogger(__name__)


class OsirisConnectionsBackend(BaseSecretsBackend):
    """Serves ``@mysql.default`` of the connections file as Airflow connection ``osiris_mysql_default``.

    ``mysql.default`` is the same. Airflow asks a backend for every connection id, first of all: an id of another form
    costs nothing, and whatever is wrong with the file hides no connection of another source.

    :param connections_file: path of the file; None looks in the usual places, when it is asked.
    """

    def __init__(self, connections_file: str | None = None) -> None:
        super().__init__()
        self.connections_file = connections_file

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:  # noqa: ARG002 - one file for all teams
        """Return a connection as JSON, or None if the file does not have it.

        :param conn_id: ``osiris_<family>_<alias>`` or ``<family>.<alias>``.
        :param team_name: not used.
        """
        if not conn_id.startswith("osiris_") and conn_id.partition(".")[0] not in family_names():
            return None
        # Airflow makes a backend while it is still starting: nothing heavy is imported before it is needed.
        from osiris_provider.connections.resolve import resolve_connection
        from osiris_provider.connectors.airflow_form import reference_of_id, to_airflow

        ref = reference_of_id(conn_id)
        if ref is None:
            return None
        try:
            attributes = to_airflow(ref.family, resolve_connection(ref, self.connections_file))
        except ConnectionNotFoundError:
            return None
        except ConnectionConfigError as error:
            # Airflow drops what a backend raises, and says only that the connection is not defined.
            log.warning("Connection %s cannot be taken from the connections file. %s", conn_id, error)
            return None
        return json.dumps(attributes)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:  # noqa: ARG002 - holds no variables
        """Return None: the file holds no variables."""
        return None

    def get_config(self, key: str) -> str | None:  # noqa: ARG002 - holds no configuration
        """Return None: the file holds no configuration."""
        return None
