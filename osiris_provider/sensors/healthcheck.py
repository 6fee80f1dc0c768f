"""Wait until a connection is healthy, or fail at once if waiting cannot help."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from osiris_provider._airflow.arguments import check_seconds, is_known_later, is_name, require
from osiris_provider._airflow.compat import AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout, conf
from osiris_provider.connections.reference import MAX_LOCATION, shown
from osiris_provider.connectors.expiry import WARN_DAYS, expiring, expiry_sentence
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hooks.health import NEEDS_WORKER, check

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["OsirisHealthcheckSensor"]

DEFERRAL_FAILED, DEFERRED_TOO_LONG = "__fail__", "Trigger timeout"
"""How Airflow resumes a task whose deferral took too long."""
CONNECTION = "a reference such as @mysql.default, or an Airflow connection id"


class OsirisHealthcheckSensor(BaseSensorOperator):
    """Wait until doctor says that a connection is healthy; XCom gets its report (CONN-020), if it fails too.

    Network errors, timeouts and unknown failures keep it waiting. Auth, permission and misconfiguration fail the task
    at once, whatever ``retries`` says; with ``soft_fail`` they skip it. What expires within 14 days is a warning in the
    log. Alerts are Airflow's own: ``on_failure_callback``. A connection of a type that cannot be tested (fault
    ``untestable``) keeps no one waiting: the sensor ends with a warning.

    :param connection: a reference such as ``@mysql.default``, or an Airflow connection id. (templated)
    :param check_timeout: seconds for one check; ``timeout`` is how long the sensor waits in all.
    :param deferrable: wait in the triggerer, each ``poke_interval`` without backoff; no worker is held meanwhile.
        The triggerer needs the connections file and its variables. A connection that only its own hook can check is
        checked on a worker each time, and the triggerer waits between the checks.
    """

    template_fields: Sequence[str] = ("connection",)
    ui_color = "#e3f0ea"

    def __init__(
        self,
        *,
        connection: str,
        check_timeout: float = 2.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable"),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require("connection", is_name(connection) or is_known_later(connection), CONNECTION)
        self.connection = connection
        self.check_timeout = check_seconds(check_timeout)
        require("deferrable", isinstance(deferrable, bool), "True or False")
        self.deferrable = deferrable
        self._told = ""

    @property
    def _named(self) -> str:
        return shown(self.connection, MAX_LOCATION)

    def execute(self, context: Context) -> Any:
        """Wait, here or in the triggerer."""
        if not self.deferrable or not is_name(self.connection):
            return super().execute(context)
        self._defer(self._longest().total_seconds(), 0.0)
        return None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the triggerer, or fail: as a sensor whose ``timeout`` is over, or as a task whose time is.

        Before it fails it checks once more: within a short ``timeout``, or while no triggerer ran, nothing was checked.

        :param next_method: that Airflow has kept for it.
        :param next_kwargs: of that method.
        :param context: of the task.
        :raises AirflowTaskTimeout: ``execution_timeout`` was shorter than ``timeout``, and is over; the task's
            ``retries`` are for that.
        """
        if next_method == DEFERRAL_FAILED and (next_kwargs or {}).get("error") == DEFERRED_TOO_LONG:
            next_method, next_kwargs = "check_at_the_end", {}
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout:
            if not self._ends_by_execution_timeout():
                raise
        message = f"{self._named} was not healthy within execution_timeout, {self.execution_timeout}"
        raise AirflowTaskTimeout(message)

    def _defer(self, seconds: float, delay: float) -> None:
        """Go to the triggerer.

        :param seconds: of the sensor's time that are left.
        :param delay: seconds before the next check.
        """
        from osiris_provider.triggers.doctor import OsirisDoctorTrigger

        trigger = OsirisDoctorTrigger(
            connections=[self.connection],
            check_timeout=self.check_timeout,
            poke_interval=self.poke_interval,
            delay=delay,
        )
        # By the clock: the worker that goes on may be another machine.
        kwargs = {"until": time.time() + seconds}
        timeout = timedelta(seconds=seconds)
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs, timeout=timeout)

    def _longest(self) -> timedelta:
        """Return how long the triggerer may wait: Airflow ends a deferred task by nothing else."""
        max_wait = timedelta(seconds=self.timeout)
        return max_wait if self.execution_timeout is None else min(max_wait, self.execution_timeout)

    def _ends_by_execution_timeout(self) -> bool:
        return self._longest() < timedelta(seconds=self.timeout)

    def execute_complete(
        self, context: Context, event: dict[str, Any], until: float | None = None
    ) -> dict[str, Any] | None:
        """Return the report that the trigger brings, or fail with it; check here what the trigger may not.

        :param context: of the task.
        :param event: of :class:`~osiris_provider.triggers.doctor.OsirisDoctorTrigger`.
        :param until: when the sensor's time is over, in seconds since 1970.
        :raises AirflowSensorTimeout: it is.
        """
        (report,) = event["reports"]
        verdict = Verdict.from_dict(report)
        if verdict.fault != NEEDS_WORKER:
            self._decide(verdict, context)
            return dict(report)
        poked = self.poke(context)
        if poked:
            return poked.xcom_value
        left = self.timeout if until is None else until - time.time()
        if left <= 0:
            raise self._time_is_over()
        self._defer(left, self.poke_interval)
        return None

    def check_at_the_end(self, context: Context) -> dict[str, Any]:
        """Return the report of a last check, or fail.

        :param context: of the task.
        :raises AirflowSensorTimeout: the connection is still not healthy.
        """
        poked = self.poke(context)
        if not poked:
            raise self._time_is_over()
        return dict(poked.xcom_value or {})

    def _time_is_over(self) -> AirflowSensorTimeout:
        return AirflowSensorTimeout(f"{self._named} was not healthy within {self._longest()}")

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once, and log the verdict if it is another than before."""
        # A template of native Python, or the result of a task, may be anything.
        require("connection", is_name(self.connection), CONNECTION)
        verdict = check(self.connection, self.check_timeout)
        said = f"{self._named} is {verdict.category}: {verdict.message}"
        if said != self._told:
            self._told = said
            self.log.info("%s", said)
        return self._decide(verdict, context)

    def _decide(self, verdict: Verdict, context: Context) -> PokeReturnValue:
        if verdict.ok:
            for entry in expiring(verdict.details, WARN_DAYS):
                self.log.warning("%s: %s", self._named, expiry_sentence(entry))
            return PokeReturnValue(is_done=True, xcom_value=verdict.as_dict())
        if verdict.is_transient:
            return PokeReturnValue(is_done=False)
        if not verdict.unhealthy:
            # To wait for what can never be known would stop the run for good.
            self.log.warning("%s is taken for healthy: %s", self._named, verdict.message)
            return PokeReturnValue(is_done=True, xcom_value=verdict.as_dict())
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=verdict.as_dict())
        message = f"{self._named}: {verdict.message}"
        raise AirflowFailException(message)
