"""What a pipeline says about itself: when it runs, and after which tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote

from osiris_provider.connections.reference import NAME, ConnectionRef, shown
from osiris_provider.messages import did_you_mean
from osiris_provider.pipelines.dialects import Draft
from osiris_provider.pipelines.file import SUFFIXES
from osiris_provider.pipelines.model import After, PipelineModel
from osiris_provider.pipelines.params import Param
from osiris_provider.pipelines.problems import Problems
from osiris_provider.pipelines.templates import has_template

CONTINUOUS = "@continuous"
PRESETS = ("@once", CONTINUOUS, "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
DEFAULT_ALIAS = "default"
MAX_URI = 1400
"""Characters of an asset's URI; Airflow has place for 1,500."""
MAX_CRON = 200
"""Characters."""
_START = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""From here, a schedule comes within 50 years or never; a file is right or wrong at all times."""
_TABLE = re.compile(rf"(@{NAME.pattern}(?:\.{NAME.pattern})?)/(.+)")
_DAG_ID = re.compile(r"[A-Za-z0-9_.-]{1,250}")


def asset_uri(ref: ConnectionRef, table: str) -> str:
    """Return the URI of a table as Airflow's assets have it, such as ``osiris://postgres/reports/by_country``.

    :param ref: of the connection; one without an alias stands for alias ``default``.
    :param table: as the writer's config has it.
    """
    return f"osiris://{ref.family}/{ref.alias or DEFAULT_ALIAS}/{quote(table, safe='.')}"


def table_uri(text: str) -> str | None:
    """Return the URI of ``@family.alias/table``, None if it is nothing of the kind."""
    match = _TABLE.fullmatch(text)
    uri = asset_uri(ConnectionRef.parse(match[1]), match[2]) if match else None
    return None if uri is None or len(uri) > MAX_URI else uri


def check_settings(settings: PipelineModel, params: Mapping[str, Param], problems: Problems) -> None:
    """Check what no single key can tell.

    :param settings: the top of the file.
    :param params: of the pipeline.
    :param problems: takes what is wrong.
    """
    path = problems.file
    if path.suffix not in SUFFIXES:
        problems.add((), f"the name of a pipeline ends with {' or '.join(SUFFIXES)}: rename the file")
    elif not _DAG_ID.fullmatch(path.stem):
        message = f"'{shown(path.stem)}' cannot be the id of a DAG: name the file with letters, digits, _, - and ."
        problems.add((), message)
    _check_schedule(settings.schedule, problems)
    if settings.catchup and settings.start_date is None:
        problems.add(("catchup",), "catchup: true needs a start_date")
    if settings.start_date and settings.end_date and settings.end_date < settings.start_date:
        problems.add(("end_date",), "end_date is before start_date")
    if settings.schedule == CONTINUOUS and settings.max_active_runs not in (None, 1):
        problems.add(("max_active_runs",), f"schedule {CONTINUOUS} has one run at a time; leave max_active_runs out")
    required = [name for name, param in params.items() if param.required]
    for name in required if settings.schedule is not None else ():
        problems.add(("params", name), f"param {name} needs a default, because the pipeline has a schedule")


def check_own_tables(settings: PipelineModel, assets: Mapping[str, str | None], problems: Problems) -> None:
    """Check that a pipeline waits for no table that it writes: it would start itself again and again.

    :param settings: the top of the file.
    :param assets: URIs of the tables that the steps write, by step.
    :param problems: takes what is wrong.
    """
    tables = settings.schedule.after if isinstance(settings.schedule, After) else []
    writers = {uri: step for step, uri in assets.items() if uri is not None}
    for index, table in enumerate(tables):
        writer = writers.get(table_uri(table) or "")
        if writer is not None:
            message = f"step {shown(writer)} writes '{shown(table)}' itself, and each run would start the next one"
            problems.add(("schedule", "after", index), f"schedule: {message}; take the table out")


def check_fail_fast(draft: Draft, problems: Problems) -> None:
    """Check that a pipeline which ends with the first failure has no step that waits for one.

    :param draft: the pipeline.
    :param problems: takes what is wrong.
    """
    if draft.settings.airflow is None or not draft.settings.airflow.fail_fast:
        return
    rules = [("trigger_rule",), *((*step.location, "trigger_rule") for step in draft.steps)]
    for location, said in zip(rules, [draft.settings, *(step.options for step in draft.steps)], strict=True):
        if said.trigger_rule not in (None, "all_success"):
            problems.add(location, "trigger_rule: with airflow.fail_fast, Airflow has all_success only")


def _check_schedule(schedule: str | After | None, problems: Problems) -> None:
    if isinstance(schedule, After):
        for index, table in enumerate(schedule.after):
            if table_uri(table) is None or "${" in table or has_template(table):
                message = f"'{shown(table)}' is no table; write it as '@family.alias/table'"
                problems.add(("schedule", "after", index), message)
        return
    problem = None if schedule is None else _schedule_problem(schedule)
    if problem:
        problems.add(("schedule",), f"schedule: {problem}")


def _schedule_problem(schedule: str) -> str | None:
    from croniter import CroniterBadDateError, croniter

    if schedule in PRESETS:
        return None
    if len(schedule) <= MAX_CRON and croniter.is_valid(schedule):
        try:
            croniter(schedule, _START).get_next()
        except CroniterBadDateError:
            return f"'{shown(schedule)}' never comes: no such day is in any year, and Airflow would run nothing"
        return None
    hint = did_you_mean(schedule, PRESETS)
    return f"'{shown(schedule)}' is neither a cron text nor a preset.{hint} Presets are {', '.join(PRESETS)}"
