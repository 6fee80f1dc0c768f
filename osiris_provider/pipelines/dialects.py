"""The two ways of writing a pipeline: this package's, and OML 0.1.0 of Osiris. Both become one :class:`Draft`."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from osiris_provider.connections.reference import shown
from osiris_provider.drivers.validation import explain, validated
from osiris_provider.messages import errors_of
from osiris_provider.pipelines.file import Source
from osiris_provider.pipelines.model import (
    AirflowDag,
    AirflowTask,
    OmlPipelineModel,
    OmlStepModel,
    Options,
    PipelineModel,
    StepModel,
)
from osiris_provider.pipelines.problems import Location, listed

log = logging.getLogger(__name__)

Dialect = Literal["osiris", "oml"]
Mode = Literal["read", "write", "transform"]
MAX_STEPS = 500
_OF_THE_OTHER = {
    "component": "component: belongs to OML, whose files begin with oml_version: '0.1.0'; write driver:",
    "driver": "driver: belongs to files without oml_version; write component:, and mode: read, write or transform",
}
AIRFLOW_KEYS = ("airflow", "default_args")
"""Keys whose values are arguments of Airflow's."""
STEP_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_DATA_OF = re.compile(r"\$\{([^{}.]+)\.(?:df|data)\}")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class StepDraft:
    """A step as it is written, of either dialect.

    :param location: of the step in the file.
    :param inputs: steps by the name that their result has; None if nothing is said.
    :param needs: steps that come before; None if nothing is said.
    :param mode: what OML says that it does.
    """

    id: str
    location: Location
    driver: str
    config: dict[str, Any]
    inputs: Mapping[str, str] | None
    needs: tuple[str, ...] | None
    options: Options
    airflow: AirflowTask | None
    mode: Mode | None = None


@dataclass(frozen=True)
class Draft:
    """A pipeline as it is written.

    :param names: ids of all steps, of those too that are too wrong to be among ``steps``.
    """

    dialect: Dialect
    settings: PipelineModel
    steps: tuple[StepDraft, ...]
    names: frozenset[str]

    @property
    def driver_key(self) -> str:
        """The key of a step that names its driver."""
        return "component" if self.dialect == "oml" else "driver"


def read_draft(source: Source) -> Draft | None:
    """Return what a file says, None if it says nothing that could be looked at further.

    :param source: that was read; what is wrong is added to its problems.
    """
    value = dict(source.value)
    if not value:
        return None
    oml = "oml_version" in value
    steps = value.pop("steps", None)
    settings = _validated(OmlPipelineModel if oml else PipelineModel, value, (), source, None)
    drafts: list[StepDraft] = []
    listed_steps = _step_list(steps, source)
    for index, written in enumerate(listed_steps):
        location: Location = ("steps", index)
        draft = _step(written, location, source, oml=oml)
        if draft is not None:
            drafts.append(draft)
    drafts = _with_own_ids(drafts, source)
    if getattr(settings, "profiles", None):
        line = source.problems.line(("profiles",))
        log.warning("%s:%s: key profiles is not applied: all runs take the file as it is.", source.path, line)
    names = frozenset(str(written["id"]) for written in listed_steps if isinstance(written, dict) and "id" in written)
    return Draft("oml" if oml else "osiris", settings or validated(PipelineModel, {}), tuple(drafts), names)


def _step_list(steps: Any, source: Source) -> list[Any]:
    problem = ""
    if not isinstance(steps, list) or not steps:
        problem = "steps: is required, a list of steps with id and driver"
    elif len(steps) > MAX_STEPS:
        problem = f"there are {len(steps):,} steps; at most {MAX_STEPS} are allowed in a pipeline"
    if problem:
        source.problems.add(("steps",), problem)
        return []
    return list(steps)


def _step(written: Any, location: Location, source: Source, *, oml: bool) -> StepDraft | None:
    if not isinstance(written, dict):
        source.problems.add(location, "a step is a mapping with id and driver")
        return None
    name = written.get("id")
    step_id = name if isinstance(name, str) else None
    own, foreign = ("component", "driver") if oml else ("driver", "component")
    if foreign in written and own not in written:
        source.problems.add((*location, foreign), _OF_THE_OTHER[foreign], step_id)
        written = {own if key == foreign else key: value for key, value in written.items()}
    wanted: type[StepModel | OmlStepModel] = OmlStepModel if oml else StepModel
    model = _validated(wanted, written, location, source, step_id)
    return None if model is None else _draft_of(model, location, source)


