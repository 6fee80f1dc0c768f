"""``osiris health`` believes nothing of an answer beyond its types."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from osiris_provider.cli import health
from osiris_provider.cli.main import main

MOMENT = "2026-11-28T12:00:00+00:00"
ROW: dict[str, Any] = {
    "reference": "@mysql.shop",
    "label": "healthy",
    "health": "healthy",
    "message": "Connection successful",
    "since": MOMENT,
    "last_check": MOMENT,
    "latency_ms": 4.5,
    "uptime": 1.0,
    "overdue": False,
}
ANSWER = {"complete": True, "stopped": False, "total": 1, "history_since": MOMENT, "generated_at": MOMENT}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The one row of the answer."""
    row = dict(ROW)
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_TOKEN", "token")
    monkeypatch.setattr(health, "_asked", lambda *_: {**ANSWER, "connections": [row]})
    return row


def test_a_row_is_shown(answered: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    answered["latency_ms"] = answered["uptime"] = None
    assert main(["health", "--url", "http://airflow.test"]) == 0
    assert "@mysql.shop" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("since", None), ("since", "yesterday"), ("last_check", "2026-11-28T12:00:00"), ("latency_ms", "x")],
        *[("uptime", float("inf")), ("uptime", True), ("message", {}), ("reference", 1), ("overdue", "no")],
    ],
)
def test_an_odd_answer_is_no_bug_of_ours(
    name: str, value: Any, answered: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answered[name] = value
    assert main(["health", "--url", "http://airflow.test"]) == 3
    assert "What answers is no page of connections' health" in capsys.readouterr().err


def test_what_expires_soon_is_shown(answered: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(timezone.utc)
    ends = {"certificate": 12.1, "password": -1, "token": 0.5, "key": 60}
    answered["expires"] = [
        {"what": what, "at": (now + timedelta(days=days)).isoformat()} for what, days in ends.items()
    ]
    answered["expires"] += [7, {"what": "odd", "at": "soon"}, {"what": [], "at": now.isoformat()}]
    assert main(["health", "--url", "http://airflow.test"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    said = "certificate expires in 12 d. password has expired. token expires within a day."
    assert shown.endswith(f"Connection successful {said}")
