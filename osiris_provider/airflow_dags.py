"""Pipelines as DAGs: a folder of YAML files, a single DAG, or a group of tasks in any DAG."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, TaskGroup, get_parsing_context

from osiris_provider._airflow.assets import table_asset
from osiris_provider._airflow.broken_dags import BrokenDag, in_dag_processor
from osiris_provider._airflow.compat import AirflowException, conf, has_executor
from osiris_provider.connections.reference import shown
from osiris_provider.errors import PipelineConfigError
from osiris_provider.messages import printable
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.pipelines.folder import find_pipelines
from osiris_provider.pipelines.model import After, Options, PipelineModel
from osiris_provider.pipelines.params import substitute
from osiris_provider.pipelines.pictures import docs
from osiris_provider.pipelines.pipeline import Pipeline, PipelineStep, load_pipeline
from osiris_provider.pipelines.problems import Problem, error_of
from osiris_provider.pipelines.settings import CONTINUOUS, table_uri

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from osiris_provider.drivers.base import Driver
    from osiris_provider.pipelines.dialects import Dialect
    from osiris_provider.pipelines.model import AirflowDag, AirflowTask

__all__ = ["OsirisDag", "OsirisStep", "OsirisTaskGroup", "load_dags"]

_TASK_OPTIONS = {"timeout": "execution_timeout", "doc": "doc_md"}
"""Words of a pipeline that Airflow's operators have another name for."""


def load_dags(folder: str | os.PathLike[str], namespace: MutableMapping[str, Any], **dag_kwargs: Any) -> None:
    """Make a DAG of each pipeline of a folder.

    In the DAG processor a broken file is an import error of its own, and all others are DAGs. Everywhere else, such as
    in a ``DagBag`` of a test, all that is wrong is raised. On a worker only the DAG of the task is made.

    :param folder: with ``.yaml`` and ``.yml`` files; relative to the file that calls this.
    :param namespace: ``globals()`` of that file.
    :param dag_kwargs: for each :class:`OsirisDag`.
    :raises PipelineConfigError: there is no such folder; outside of the DAG processor, also what is wrong with files.
    """
    here = str(namespace.get("__file__", ""))
    path = (Path(here).absolute().parent if here else Path.cwd()) / Path(folder).expanduser()
    if not os.path.isdir(path):
        message = f"There is no folder {path}, where load_dags should find pipelines."
        raise PipelineConfigError(message, file=str(path))
    wanted = get_parsing_context().dag_id
    errors: list[PipelineConfigError] = []
    for file, problem in _files(path, here, namespace):
        if wanted is not None and file.stem != wanted:
            continue
        try:
            dag: DAG = OsirisDag(_without(file, problem), **dag_kwargs)
        except PipelineConfigError as error:
            errors.append(error)
            dag = BrokenDag(file, error)
        dag.fileloc = here
        namespace[f"osiris_pipeline_{dag.dag_id}"] = dag
    if errors and not in_dag_processor():
        _raise(errors)


def _without(file: Path, problem: Problem | None) -> Path:
    if problem is not None:
        raise error_of([problem])
    return file


def _files(folder: Path, here: str, namespace: Mapping[str, Any]) -> Iterator[tuple[Path, Problem | None]]:
    """Yield the files with what is wrong with their names; here is the file that loads them."""
    taken = {value.dag_id: here for value in namespace.values() if isinstance(value, DAG)}
    loader = Path(here).absolute().parent if here else folder
    for file in find_pipelines(folder, conf.get("core", "dag_ignore_file_syntax", fallback="glob"), _top_above(loader)):
        other = taken.setdefault(file.stem, str(file))
        same = f"the DAG id '{file.stem}' is taken by {other} already; rename one of the two files"
        yield file, None if other == str(file) else Problem(file, 1, same)


def _top_above(loader: Path) -> Path:
    """Return the folder of DAGs that a loader is in, or that of its bundle, which Airflow appends to Python's path."""
    known = [*sys.path, conf.get("core", "dags_folder", fallback="")]
    return next((Path(one) for one in reversed(known) if one and loader.is_relative_to(one)), loader)


