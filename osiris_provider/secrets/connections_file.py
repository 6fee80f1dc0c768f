"""The connections file as a secrets backend; ``[secrets] backend`` names the class here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osiris_provider.secrets._backend import OsirisConnectionsBackend

__all__ = ["OsirisConnectionsBackend"]


def __getattr__(name: str) -> Any:
    """Return the class. Its base is Airflow's, and Airflow asks for it while it is itself being imported.

    So Airflow comes first, whatever a program imports first.
    """
    if name != "OsirisConnectionsBackend":
        message = f"module {__name__} has no attribute {name}"
        raise AttributeError(message)
    import_module("airflow.configuration")
    return import_module("osiris_provider.secrets._backend").OsirisConnectionsBackend
