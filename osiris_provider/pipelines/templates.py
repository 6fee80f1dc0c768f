"""Jinja in configs: its syntax, and its values where no Airflow is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from osiris_provider.errors import DriverConfigError
from osiris_provider.messages import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.nodes import Node

_CHEAP_NODES = {
    "Template", "Output", "TemplateData", "Name", "Getattr", "Getitem", "Const", "List", "Tuple", "Dict", "Pair",
    "Keyword", "Concat", "Add", "Sub", "Neg", "Pos", "If", "CondExpr", "Compare", "Operand", "And", "Or", "Not",
    "Test",
}  # fmt: skip
_CHEAP_FILTERS = {
    "ds", "ds_nodash", "ts", "ts_nodash", "upper", "lower", "title", "capitalize", "trim", "string", "int", "float",
    "default", "d", "first", "last", "length", "join",
}  # fmt: skip
_CHEAP_METHODS = {
    "strftime", "isoformat", "date", "ds_add", "ds_format", "timedelta", "datetime", "upper", "lower", "strip",
    "get",
}  # fmt: skip
_MAX_LOOPED = 1_000_000
"""Characters that a loop brings forth."""
_MARKERS = ("{{", "{%", "{#")
_DATED = {
    "ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "logical_date", "data_interval_start",
    "data_interval_end", "prev_data_interval_start_success", "prev_data_interval_end_success",
}  # fmt: skip
"""What Airflow has in runs with a logical date only."""
_REMOVED = {
    "execution_date", "next_execution_date", "prev_execution_date", "prev_execution_date_success", "next_ds",
    "next_ds_nodash", "prev_ds", "prev_ds_nodash", "tomorrow_ds", "tomorrow_ds_nodash", "yesterday_ds",
    "yesterday_ds_nodash",
}  # fmt: skip
"""What Airflow 2 had."""


def has_template(text: str) -> bool:
    """Return whether a text has Jinja in it."""
    return any(marker in text for marker in _MARKERS)


@lru_cache(maxsize=32)  # An alias of YAML may bring the same text thousands of times.
def template_problem(text: str) -> tuple[int, str] | None:
    """Return the line in a text, from 1, and what is wrong with its Jinja; None if nothing is.

    :param text: of a config value or a ``.sql`` file.
    """
    from jinja2 import TemplateSyntaxError

    if not has_template(text):
        return None
    try:
        _environment().parse(text)
    except TemplateSyntaxError as error:
        return error.lineno, f"is not valid Jinja: {printable(error.message or '')}"
    except RecursionError:
        return 1, "is not valid Jinja: it nests too deep"
    except ValueError:
        # Python converts no number of thousands of digits.
        return 1, "is not valid Jinja: it has a number that is too long"
    return None


def date_problem(text: str, *, dated: bool) -> tuple[int, str] | None:
    """Return the line in a text, from 1, and which name of a date Airflow will not have; None if there is none.

    :param text: whose syntax is right. One that asks what there is, is left alone.
    :param dated: whether runs have a logical date.
    """
    tree, nodes = _environment().parse(text), _nodes()
    filters = {node.name for node in tree.find_all(nodes.Filter)}
    if tree.find(nodes.If) or tree.find(nodes.CondExpr) or filters & {"default", "d"}:
        return None
    for node in tree.find_all(nodes.Name):
        if node.name in _REMOVED:
            return node.lineno, f"{node.name} is gone from Airflow 3; write ds, logical_date or macros.ds_add(ds, -1)"
        if node.name in _DATED and not dated:
            missing = f"a run that waits for tables has no {node.name}, because it has no logical date in Airflow"
            return node.lineno, f"{missing}; write dag_run.run_after, as in {{{{ dag_run.run_after | ds }}}}"
    return None


def renders_soon(text: str) -> bool:
    """Return whether rendering a text takes hardly more than reading it, whatever it says; False if that is not known.

    Even in a sandbox, ``{{ 'a' * 10 ** 10 }}`` takes all memory, and loops in loops take for ever.

    :param text: whose syntax is right.
    """
    tree = _environment().parse(text)
    return all(_is_cheap(node, len(text)) for node in tree.find_all(_nodes().Node))


def _is_cheap(node: Node, size: int) -> bool:
    nodes = _nodes()
    if isinstance(node, nodes.Filter):
        return node.name in _CHEAP_FILTERS and all(isinstance(arg, nodes.Const) for arg in node.args)
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Getattr) and node.node.attr in _CHEAP_METHODS
    if isinstance(node, nodes.For):
        again = any(True for _ in node.find_all(nodes.For))
        return isinstance(node.iter, nodes.List) and not again and len(node.iter.items) * size < _MAX_LOOPED
    return type(node).__name__ in _CHEAP_NODES


def _nodes() -> Any:
    from jinja2 import nodes

    return nodes


def render(value: Any, context: Mapping[str, Any], step: str) -> Any:
    """Return a config with its templates rendered.

    :param value: of a config, with all that is in it.
    :param context: the names that templates may use; see :func:`template_context`.
    :param step: for the message.
    :raises DriverConfigError: a template names something that is not there, or fails.
    """
    if isinstance(value, dict):
        return {name: render(item, context, step) for name, item in value.items()}
    if isinstance(value, list):
        return [render(item, context, step) for item in value]
    if not isinstance(value, str) or not has_template(value):
        return value
    problem = ""
    try:
        return _environment().from_string(value).render(context)
    except Exception as error:  # noqa: BLE001 - a template may raise anything
        said = printable(error).rstrip(".")
        problem = f"a template in its config failed: {said}. Templates know {_known(context)}."
    raise DriverConfigError.in_step(step, problem)


def template_context(pipeline: str, moment: datetime, params: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """Return the names of Airflow's template context that do not need Airflow.

    :param pipeline: its id.
    :param moment: for which the pipeline runs.
    :param params: the values of its parameters.
    :param run_id: of this run.
    """
    # Airflow's times are all in UTC, also those of a DAG or a trigger in another zone.
    at = moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return {
        "logical_date": at,
        "data_interval_start": at,
        "data_interval_end": at,
        "ds": _ds(at),
        "ds_nodash": _ds_nodash(at),
        "ts": _ts(at),
        "ts_nodash": _ts_nodash(at),
        "params": dict(params),
        "run_id": run_id,
        "dag_run": {"run_id": run_id, "run_after": at},
        "dag": {"dag_id": pipeline},
        "macros": {"datetime": datetime, "timedelta": timedelta, "ds_add": _ds_add, "ds_format": _ds_format},
    }


def _known(context: Mapping[str, Any]) -> str:
    return ", ".join(sorted(context))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # As Airflow has it: a name that is not there is an error, and the end of a .sql file stays.
    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters.update(ds=_ds, ds_nodash=_ds_nodash, ts=_ts, ts_nodash=_ts_nodash)
    return environment


def _ds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _ds_nodash(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def _ts(moment: datetime) -> str:
    return moment.isoformat()


def _ts_nodash(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%S")


def _ds_add(ds: str, days: int) -> str:
    return _ds(datetime.fromisoformat(ds) + timedelta(days=days))


def _ds_format(ds: str, input_format: str, output_format: str) -> str:
    return datetime.strptime(ds, input_format).replace(tzinfo=timezone.utc).strftime(output_format)
