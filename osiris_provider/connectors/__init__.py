"""Connectors: one a family. They make clients and check connections; they know nothing of Airflow."""

from osiris_provider.connectors.airflow_form import connection_type
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check_many import doctor_all
from osiris_provider.connectors.faults import GARBAGE
from osiris_provider.connectors.model import ConnectionModel, FieldInfo
from osiris_provider.connectors.registry import close_all, get_connector

__all__ = [
    "GARBAGE",
    "ConnectionModel",
    "Connector",
    "FieldInfo",
    "close_all",
    "connection_type",
    "doctor_all",
    "get_connector",
]
