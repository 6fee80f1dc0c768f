"""Run a driver as a task: resolve its connection, hand it its inputs, stage what it returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, XComArg
from airflow.sdk.bases.xcom import BaseXCom

from osiris_provider._airflow.arguments import is_known_later, is_name, is_several, literal, require
from osiris_provider._airflow.lineage import Lineage
from osiris_provider._airflow.task_context import TaskContext
from osiris_provider.connections.reference import shown
from osiris_provider.connectors.registry import stop_all
from osiris_provider.drivers.base import Driver
from osiris_provider.drivers.first_import import import_for
from osiris_provider.drivers.registry import get_driver
from osiris_provider.drivers.step import REFERENCE, RESOLVED
from osiris_provider.errors import DriverConfigError
from osiris_provider.hooks.base import resolve
from osiris_provider.hooks.errors import fail_fast
from osiris_provider.hooks.kill import kill_task
from osiris_provider.messages import did_you_mean
from osiris_provider.net import killed
from osiris_provider.runtime.results import data_of, keep_result, naming_damage, without_secrets

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from osiris_provider.runtime.staging import Staging

__all__ = ["OsirisOperator"]

INPUTS = "a dict from step id to result, a task id, or a list of task ids"


class OsirisOperator(BaseOperator):
    """Run a driver with the connection that its config names.

    Data that the driver returns is streamed to staging; XCom carries ``{uri, rows, bytes, columns}``. Figures are
    returned as they are. Metrics go to XCom key ``metrics``. ``config`` never holds a secret: the connection is
    resolved on a copy when the task runs (CONN-005). Errors of auth, permission, configuration and data fail the task
    at once; network errors and timeouts use its retries. With ``do_xcom_push=False`` nothing goes to XCom. No task
    could find data then: a driver that returns some fails, and so does a DAG in which the task is an input.

    :param driver: a name (``mysql.extractor``), a dotted path, or a class.
    :param config: of the driver; ``connection`` is a reference (``@mysql.default``) or an Airflow connection id.
        (templated; a value that ends with ``.sql`` is read from that file)
    :param inputs: results of earlier tasks. A dict from step id to ``extract.output``; or a task id, or a list of
        them, whose results are pulled from XCom. (templated)
    """

    template_fields: Sequence[str] = ("config", "inputs")
    template_ext: Sequence[str] = (".sql",)
    # A query is shown once more by itself: as JSON it is one line.
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json", "config.query": "sql", "inputs": "json"}
    ui_color = "#e3f0ea"

    def __init__(
        self,
        *,
        driver: str | type[Any],
        config: dict[str, Any],
        inputs: Mapping[str, Any] | Iterable[Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.driver = driver
        self.config = config
        self.inputs = inputs
        self._lineage: Lineage | None = None
        self._check_arguments()

    def _check_arguments(self) -> None:
        def check(name: str, is_right: bool, expected: str) -> None:
            require(f"Step {self.task_id}: {name}", is_right, expected)

        config, inputs = self.config, self.inputs
        is_driver = isinstance(self.driver, str | type)
        check("driver", is_driver, "a name such as mysql.extractor, a dotted path, or a class")
        check("config", isinstance(config, Mapping) or is_known_later(config), "a mapping")
        connection = config.get(REFERENCE) if isinstance(config, Mapping) else None
        is_named = connection is None or is_name(connection) or is_known_later(connection)
        check("config connection", is_named, "a text such as @mysql.default")
        _check_sources(self.task_id, inputs)
        is_right = inputs is None or isinstance(inputs, str | Mapping) or is_known_later(inputs) or _are_ids(inputs)
        check("inputs", is_right, INPUTS)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the driver and return its result, small and JSON-able."""
        try:
            with killed.breakable():
                return fail_fast(lambda: self._run(context))
        finally:
            # A stream that was given up has its server still at work.
            stop_all()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return the datasets that the task has read and written, for OpenLineage's provider; it calls this."""
        del task_instance
        return None if self._lineage is None else self._lineage.facets()

    def on_kill(self) -> None:
        """Have the servers stop, break the driver off, and close the connections that it has open."""
        kill_task()

    def _run(self, context: Context) -> dict[str, Any]:
        step = self.task_id
        config = self._resolved(step)
        staging = default_staging()
        given = dict(self._inputs(step, context))
        inputs = {name: self._input(step, name, value, staging) for name, value in given.items()}
        driver = self._new_driver()
        import_for(driver)
        ctx = TaskContext(context)
        ti = context["ti"]
        path_parts = [ti.dag_id, ti.run_id, ti.task_id, str(max(ti.map_index or 0, 0)), str(ti.try_number)]

        def work() -> dict[str, Any]:
            result = driver.run(step_id=step, config=config, inputs=inputs, ctx=ctx)
            if not self.do_xcom_push and data_of(result) is not None:
                raise DriverConfigError.in_step(
                    step,
                    "do_xcom_push=False, but the driver returns data, and only XCom says where it is. Leave "
                    "do_xcom_push out; the data itself does not go through XCom.",
                )
            return keep_result(step, result, staging, path_parts)

        returned = without_secrets(config.get(RESOLVED), lambda: naming_damage(inputs.values(), work))
        ctx.state.keep()
        self._lineage = Lineage.of(staging, driver, config, given.values(), returned)
        if self.do_xcom_push:
            context["ti"].xcom_push(key="metrics", value=ctx.metrics)
        return returned

    def _new_driver(self) -> Driver:
        return get_driver(self.driver)

    def _resolved(self, step: str) -> dict[str, Any]:
        if not isinstance(self.config, Mapping):
            raise DriverConfigError.in_step(step, f"config is a mapping, not {type(self.config).__name__}.")
        if RESOLVED in self.config:
            raise DriverConfigError.in_step(
                step, f"{RESOLVED} may not stand in config; give connection: '@family.alias' instead."
            )
        config = dict(self.config)
        reference = config.get(REFERENCE)
        if reference is None:
            return config
        if not is_name(reference):
            raise DriverConfigError.in_step(step, "config connection is a text such as @mysql.default.")
        return {**config, RESOLVED: resolve(reference)}

    def _inputs(self, step: str, context: Context) -> Iterable[tuple[str, Any]]:
        from osiris_provider.runtime.staging import StagedData

        inputs = _literal(self.inputs)
        if inputs is None:
            return []
        if StagedData.parse(inputs) is not None:
            raise DriverConfigError.in_step(
                step,
                "inputs is a result of a task; give it a name, as in inputs={'rows': extract.output}. "
                "Mapped: expand(inputs=extract.output.map(lambda result: {'rows': result})).",
            )
        if isinstance(inputs, str):
            inputs = [inputs]
        if isinstance(inputs, Mapping):
            return [(name, _literal(value)) for name, value in inputs.items()]
        require(f"Step {step}: inputs", is_several(inputs), INPUTS)
        tasks = self.dag.task_dict
        return [(name, self._result(tasks[name], context)) for name in self._task_ids(step, inputs)]

    def _result(self, source: Any, context: Context) -> Any:
        # As ``task.output``: in a mapped group of tasks xcom_pull has the results of all of its instances.
        result = XComArg(source).resolve(context)
        group = source.get_closest_mapped_task_group()
        if result is not None or group is None:
            return result
        # Before 3.2 Airflow knows only of the tasks that are directly upstream which results those are.
        ti, is_within = context["ti"], group is self.get_closest_mapped_task_group()
        return ti.xcom_pull(source.task_id, map_indexes=ti.map_index) if is_within else ti.xcom_pull(source.task_id)

    def _task_ids(self, step: str, inputs: Iterable[Any]) -> list[str]:
        names = list(inputs)
        known = list(self.dag.task_dict)
        for name in names:
            if not isinstance(name, str):
                raise DriverConfigError.in_step(
                    step, "inputs as a list holds task ids; give a dict from step id to result instead."
                )
            if name not in known:
                message = f"inputs names task '{shown(name)}', which this DAG has not."
                raise DriverConfigError.in_step(step, message + did_you_mean(name, known))
            _check_leaves_result(step, self.dag.task_dict[name])
        return names

    def _input(self, step: str, name: str, value: Any, staging: Staging) -> Mapping[str, Any]:
        from osiris_provider.runtime.staging import StagedData

        if (staged := StagedData.parse(value)) is not None:
            return staging.read(staged)
        if isinstance(value, Mapping):
            # XCom may bring data, but not the path of a file that holds some.
            return {key: value[key] for key in ("data", "df") if key in value} or value
        if isinstance(value, Sequence) and not isinstance(value, str):
            parts = [StagedData.parse(part) for part in value]
            known = [part for part in parts if part is not None]
            if known and len(known) == len(parts):
                return staging.read(*known)
        message = f"input '{name}' is not the result of a step; did the task before it run and return one?"
        if isinstance(value, str):
            message = f"input '{name}' is a text, not a result; write inputs={{'{name}': extract.output}}."
        raise DriverConfigError.in_step(step, message)


