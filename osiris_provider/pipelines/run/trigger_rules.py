"""Airflow's trigger rules, as far as a run in one process can tell."""

from __future__ import annotations

from collections.abc import Sequence

from osiris_provider.pipelines.run.result import Outcome


def waits_in_vain(rule: str, before: Sequence[Outcome]) -> str:
    """Return why a step does not run, empty if it does.

    :param rule: such as ``all_success``.
    :param before: what came of the steps that it waits for.
    """
    succeeded = [outcome.step for outcome in before if outcome.succeeded]
    failed = [outcome.step for outcome in before if outcome.status == "failed"]
    blocked = [outcome.step for outcome in before if outcome.status == "not run"]
    left = failed + blocked
    reasons = {
        "all_success": _of(left, "did not succeed"),
        "all_failed": _of(succeeded, "succeeded"),
        "all_done_min_one_success": "" if succeeded or not before else "no step before it succeeded",
        "one_success": "" if succeeded or not before else "no step before it succeeded",
        "one_failed": "" if left or not before else "no step before it failed",
        "one_done": "" if succeeded or failed or not before else "no step before it was done",
        "none_failed": _of(left, "did not succeed"),
        "none_failed_min_one_success": _of(left, "did not succeed"),
        "all_skipped": _of([outcome.step for outcome in before], "was not skipped"),
    }
    return reasons.get(rule, "")


def _of(steps: Sequence[str], what: str) -> str:
    return f"{steps[0]} {what}" if steps else ""
