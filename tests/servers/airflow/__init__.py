"""A running Airflow, and what is asked of it."""

from tests.servers.airflow.server import AirflowServer

__all__ = ["AirflowServer"]
