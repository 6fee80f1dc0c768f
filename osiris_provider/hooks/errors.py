"""From errors of this package to what Airflow does about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from osiris_provider._airflow.compat import AirflowFailException
from osiris_provider.errors import OsirisError

T = TypeVar("T")


def fail_fast(call: Callable[[], T]) -> T:
    """Call, and spare the task's retries where they cannot help (CONN-019).

    :param call: raises errors of this package.
    :raises AirflowFailException: with the same text, for an error that a retry cannot heal.
    :raises OsirisError: one that a retry may heal.
    """
    try:
        return call()
    except OsirisError as error:
        if error.is_transient:
            raise
        message = str(error)
    raise AirflowFailException(message)
