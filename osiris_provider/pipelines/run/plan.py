"""Before a run: which steps it has, and the values of its parameters."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from osiris_provider.connections.reference import shown
from osiris_provider.errors import PipelineConfigError
from osiris_provider.messages import did_you_mean
from osiris_provider.pipelines.params import Param
from osiris_provider.pipelines.pipeline import Pipeline
from osiris_provider.pipelines.problems import listed

VARIABLE = "OSIRIS_PARAM_"
"""Upstream's way to give parameters of OML pipelines, followed by the name in capital letters."""


def planned_steps(pipeline: Pipeline, given: Collection[str], until: str | None) -> set[str]:
    """Return the ids of the steps that a run has, those whose results are given among them.

    :param pipeline: to be run.
    :param given: steps whose results are there already; what only they need is left out.
    :param until: the last step; None runs all.
    :raises PipelineConfigError: one of them is no step.
    """
    for name in [*given, *([until] if until is not None else [])]:
        if name not in pipeline.steps:
            known = list(pipeline.steps)
            message = f"{pipeline.path}: there is no step '{shown(name)}'.{did_you_mean(name, known)} {_steps(known)}"
            raise PipelineConfigError(message, file=str(pipeline.path), step=shown(name))
    awaited = {of for step in pipeline.steps.values() for of in step.after}
    waiting = [name for name in pipeline.steps if name not in awaited] if until is None else [until]
    planned: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in planned:
            planned.add(name)
            waiting += [] if name in given else pipeline.steps[name].after
    return planned


def _steps(known: list[str]) -> str:
    return f"Steps are: {listed(known)}."


def param_values(pipeline: Pipeline, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each parameter: the given one, in OML else that of ``OSIRIS_PARAM_X``, else the default.

    :param pipeline: whose parameters are wanted.
    :param given: values by name.
    :raises PipelineConfigError: a name is no parameter, a value is missing or not allowed.
    """
    params = pipeline.params
    problem = ""
    for name in given:
        if name not in params:
            hint = f"{did_you_mean(name, list(params))} Params are: {listed(params)}."
            problem = problem or f"there is no param '{shown(name)}'.{hint}"
    values: dict[str, Any] = {}
    for name, param in params.items():
        has_value, value = _value(pipeline, param, given)
        if has_value:
            values[name] = value
            wrong = param.problem(value)
        else:
            wrong = f"has no value; give one: --param {name}=…, or a default in the file"
        problem = problem or (f"param {name} {wrong}." if wrong else "")
    if problem:
        message = f"{pipeline.path}: {problem}"
        raise PipelineConfigError(message, file=str(pipeline.path), field="params")
    return values


def _value(pipeline: Pipeline, param: Param, given: Mapping[str, Any]) -> tuple[bool, Any]:
    if param.name in given:
        return True, given[param.name]
    variable = os.environ.get(f"{VARIABLE}{param.name.upper()}") if pipeline.dialect == "oml" else None
    if variable is not None:
        return True, param.parsed(variable)
    return not param.required, param.default