def default_staging() -> Staging:
    """Return the staging at ``[osiris] staging_url``, else in ``osiris_staging`` of ``AIRFLOW_HOME``."""
    from osiris_provider._airflow.storage import open_path
    from osiris_provider.runtime.staging import Staging, staging_url

    return Staging(staging_url(), open_path)


def _are_ids(inputs: Any) -> bool:
    # What another task has listed is not fetched for this.
    return all(isinstance(one, str) for one in inputs) if isinstance(inputs, list | tuple) else is_several(inputs)


def _check_sources(step: str, inputs: Any) -> None:
    given = list(inputs.values()) if isinstance(inputs, Mapping) else inputs
    for value in given if isinstance(given, list | tuple) else [given]:
        if isinstance(value, BaseOperator) or hasattr(value, "partial_kwargs"):
            message = f"inputs has the task '{value.task_id}' itself. Give its result a name, as in "
            raise DriverConfigError.in_step(step, message + f"inputs={{'rows': {value.label}.output}}.")
    for source, key in XComArg.iter_xcom_references(inputs):
        if key == BaseXCom.XCOM_RETURN_KEY:
            _check_leaves_result(step, source)


def _check_leaves_result(step: str, source: Any) -> None:
    is_mapped = hasattr(source, "partial_kwargs")
    if source.partial_kwargs.get("do_xcom_push", True) if is_mapped else source.do_xcom_push:
        return
    raise DriverConfigError.in_step(
        step,
        f"its input, task '{source.task_id}', has do_xcom_push=False, so that it leaves no result. Leave that out; of "
        "data, XCom carries only where it is.",
    )


def _literal(value: Any) -> Any:
    """Return what a rendered template stands for: ``"{{ ti.xcom_pull('extract') }}"`` renders to the text of a dict."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with suppress(ValueError):
            return literal(value)
    return value
