"""Retries of any task as this package means them: where a retry can help, and not where it cannot. Airflow 3.3 on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from osiris_provider._airflow.arguments import require
from osiris_provider.connectors.faults import chain
from osiris_provider.errors import ConnectorError, MissingPackageError, OsirisError

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["OsirisRetryPolicy"]

LONGEST = timedelta(days=365)
"""Airflow adds a delay to the date of the failure, in the scheduler, and there are none after the year 9999."""
try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:  # before 3.3
    MESSAGE = "OsirisRetryPolicy needs Airflow 3.3 or later; this one has no retry policies."
    raise MissingPackageError(MESSAGE) from None


class OsirisRetryPolicy(RetryPolicy):
    """Decides by the errors of this package, wherever they are in the chain of what a task raises.

    Auth, permission, configuration and data fail the task at once. Network, timeout and unknown use its ``retries``.
    Other exceptions are left to the task's own settings::

        from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
        from osiris_provider.retry_policy import OsirisRetryPolicy

        retries = {"retries": 5, "retry_policy": OsirisRetryPolicy()}
        SQLExecuteQueryOperator(task_id="report", conn_id="osiris_mysql_default", sql="CALL report()", **retries)

    :param delay: before the first retry; it doubles with each. None leaves the delay to the task. A peer that says
        when to come back (``Retry-After``) is obeyed.
    :param max_delay: never wait longer, nor than a year.
    """

    def __init__(
        self, delay: timedelta | None = timedelta(seconds=10), max_delay: timedelta = timedelta(minutes=10)
    ) -> None:
        require("delay", delay is None or _is_wait(delay), "a timedelta, or None")
        self.delay = None if delay is None else min(delay, LONGEST)
        require("max_delay", _is_wait(max_delay), "a timedelta")
        self.max_delay = min(max_delay, LONGEST)

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - Airflow itself ends the retries
        context: Context | None = None,  # noqa: ARG002 - it takes the error only
    ) -> RetryDecision:
        """Decide about one failure; Airflow calls it in the task's process."""
        error = next((item for item in chain(exception) if isinstance(item, OsirisError)), None)
        if error is None:
            return RetryDecision.default()
        reason = f"{type(error).__name__}, category {error.category}"
        if not error.is_transient:
            return RetryDecision.fail(f"{reason}: a retry cannot help")
        return RetryDecision.retry(self._delay(error, try_number), f"{reason}: may pass")

    def _delay(self, error: OsirisError, try_number: int) -> timedelta | None:
        seconds = error.retry_after if isinstance(error, ConnectorError) else None
        if seconds is None:
            if self.delay is None:
                return None
            # More doublings than these would overflow.
            seconds = self.delay.total_seconds() * 2.0 ** min(try_number - 1, 100)
        # In this order what is no number is max_delay.
        return timedelta(seconds=min(self.max_delay.total_seconds(), seconds))

    def serialize(self) -> dict[str, Any]:
        """Return the arguments as JSON-able values."""
        return {
            "delay": None if self.delay is None else self.delay.total_seconds(),
            "max_delay": self.max_delay.total_seconds(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> OsirisRetryPolicy:
        """Return an equal policy.

        :param data: what :meth:`serialize` returned.
        """
        delay = data["delay"]
        return cls(None if delay is None else timedelta(seconds=delay), timedelta(seconds=data["max_delay"]))


def _is_wait(value: Any) -> bool:
    return isinstance(value, timedelta) and value >= timedelta(0)
