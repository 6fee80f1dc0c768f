"""What is kept of each connection's health from one check to the next."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from osiris_provider.runtime.health_state import FILE, VERSION, Health, HealthState
from osiris_provider.runtime.state import TaskKey
from upath import UPath

TASK = TaskKey("dag", "doctor", 3)
SICK = Health("network", 2, alerted=True, warned={"TLS 2027": 7})


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}"


def kept_in(url: str) -> UPath:
    return UPath(f"{url}/dag/doctor/3/{FILE}")


def state(url: str) -> HealthState:
    return HealthState(f"{url}/", TASK, UPath)


def test_the_next_attempt_knows_what_the_last_has_kept(url: str) -> None:
    first = state(url)
    assert first.before("1") == {}
    first.keep("1", {"@mysql.a": SICK, "@mysql.b": Health("ok")})
    assert json.loads(kept_in(url).read_text())["version"] == VERSION
    second = state(url)
    assert second.before("2") == {"@mysql.a": SICK, "@mysql.b": Health("ok")}
    # What is not checked stays known.
    second.keep("2", {"@mysql.b": Health("auth", 1)})
    assert state(url).before("3") == {"@mysql.a": SICK, "@mysql.b": Health("auth", 1)}


def test_an_attempt_that_is_made_again_gets_the_same_as_at_first(url: str) -> None:
    one = state(url)
    one.before("1")
    one.keep("1", {"@mysql.a": SICK})
    again = state(url)
    assert again.before("1") == {}
    again.keep("1", {"@mysql.a": Health("ok")})
    two = state(url)
    assert two.before("2") == {"@mysql.a": Health("ok")}
    two.keep("2", {"@mysql.a": SICK})
    assert state(url).before("2") == {"@mysql.a": Health("ok")}


def _entries(**now: float) -> dict[str, Any]:
    health = {"category": "ok", "failures": 0, "alerted": False, "warned": {}, **now}
    return {"version": VERSION, "attempt": "1", "connections": {"@mysql.a": {"now": health, "before": None}}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 3, "attempt": "1", "connections": {}}',
        '{"version": 2, "attempt": "1", "connections": {"@mysql.a": {"now": {"category": "ok"}, "before": null}}}',
        '{"version": 2, "attempt": "1"}',
        json.dumps(_entries(failures=float("inf"))),
        "[" * 100_000,
    ],
)
def test_a_damaged_file_tells_nothing_and_is_mended(text: str, url: str) -> None:
    kept_in(url).write_text(text)
    one = state(url)
    assert one.before("2") == {}
    one.keep("2", {"@mysql.a": SICK})
    assert state(url).before("3") == {"@mysql.a": SICK}


@pytest.mark.parametrize(("category", "health"), [("ok", Health("ok")), ("auth", Health("auth", 1, alerted=True))])
def test_the_first_version_sent_an_alert_at_the_first_failure(category: str, health: Health, url: str) -> None:
    entries: dict[str, Any] = {"@mysql.a": {"category": category, "before": None}}
    entries["@mysql.b"] = {"category": "ok", "before": category}
    kept_in(url).write_text(json.dumps({"version": 1, "attempt": "1", "connections": entries}))
    assert state(url).before("2") == {"@mysql.a": health, "@mysql.b": Health("ok")}
    assert state(url).before("1") == {"@mysql.b": health}