def _raise(errors: list[PipelineConfigError]) -> None:
    first = errors[0]
    every = [problem for error in errors for problem in error.problems]
    message = "\n".join(error.message for error in errors)
    raise PipelineConfigError(message, problems=every, file=first.file, line=first.line, step=first.step)


class OsirisStep(OsirisOperator):
    """A step of a pipeline as a task."""

    # The pipeline has read its files; what still ends with .sql is no name of one, such as "out/{{ ds }}.sql".
    template_ext = ()
    adapted: Dialect | None = None
    """As :class:`~osiris_provider.pipelines.pipeline.PipelineStep` has it.

    No argument: Airflow goes through the defaults of a DAG once for each ``__init__`` of a task's class.
    """

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the templates, then put the values of parameters in."""
        super().render_template_fields(context, jinja_env)
        self.config = substitute(self.config, dict(context["params"]))

    def _new_driver(self) -> Driver:
        driver = super()._new_driver()
        if self.adapted is None:
            return driver
        from osiris_provider.pipelines.run.upstream import UpstreamDriver

        return UpstreamDriver(driver, self.adapted)


class OsirisDag(DAG):
    """The DAG of a pipeline.

    :param path: of the YAML; relative to the file that calls this.
    :param dag_kwargs: arguments of ``DAG``, which win over what the file says, ``params`` and ``default_args`` one by
        one; ``dag_id`` is the file's name.
    :raises PipelineConfigError: names all that is wrong with the file.
    """

    def __init__(self, path: str | os.PathLike[str], **dag_kwargs: Any) -> None:
        pipeline = load_pipeline(_beside_caller(path))
        with _refusals(pipeline):
            arguments = {**_dag_arguments(pipeline), **dag_kwargs}
            # The configs of the steps ask for those of the file.
            arguments["params"] = {**_params(pipeline), **(dag_kwargs.get("params") or {})}
            arguments["default_args"] = {**_task_defaults(pipeline.settings), **(dag_kwargs.get("default_args") or {})}
            super().__init__(arguments.pop("dag_id", pipeline.id), **arguments)
        self.fileloc = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - as DAG itself does
        with self, _refusals(pipeline, self):
            _add_tasks(pipeline, {})
            # A DagBag does it too, and then no DAG of the loader counts.
            self.validate()  # type: ignore[no-untyped-call, unused-ignore] # typed in some versions of Airflow


class OsirisTaskGroup(TaskGroup):
    """The steps of a pipeline as a group of tasks in any DAG; its schedule and the like are the DAG's business.

    :param path: of the YAML; relative to the file that calls this.
    :param group_id: the file's name, if it is not given.
    :param kwargs: arguments of ``TaskGroup``.
    :raises PipelineConfigError: names all that is wrong with the file.
    """

    def __init__(self, path: str | os.PathLike[str], group_id: str | None = None, **kwargs: Any) -> None:
        pipeline = load_pipeline(_beside_caller(path))
        defaults: Any = {**_task_defaults(pipeline.settings), **(kwargs.pop("default_args", None) or {})}
        kwargs.setdefault("tooltip", pipeline.settings.description or "")
        with _refusals(pipeline):
            super().__init__(group_id=group_id or pipeline.id, default_args=defaults, **kwargs)
        given = self.dag.params if self.dag is not None else {}
        own = {name: param for name, param in _params(pipeline).items() if name not in given}
        if self.dag is not None and self.dag.schedule is not None:
            _check_defaults(pipeline, own)
        with _refusals(pipeline), self:
            _add_tasks(pipeline, own)


def _check_defaults(pipeline: Pipeline, names: Iterable[str]) -> None:
    """Refuse params without a value in a DAG that Airflow starts: it checks those of the DAG itself only."""
    for name in names:
        if pipeline.params[name].required:
            message = f"param {name} needs a default, or a value in the DAG's params, because the DAG has a schedule"
            line = pipeline.source.problems.line(("params", name))
            raise error_of([Problem(pipeline.path, line, message)])


def _beside_caller(path: str | os.PathLike[str]) -> Path:
    """Return a path relative to the file that makes a DAG or a group of it."""
    caller = sys._getframe(2).f_globals.get("__file__") or ""  # noqa: SLF001 - as DAG itself finds its file
    return (Path(caller).absolute().parent if caller else Path.cwd()) / Path(path).expanduser()


@contextmanager
def _refusals(pipeline: Pipeline, dag: DAG | None = None) -> Iterator[None]:
    """Turn what Airflow alone knows to be wrong into a problem of the file; half a DAG is none."""
    done = False
    try:
        yield
        done = True
    except PipelineConfigError:
        # It has its line already.
        raise
    except (ValueError, OverflowError, AirflowException) as error:
        message = f"Airflow does not take this pipeline: {printable(error)}"
        raise error_of([Problem(pipeline.path, 1, message)]) from error
    finally:
        if dag is not None and not done:
            # Else a DagBag would find it, since its context was entered.
            dag.auto_register = False


def _dag_arguments(pipeline: Pipeline) -> dict[str, Any]:
    settings = pipeline.settings
    incremental = any(step.incremental for step in pipeline.steps.values())
    arguments: dict[str, Any] = {
        **_given(settings.airflow),
        "schedule": _schedule(settings),
        "description": settings.description,
        "start_date": settings.start_date,
        "end_date": settings.end_date,
        "tags": settings.tags,
        "params": _params(pipeline),
        "doc_md": docs(pipeline),
        # Where the run before has ended is known when it has ended.
        "max_active_runs": settings.max_active_runs or (1 if incremental or settings.schedule == CONTINUOUS else None),
        "catchup": settings.catchup,
    }
    name = getattr(settings, "name", None)
    if name is not None:
        arguments.setdefault("dag_display_name", name)
    return {key: value for key, value in arguments.items() if value is not None or key == "schedule"}


def _schedule(settings: PipelineModel) -> Any:
    if isinstance(settings.schedule, After):
        return [table_asset(uri) for uri in map(table_uri, settings.schedule.after) if uri]
    return settings.schedule


def _params(pipeline: Pipeline) -> dict[str, Param]:
    params: dict[str, Param] = {}
    for name, param in pipeline.params.items():
        default = {} if param.required else {"default": param.default}
        params[name] = Param(**default, description=param.description, **param.schema)
    return params


def _task_defaults(settings: PipelineModel) -> dict[str, Any]:
    inner = settings.airflow.default_args if settings.airflow else None
    defaults = {**_given(inner), **_options(settings)}
    defaults.pop("doc_md", None)
    return {**defaults, **({"owner": settings.owner} if settings.owner else {})}


def _options(options: Options) -> dict[str, Any]:
    names = Options.model_fields
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return {_TASK_OPTIONS.get(name, name): value for name, value in given.items()}


def _given(model: AirflowDag | AirflowTask | None) -> dict[str, Any]:
    return {} if model is None else model.model_dump(exclude_none=True)


def _add_tasks(pipeline: Pipeline, params: Mapping[str, Param]) -> None:
    tasks: dict[str, OsirisStep] = {}
    for step in pipeline.steps.values():
        tasks[step.id] = task = _task(step, tasks, params)
        if task.executor and not has_executor(task.executor):
            message = f"executor '{shown(task.executor)}' is none of those in Airflow's [core] executor"
            raise error_of([Problem(pipeline.path, step.line, message, step.id, "airflow.executor")])
        for name in step.after:
            if name not in step.inputs.values():
                task.set_upstream(tasks[name])


def _task(step: PipelineStep, tasks: Mapping[str, OsirisStep], params: Mapping[str, Param]) -> OsirisStep:
    arguments = {**_given(step.airflow), **_options(step.options)}
    if step.asset:
        arguments["outlets"] = [table_asset(step.asset)]
    if params:
        arguments["params"] = dict(params)
    task = OsirisStep(
        task_id=step.id,
        driver=step.driver,
        config=step.config,
        inputs={name: tasks[of].output for name, of in step.inputs.items()} or None,
        **arguments,
    )
    task.adapted = step.adapted
    return task
