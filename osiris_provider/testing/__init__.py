"""What every connector and every driver promises, as test classes to inherit: for this package's families and yours.

Needs the extra ``testing``: ``pip install 'airflow-provider-osiris[testing]'``. A family's tests are then::

    from osiris_provider.testing import ConnectorContract

    class TestAcmeConnector(ConnectorContract):
        family = "acme"
        connection = {"host": "127.0.0.1", "port": 4711, "password": "…"}

Each name is imported when it is first asked for (PEP 562): pytest loads the plugin of this package in every run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_MODULES = {
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
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        module = import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        if error.name not in ("hypothesis", "pytest"):
            raise
        message = f"osiris_provider.testing needs {error.name}: pip install 'airflow-provider-osiris[testing]'"
        raise ModuleNotFoundError(message, name=error.name) from None
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
