"""Connections of any type in Airflow: in tasks, in its secrets backends, and through its own ways in and out."""

from tests.airflow.connections.every_field import EVERY_FIELD, FAMILIES, SECRETS, kept_by_a_uri, some_connection

__all__ = ["EVERY_FIELD", "FAMILIES", "SECRETS", "kept_by_a_uri", "some_connection"]
