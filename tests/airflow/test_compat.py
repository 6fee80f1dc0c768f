"""What differs between versions of Airflow, on the one that is installed."""

from __future__ import annotations

import sys

import pytest
from osiris_provider._airflow.compat import emit_count, emit_gauge, emit_timing, has_executor

from tests.airflow.health.test_events import Recorder
from tests.airflow.versions import send_metrics_to

TAGS = {"family": "mysql"}


def test_figures_reach_the_metrics_system_with_their_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    send_metrics_to(recorder, monkeypatch)
    emit_count("osiris.a", TAGS)
    emit_gauge("osiris.b", 1.5, TAGS)
    emit_timing("osiris.c", 2.5, TAGS)
    assert [(kind, name, tags) for kind, name, _, tags in recorder.seen] == [
        ("incr", "osiris.a", TAGS),
        ("gauge", "osiris.b", TAGS),
        ("timing", "osiris.c", TAGS),
    ]
    assert [value for _, _, value, _ in recorder.seen[1:]] == [1.5, 2.5]


def test_an_executor_is_missing_only_where_airflow_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_executor("LocalExecutor")
    assert not has_executor("NoSuchExecutor")
    with monkeypatch.context() as patched:
        # Each team may have other ones.
        patched.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
        assert has_executor("NoSuchExecutor")
    # A worker has the Task SDK only.
    monkeypatch.setitem(sys.modules, "airflow.executors.executor_loader", None)
    assert has_executor("NoSuchExecutor")
