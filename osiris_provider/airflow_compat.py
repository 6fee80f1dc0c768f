"""What differs between the Airflow versions that are supported (3.1.1 and later), in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
    from airflow.sdk.log import mask_secret
else:
    try:
        from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
    except ImportError:  # before 3.2
        from airflow.exceptions import AirflowFailException, AirflowNotFoundException
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # before 3.2
        from airflow.sdk.execution_time.secrets_masker import mask_secret

__all__ = ["AirflowFailException", "AirflowNotFoundException", "emit_gauge", "mask_secret"]


def emit_gauge(name: str, value: float, tags: Mapping[str, str]) -> None:
    """Send a figure to the metrics system that Airflow is configured with; nothing happens if there is none.

    :param name: such as ``osiris.rows_read``.
    :param value: the figure.
    :param tags: for systems that know tags.
    """
    if TYPE_CHECKING:
        from airflow.sdk.observability import stats
    else:
        try:
            from airflow.sdk.observability import stats
        except ImportError:  # before 3.2
            from airflow.stats import Stats as stats  # noqa: N813 - the class has the functions of the later module
    stats.gauge(name, value, tags=dict(tags))
