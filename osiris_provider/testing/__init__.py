"""What every connector and every driver promises, as test classes to inherit: for this package's families and yours.

Needs the extra ``testing``: ``pip install 'airflow-provider-osiris[testing]'``. A family's tests are then::

    from osiris_provider.testing import ConnectorContract

    class TestAcmeConnector(ConnectorContract):
        family = "acme"
        connection = {"host": "127.0.0.1", "port": 4711, "password": "…"}

Each name is imported when it is first asked for (PEP 562): pytest loads the plugin of this package in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osiris_provider.lazy import attach

if TYPE_CHECKING:
    from osiris_provider.testing.connector import BaseConnectorContract
    from osiris_provider.testing.context import Metric, RecordingContext
    from osiris_provider.testing.credentials import CredentialsContract
    from osiris_provider.testing.driver import DriverContract, ExtractorContract, WriterContract
    from osiris_provider.testing.family import ConnectorContract
    from osiris_provider.testing.network import NetworkContract
    from osiris_provider.testing.secrecy import assert_silent
    from osiris_provider.testing.state import MemoryState

__all__ = [
    "BaseConnectorContract",
    "ConnectorContract",
    "CredentialsContract",
    "DriverContract",
    "ExtractorContract",
    "MemoryState",
    "Metric",
    "NetworkContract",
    "RecordingContext",
    "WriterContract",
    "assert_silent",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "BaseConnectorContract": "connector",
        "ConnectorContract": "family",
        "CredentialsContract": "credentials",
        "DriverContract": "driver",
        "ExtractorContract": "driver",
        "MemoryState": "state",
        "Metric": "context",
        "NetworkContract": "network",
        "RecordingContext": "context",
        "WriterContract": "driver",
        "assert_silent": "secrecy",
    },
    "testing",
    {"hypothesis", "pytest"},
)
