"""Wait until a connection is well, or fail at once if waiting cannot help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from osiris_provider.airflow_compat import AirflowFailException
from osiris_provider.connectors.fleet import Report, as_report
from osiris_provider.connectors.registry import get_connector
from osiris_provider.hooks.base import resolve
from osiris_provider.hooks.errors import failing_for_good

if TYPE_CHECKING:
    from airflow.sdk import Context


class OsirisHealthcheckSensor(BaseSensorOperator):
    """Wait until doctor says that a connection is well; XCom gets its report (CONN-020).

    Network errors, timeouts and unknown failures keep it waiting. Auth, permission and misconfiguration fail the task
    at once, whatever ``retries`` says; with ``soft_fail`` they skip it.

    :param connection: a reference such as ``@mysql.default``, or an Airflow connection id. (templated)
    :param check_timeout: seconds for one check; ``timeout`` is how long the sensor waits in all.
    """

    template_fields: Sequence[str] = ("connection",)
    ui_color = "#e3f0ea"

    def __init__(self, *, connection: str, check_timeout: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection = connection
        self.check_timeout = check_timeout

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once."""
        report = self._check()
        self.log.info("%s is %s: %s", self.connection, report["category"], report["message"])
        if report["ok"]:
            return PokeReturnValue(is_done=True, xcom_value=report)
        if report["details"].get("retryable", True):
            return PokeReturnValue(is_done=False)
        context["ti"].xcom_push(key="return_value", value=report)
        message = f"{self.connection}: {report['message']}"
        raise AirflowFailException(message)

    def _check(self) -> Report:
        connection = failing_for_good(lambda: resolve(self.connection))
        result = get_connector(connection["family"]).doctor(connection, self.check_timeout)
        return as_report(connection["family"], connection["alias"], result)
