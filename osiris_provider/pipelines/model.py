"""What may stand in a pipeline: the keys of the file and of its steps, and what Airflow is given besides."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints

from osiris_provider.connectors.model import NoBooleanNumbers
from osiris_provider.pipelines.templates import has_template

UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_TOO_LONG = timedelta(days=3653)
_YEARS = range(1900, 9000)
_DURATION = re.compile(r"(?:\d{1,6}[wdhms] ?)+")

TriggerRule = Literal[
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "always",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "one_done",
    "one_failed",
    "one_success",
]


def _duration(value: Any) -> timedelta:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        message = "is a time such as 30s, 5m, 2h or 1d"
        raise ValueError(message)
    total = timedelta()
    for number, unit in re.findall(r"(\d+)([wdhms])", value):
        total += min(timedelta(**{UNITS[unit]: int(number)}), _TOO_LONG)
        if total >= _TOO_LONG:
            message = "is longer than ten years"
            raise ValueError(message)
    return total


def _written(value: Any) -> Any:
    # To pydantic, 20260131 is seconds since 1970.
    if isinstance(value, str) and re.match(r"\d{4}-", value):
        return value
    message = "is a date such as 2026-01-31, or a time such as 2026-01-31T06:00:00Z"
    raise ValueError(message)


def _moment(value: datetime) -> datetime:
    if value.year not in _YEARS:
        message = "is a time of no year that Airflow can work with"
        raise ValueError(message)
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _inputs(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: name for name in value}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value.values()):
        return value
    message = "is a list of steps, or a mapping {name: step}"
    raise ValueError(message)


def _as_it_is(value: str) -> str:
    if "${" in value or has_template(value):
        message = "is taken as it is; ${params.x} and Jinja are replaced in config only"
        raise ValueError(message)
    return value


def _link(value: str) -> str:
    parts = urlsplit(value)
    if not parts.path if parts.scheme == "mailto" else not (parts.scheme and parts.netloc):
        message = "is a link such as https://example.com/team or mailto:team@example.com"
        raise ValueError(message)
    return value


def _schedule(value: Any) -> Any:
    if (
        value is None
        or isinstance(value, str)
        or (isinstance(value, dict) and set(value) == {"after"} and value["after"])
    ):
        return value
    message = "is a cron text, a preset such as '@daily', or {after: '@family.alias/table'}"
    raise ValueError(message)


Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=str)]
Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_moment)]
Names = Annotated[list[str], BeforeValidator(_names, json_schema_input_type=str | list[str])]
Inputs = Annotated[dict[str, str], BeforeValidator(_inputs, json_schema_input_type=str | list[str] | dict[str, str])]
# No more than the columns of Airflow's database hold: what does not fit in takes all DAGs down with it.
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=250), AfterValidator(_as_it_is)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
_MAX_INTEGER = 2**31 - 1
Integer = Annotated[int, Field(ge=-_MAX_INTEGER, le=_MAX_INTEGER)]
Count = Annotated[int, Field(ge=0, le=_MAX_INTEGER)]
Positive = Annotated[int, Field(ge=1, le=_MAX_INTEGER)]
Link = Annotated[str, StringConstraints(max_length=500), AfterValidator(_link)]
Description = Annotated[str, StringConstraints(max_length=16_000)]


class Model(NoBooleanNumbers):
    """Base of the models. Unknown keys are errors.

    Each is built when a file first needs it: a task's process needs those of one dialect.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)


class AirflowTask(Model):
    """Key ``airflow`` of a step: arguments of Airflow's operators that a pipeline has no word of its own for."""

    allow_nested_operators: bool | None = None
    depends_on_past: bool | None = None
    email: Names | None = None
    email_on_failure: bool | None = None
    email_on_retry: bool | None = None
    end_date: Moment | None = None
    executor: Text | None = None
    executor_config: dict[str, Any] | None = None
    ignore_first_depends_on_past: bool | None = None
    max_active_tis_per_dag: Positive | None = None
    max_active_tis_per_dagrun: Positive | None = None
    max_retry_delay: Duration | None = None
    owner: Text | None = None
    pool_slots: Positive | None = None
    priority_weight: Integer | None = None
    queue: Text | None = None
    retry_exponential_backoff: Annotated[float, Field(ge=0)] | bool | None = None
    run_as_user: Text | None = None
    start_date: Moment | None = None
    task_display_name: Text | None = None
    wait_for_downstream: bool | None = None
    wait_for_past_depends_before_skipping: bool | None = None
    weight_rule: Literal["downstream", "upstream", "absolute"] | None = None


class AirflowDag(Model):
    """Key ``airflow`` of a pipeline: arguments of Airflow's ``DAG`` that a pipeline has no word of its own for."""

    access_control: dict[str, Any] | None = None
    auto_register: bool | None = None
    dag_display_name: Text | None = None
    dagrun_timeout: Duration | None = None
    default_args: AirflowTask | None = None
    disable_bundle_versioning: bool | None = None
    fail_fast: bool | None = None
    is_paused_upon_creation: bool | None = None
    max_active_tasks: Positive | None = None
    max_consecutive_failed_dag_runs: Count | None = None
    owner_links: dict[Text, Link] | None = None


class Options(Model):
    """What a step may say, and a pipeline for all of its steps."""

    retries: Count | None = None
    retry_delay: Duration | None = None
    timeout: Duration | None = None
    pool: Text | None = None
    trigger_rule: TriggerRule | None = None
    doc: str | None = None


class StepModel(Options):
    """A step, in the words of this package.

    ``inputs`` are steps whose results it gets; ``needs`` are steps that only have to be done before.
    """

    id: Text
    driver: Text
    config: dict[str, Any] = Field(default_factory=dict)
    inputs: Inputs | None = None
    needs: Names | None = None
    airflow: AirflowTask | None = None


class OmlStepModel(Options):
    """A step of OML 0.1.0. ``needs`` carries data; without it, the step before is meant."""

    id: Text
    component: Text
    mode: Literal["read", "write", "transform"]
    config: dict[str, Any] = Field(default_factory=dict)
    inputs: Inputs | None = None
    needs: Names | None = None
    airflow: AirflowTask | None = None


class After(Model):
    """A schedule of data: the pipeline runs when others have written these tables."""

    after: Annotated[Names, Field(min_length=1)]


class PipelineModel(Options):
    """The top of the file, without its steps."""

    schedule: Annotated[str | After | None, BeforeValidator(_schedule)] = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    catchup: bool | None = None
    max_active_runs: Positive | None = None
    owner: Text | None = None
    description: Description | None = None
    tags: list[Tag] = Field(default_factory=list)
    params: dict[str, Any] = Field(default_factory=dict)
    airflow: AirflowDag | None = None


class OmlPipelineModel(PipelineModel):
    """The top of an OML 0.1.0 file, without its steps.

    ``profiles`` are accepted and, as upstream does when no profile is asked for, not applied: a warning says so.
    """

    oml_version: Literal["0.1.0"]
    name: Text
    profiles: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