def _draft_of(model: StepModel | OmlStepModel, location: Location, source: Source) -> StepDraft:
    inputs = None if model.inputs is None else {name: _step_of(value) for name, value in model.inputs.items()}
    needs = None if model.needs is None else tuple(dict.fromkeys(model.needs))
    driver, mode = (model.driver, None) if isinstance(model, StepModel) else (model.component, model.mode)
    if not STEP_ID.fullmatch(model.id):
        message = f"'{shown(model.id)}' cannot be the id of a step: begin with a letter, use letters, digits, _ and -"
        source.problems.add((*location, "id"), message, model.id)
    return StepDraft(model.id, location, driver, model.config, inputs, needs, model, model.airflow, mode)


def _step_of(value: str) -> str:
    """Return the step that an input names: ``orders``, or ``${orders.df}``."""
    match = _DATA_OF.fullmatch(value)
    return match[1] if match else value


def _with_own_ids(drafts: list[StepDraft], source: Source) -> list[StepDraft]:
    """Return the steps; one whose id is taken is looked at under another, so that the two are not mixed up."""
    first: dict[str, StepDraft] = {}
    for draft in drafts:
        step_id = draft.id
        if draft.id in first:
            line = source.problems.line((*first[draft.id].location, "id"))
            message = f"the id '{shown(draft.id)}' stands twice, first in line {line}; give each step its own"
            source.problems.add((*draft.location, "id"), message, draft.id)
            step_id = f"{draft.id} in line {source.problems.line(draft.location)}"
        first[step_id] = draft if step_id == draft.id else replace(draft, id=step_id)
    return list(first.values())


def _validated(
    model: type[M], value: Mapping[str, Any], location: Location, source: Source, step: str | None
) -> M | None:
    """Return what the keys without a problem say, so that the rest can be looked at in the same call."""
    wrong: set[str | int] = set()
    try:
        return validated(model, value)
    except ValidationError as error:
        for item in errors_of(error, value):
            wrong.update(item["loc"][:1])
            source.problems.add((*location, *item["loc"]), "".join(_message(item, model)), step)
    try:
        return validated(model, {name: said for name, said in value.items() if name not in wrong})
    except ValidationError:
        return None


def _message(item: Any, model: type[BaseModel]) -> Iterator[str]:
    parents = item["loc"][:-1]
    known: type[BaseModel] = model
    for name in parents:
        if name in AIRFLOW_KEYS:
            known = AirflowTask if name == "default_args" or issubclass(model, StepModel | OmlStepModel) else AirflowDag
    # A model's own words before those that it shares.
    names = sorted(known.model_fields, key=lambda name: name in Options.model_fields)
    if known is model and issubclass(model, PipelineModel):
        names.append("steps")
    yield explain(item, names, "key")
    if item["type"] == "extra_forbidden" and known is not model and str(item["loc"][-1]) in model.model_fields:
        yield f" Write {item['loc'][-1]}: beside airflow:, not below it."
    if item["type"] == "extra_forbidden" and known is model and not parents:
        below = AirflowDag if issubclass(model, PipelineModel) else AirflowTask
        if item["loc"][-1] in below.model_fields:
            yield f" Write {item['loc'][-1]}: below airflow:."
        yield f" Known are {listed(names, 40)}"


def input_names(inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs of a step under all names that OML has for them.

    ``orders`` is also ``df_orders``, unless that would be another input too; a single input is also ``input_df``.

    :param inputs: steps by name.
    """
    names = dict(inputs)
    for frame, name in frames_of(inputs).items():
        names.setdefault(frame, inputs[name])
    if len(inputs) == 1:
        names.setdefault("input_df", *inputs.values())
    return names


def frames_of(names: Iterable[str]) -> dict[str, str]:
    """Return inputs by the names of their frames; a name that several would have is none.

    A frame's is ``df_`` and the input's in letters, digits and ``_``.
    """
    frames = {name: "df_" + re.sub(r"[^A-Za-z0-9_]", "_", name) for name in names}
    counts = Counter(frames.values())
    return {frame: name for name, frame in frames.items() if counts[frame] == 1}
