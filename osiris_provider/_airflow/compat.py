"""What differs between the Airflow versions that are supported (3.1.8 and later), in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowTaskTimeout,
    )
    from airflow.sdk.log import mask_secret
else:
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # before 3.2
        from airflow.configuration import conf
    try:
        from airflow.sdk.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowTaskTimeout,
        )
    except ImportError:  # before 3.2
        from airflow.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowTaskTimeout,
        )
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # before 3.2
        from airflow.sdk.execution_time.secrets_masker import mask_secret

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowTaskTimeout",
    "conf",
    "emit_count",
    "emit_gauge",
    "emit_timing",
    "has_executor",
    "mask_secret",
]


def has_executor(name: str) -> bool:
    """Return whether Airflow is configured with an executor; True where this process cannot tell.

    :param name: as a task names it.
    """
    if conf.getboolean("core", "multi_team", fallback=False):
        return True
    try:
        from airflow.exceptions import UnknownExecutorException
        from airflow.executors.executor_loader import ExecutorLoader
    except ImportError:  # a worker has the Task SDK only
        return True
    try:
        ExecutorLoader.lookup_executor_name_by_str(name)
    except UnknownExecutorException:
        return False
    return True


def emit_count(name: str, tags: Mapping[str, str]) -> None:
    """Count one more of something in the metrics system that Airflow is configured with.

    :param name: such as ``osiris.doctor.failed``.
    :param tags: for systems that know tags.
    """
    _stats().incr(name, tags=dict(tags))


def emit_gauge(name: str, value: float, tags: Mapping[str, str]) -> None:
    """Send a figure to the metrics system that Airflow is configured with; nothing happens if there is none.

    :param name: such as ``osiris.rows_read``.
    :param value: the figure.
    :param tags: for systems that know tags.
    """
    _stats().gauge(name, value, tags=dict(tags))


def emit_timing(name: str, milliseconds: float, tags: Mapping[str, str]) -> None:
    """Send how long something took to the metrics system that Airflow is configured with.

    :param name: such as ``osiris.doctor.latency``.
    :param milliseconds: it took.
    :param tags: for systems that know tags.
    """
    _stats().timing(name, milliseconds, tags=dict(tags))


def _stats() -> Any:
    try:
        from airflow.sdk.observability import stats
    except ImportError:  # before 3.2
        from airflow.stats import Stats  # type: ignore[import-not-found,unused-ignore] # gone from later versions

        return Stats
    # The functions of the module have come with 3.3, in place of the class.
    return stats if hasattr(stats, "incr") else stats.Stats
