"""Which step waits for which, and whose results it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from osiris_provider.connections.reference import shown
from osiris_provider.messages import did_you_mean
from osiris_provider.pipelines.dialects import Draft, Mode, StepDraft
from osiris_provider.pipelines.problems import Location, Problems, listed
from osiris_provider.pipelines.templates import has_template

Kind = Mode | Literal["any"]
"""What a driver does with data; ``any`` if that is not known."""


@dataclass(frozen=True)
class Edges:
    """What a step depends on.

    :param inputs: steps by the name that their result has.
    :param after: all steps that have to be done before, those of ``inputs`` among them.
    """

    inputs: Mapping[str, str]
    after: tuple[str, ...]


def edges_of(draft: Draft, kinds: Mapping[str, Kind], problems: Problems) -> dict[str, Edges]:
    """Return what each step depends on; names that are no steps are problems, and left out.

    :param draft: the pipeline.
    :param kinds: of the steps, by id.
    :param problems: takes what is wrong.
    """
    chained = draft.dialect == "oml" or all(step.inputs is None and step.needs is None for step in draft.steps)
    known = {step.id for step in draft.steps}
    edges: dict[str, Edges] = {}
    previous: str | None = None
    for step in draft.steps:
        _check_names(step, draft.names, problems)
        inputs = None if step.inputs is None else {name: of for name, of in step.inputs.items() if of in known}
        needs = None if step.needs is None else [name for name in step.needs if name in known]
        if needs is None:
            needs = [previous] if chained and previous and inputs is None else []
            carries = chained
        else:
            carries = draft.dialect == "oml"
        if inputs is None:
            inputs = _data_of(needs, kinds, step) if carries else {}
        edges[step.id] = Edges(inputs, tuple(dict.fromkeys([*inputs.values(), *needs])))
        previous = step.id
    return edges


def _data_of(needs: Sequence[str], kinds: Mapping[str, Kind], step: StepDraft) -> dict[str, str]:
    """Return the results that come with the steps before: readers take none, writers give none."""
    if kinds[step.id] == "read":
        return {}
    return {name: name for name in needs if kinds.get(name) != "write"}


def _check_names(step: StepDraft, known: frozenset[str], problems: Problems) -> None:
    named: list[tuple[Location, str]] = [(("inputs", key), of) for key, of in (step.inputs or {}).items()]
    named += [(("needs", index), of) for index, of in enumerate(step.needs or ())]
    for location, of in named:
        if of == step.id:
            problems.add((*step.location, *location), f"the step cannot be its own {str(location[0])[:-1]}", step.id)
        elif of not in known:
            others = sorted(known - {step.id})
            hint = f"{did_you_mean(of, others)} Steps are: {listed(others)}"
            problems.add((*step.location, *location), f"there is no step '{shown(of)}'.{hint}", step.id)


def check_data(draft: Draft, edges: Mapping[str, Edges], kinds: Mapping[str, Kind], problems: Problems) -> None:
    """Find steps that get data which they cannot have, or get none which they need.

    :param draft: the pipeline.
    :param edges: of its steps.
    :param kinds: of its steps.
    :param problems: takes what is wrong.
    """
    for step in draft.steps:
        kind, inputs = kinds[step.id], edges[step.id].inputs
        where = (*step.location, "inputs")
        for of in dict.fromkeys(inputs.values()):
            if kinds.get(of) == "write":
                problems.add(where, f"step {of} writes and has no result; use needs to wait for it", step.id)
        if kind == "read" and inputs:
            problems.add(where, f"driver {step.driver} reads from outside and takes no inputs; use needs", step.id)
        elif kind == "write" and not inputs and edges.keys() >= {*(step.inputs or {}).values(), *(step.needs or ())}:
            key = "needs" if draft.dialect == "oml" else "inputs"
            message = f"driver {step.driver} needs an input: {key}: [the step whose result it writes]"
            problems.add(where, message, step.id)
        elif kind == "write" and (wrong := _choice_problem(step, inputs)):
            problems.add(where, wrong, step.id)


def _choice_problem(step: StepDraft, inputs: Mapping[str, str]) -> str | None:
    """Return what is wrong with the input that a step writes; None if nothing is, or only the run can tell."""
    chosen = step.config.get("input")
    if isinstance(chosen, str) and (chosen in inputs or "${" in chosen or has_template(chosen)):
        return None
    if len(inputs) > 1:
        return f"there are several inputs ({listed(inputs)}); config field input says which one is written"
    # What a class of upstream's protocol means by it is its own affair.
    if isinstance(chosen, str) and inputs and step.mode is None:
        return f"config field input names '{shown(chosen)}', and its inputs are: {listed(inputs)}"
    return None


def check_rules(draft: Draft, edges: Mapping[str, Edges], order: Sequence[str], problems: Problems) -> None:
    """Find steps that Airflow would run before, or although, the data that they get is not there.

    :param draft: the pipeline.
    :param edges: of its steps.
    :param order: of the steps that do not wait for each other.
    :param problems: takes what is wrong.
    """
    ancestors: dict[str, set[str]] = {}
    for name in order:
        ancestors[name] = {name}.union(*(ancestors[of] for of in edges[name].after))
    for step in draft.steps:
        edge = edges[step.id]
        rule = step.options.trigger_rule or draft.settings.trigger_rule
        if rule is None or step.id not in ancestors:
            continue
        where = (*step.location, "trigger_rule") if step.options.trigger_rule else ("trigger_rule",)
        missing = _data_missing(rule, edge, ancestors)
        if rule == "always" and edge.after:
            problems.add(where, "trigger_rule: with always, Airflow waits for no other step; use all_done", step.id)
        elif missing is not None:
            message = f"trigger_rule: with {rule}, Airflow may run this step without the data of step {shown(missing)}"
            problems.add(where, f"{message}; use all_success, or inputs: {{}} and needs", step.id)


def _data_missing(rule: str, edge: Edges, ancestors: Mapping[str, set[str]]) -> str | None:
    """Return an input that is not there when a rule runs a step, None if all are."""
    inputs = list(edge.inputs.values())
    if rule in ("all_failed", "all_skipped") or (rule == "one_failed" and set(inputs) == set(edge.after)):
        return next(iter(inputs), None)
    if not rule.startswith("one_"):
        return None
    # Each step alone may be the one: it has to come behind the input, or be it.
    return next((of for of in inputs if not all(of in ancestors[first] for first in edge.after)), None)


def sorted_steps(draft: Draft, edges: Mapping[str, Edges], problems: Problems) -> list[str]:
    """Return the ids of the steps so that each comes after those it waits for, else in the file's order.

    :param draft: the pipeline.
    :param edges: of its steps.
    :param problems: takes cycles, each with the lines of its steps.
    """
    waiting = {step.id: set(edges[step.id].after) for step in draft.steps}
    ordered: list[str] = []
    while ready := [name for name, after in waiting.items() if not after]:
        ordered += ready
        for name in ready:
            del waiting[name]
        for after in waiting.values():
            after.difference_update(ready)
    by_id = {step.id: step for step in draft.steps}
    for cycle in _cycles(waiting):
        lines = ", ".join(str(problems.line(by_id[name].location)) for name in cycle)
        path = " → ".join(map(shown, [*cycle, cycle[0]]))
        message = f"steps wait for each other: {path} (lines {lines}); take one of these edges away"
        problems.add(by_id[cycle[0]].location, message, cycle[0])
    return ordered


def _cycles(waiting: Mapping[str, set[str]]) -> list[list[str]]:
    """Return a cycle for each group of steps that wait for each other; all of ``waiting`` are in one, or behind one."""
    left = {name: {of for of in after if of != name} for name, after in waiting.items()}
    left = {name: after for name, after in left.items() if after}
    cycles: list[list[str]] = []
    seen: set[str] = set()
    for start in left:
        path: list[str] = []
        name = start
        while name in left and name not in seen:
            seen.add(name)
            path.append(name)
            name = min(left[name] & set(left) or {""}, key=lambda of: (of in seen and of not in path, of))
        if name in path:
            # What a step waits for comes before it.
            cycle = path[path.index(name) :][::-1]
            turn = min(range(len(cycle)), key=lambda at: list(left).index(cycle[at]))
            cycles.append(cycle[turn:] + cycle[:turn])
    return cycles
