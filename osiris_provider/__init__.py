"""Apache Airflow provider for Osiris connections, health checks and drivers.

The names here are the public ones of the package as a library. Each is imported when it is first asked for (PEP 562):
importing this package costs a DAG file nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osiris_provider.lazy import attach

if TYPE_CHECKING:
    from osiris_provider.connections import ConnectionRef, list_connections, resolve_connection
    from osiris_provider.connectors import doctor_all, get_connector
    from osiris_provider.drivers import Driver, get_driver
    from osiris_provider.pipelines import run_pipeline

__version__ = "0.1.0"

__all__ = [
    "ConnectionRef",
    "Driver",
    "__version__",
    "doctor_all",
    "get_connector",
    "get_driver",
    "list_connections",
    "resolve_connection",
    "run_pipeline",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "ConnectionRef": "connections",
        "Driver": "drivers",
        "doctor_all": "connectors",
        "get_connector": "connectors",
        "get_driver": "drivers",
        "list_connections": "connections",
        "resolve_connection": "connections",
        "run_pipeline": "pipelines",
    },
)
