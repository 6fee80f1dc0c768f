"""Connectors: one a family. They make clients and check connections; they know nothing of Airflow."""

from osiris_provider.connectors.check_many import doctor_all
from osiris_provider.connectors.registry import close_all, get_connector

__all__ = ["close_all", "doctor_all", "get_connector"]
