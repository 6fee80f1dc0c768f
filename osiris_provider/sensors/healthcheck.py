"""Wait until a connection is healthy, or fail at once if waiting cannot help."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from osiris_provider._airflow.compat import AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout, conf
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hooks.health import check

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["OsirisHealthcheckSensor"]


class OsirisHealthcheckSensor(BaseSensorOperator):
    """Wait until doctor says that a connection is healthy; XCom gets its report (CONN-020).

    Network errors, timeouts and unknown failures keep it waiting. Auth, permission and misconfiguration fail the task
    at once, whatever ``retries`` says; with ``soft_fail`` they skip it.

    :param connection: a reference such as ``@mysql.default``, or an Airflow connection id. (templated)
    :param check_timeout: seconds for one check; ``timeout`` is how long the sensor waits in all.
    :param deferrable: wait in the triggerer, each ``poke_interval`` without backoff; no worker is held meanwhile.
        The triggerer needs the connections file and its variables.
    """

    template_fields: Sequence[str] = ("connection",)
    ui_color = "#e3f0ea"

    def __init__(
        self,
        *,
        connection: str,
        check_timeout: float = 2.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.connection = connection
        self.check_timeout = check_timeout
        self.deferrable = deferrable
        self._told = ""

    def execute(self, context: Context) -> Any:
        """Wait, here or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        from osiris_provider.triggers.doctor import OsirisDoctorTrigger

        trigger = OsirisDoctorTrigger(
            connections=[self.connection], check_timeout=self.check_timeout, poke_interval=self.poke_interval
        )
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=self._longest())

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the triggerer, or fail: as a sensor whose ``timeout`` is over, or as a task whose time is.

        :param next_method: that Airflow has kept for it.
        :param next_kwargs: of that method.
        :param context: of the task.
        :raises AirflowTaskTimeout: ``execution_timeout`` was shorter than ``timeout``, and is over; the task's
            ``retries`` are for that.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout:
            if not self._ends_by_execution_timeout():
                raise
        message = f"{self.connection} was not healthy within execution_timeout, {self.execution_timeout}"
        raise AirflowTaskTimeout(message)

    def _longest(self) -> timedelta:
        """Return how long the triggerer may wait: Airflow ends a deferred task by nothing else."""
        max_wait = timedelta(seconds=self.timeout)
        return max_wait if self.execution_timeout is None else min(max_wait, self.execution_timeout)

    def _ends_by_execution_timeout(self) -> bool:
        return self._longest() < timedelta(seconds=self.timeout)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the report that the trigger brings, or fail with it.

        :param context: of the task.
        :param event: of :class:`~osiris_provider.triggers.doctor.OsirisDoctorTrigger`.
        """
        (report,) = event["reports"]
        self._decide(Verdict.from_dict(report), context)
        return dict(report)

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once, and log the verdict if it is another than before."""
        verdict = check(self.connection, self.check_timeout)
        said = f"{self.connection} is {verdict.category}: {verdict.message}"
        if said != self._told:
            self._told = said
            self.log.info("%s", said)
        return self._decide(verdict, context)

    def _decide(self, verdict: Verdict, context: Context) -> PokeReturnValue:
        if verdict.ok:
            return PokeReturnValue(is_done=True, xcom_value=verdict.as_dict())
        if verdict.is_transient:
            return PokeReturnValue(is_done=False)
        context["ti"].xcom_push(key="return_value", value=verdict.as_dict())
        message = f"{self.connection}: {verdict.message}"
        raise AirflowFailException(message)
