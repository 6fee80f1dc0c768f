"""Airflow's trigger rules, as far as a run in one process can tell."""

from __future__ import annotations

from collections.abc import Sequence

from osiris_provider.pipelines.run.result import Outcome, Status


def without_running(rule: str, before: Sequence[Outcome]) -> tuple[Status, str] | None:
    """Return what a step is that its rule does not run, and why; None if it runs.

    :param rule: such as ``all_success``.
    :param before: what came of the steps that it waits for.
    """
    if not before:
        return None
    succeeded = [outcome.step for outcome in before if outcome.succeeded]
    failed = [outcome.step for outcome in before if outcome.status == "failed"]
    left = failed + [outcome.step for outcome in before if outcome.status == "not run"]
    skipped = [outcome.step for outcome in before if outcome.status == "skipped"]
    without_success, with_skip = "" if succeeded else "no step before it succeeded", _of(skipped, "was skipped")
    # As Airflow has upstream_failed and skipped: to what comes behind it, a step that was skipped has not failed.
    blocked = {
        "all_success": _of(left, "did not succeed"),
        "all_done_min_one_success": "" if skipped else without_success,
        "one_success": "" if len(skipped) == len(before) else without_success,
        "none_failed": _of(left, "did not succeed"),
        "none_failed_min_one_success": _of(left, "did not succeed"),
    }
    passed_over = {
        "all_success": with_skip,
        "all_failed": _of(succeeded, "succeeded") or with_skip,
        "all_done_min_one_success": with_skip,
        "one_success": without_success,
        "one_failed": "" if left else "no step before it failed",
        "one_done": "" if succeeded or failed else "no step before it was done",
        "none_failed_min_one_success": without_success,
        "none_skipped": with_skip,
        "all_skipped": _of(succeeded + left, "was not skipped"),
    }
    if blocked.get(rule):
        return "not run", blocked[rule]
    return ("skipped", passed_over[rule]) if passed_over.get(rule) else None


def _of(steps: Sequence[str], what: str) -> str:
    return f"{steps[0]} {what}" if steps else ""
