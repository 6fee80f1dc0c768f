"""What becomes of what a connector returns or raises while it checks a connection (CONN-009 … 011)."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from osiris_provider.connectors.check import examine
from osiris_provider.connectors.faults import TIMED_OUT
from osiris_provider.errors import Category, Fault
from osiris_provider.net import expiry
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import Noted, note

from tests.unit.fakes import FakeConnector, connection

SOON = datetime.now(timezone.utc) + timedelta(days=3)


class Doing(FakeConnector):
    """Does in its checks what a test wants."""

    def __init__(self, do: Callable[[], Any], fault: Fault | None = None) -> None:
        super().__init__()
        self.do, self.fault = do, fault
        self.steps: list[str] = []

    def load(self) -> None:  # type: ignore[override] # of this one
        self.steps.append("loaded")

    def probe(self, *_: Any) -> Any:
        self.steps.append("asked")
        return self.do()

    def fault_of(self, *_: Any) -> Fault | None:
        return self.fault


def raising(error: BaseException) -> Callable[[], Any]:
    def do() -> Any:
        raise error

    return do


def test_what_takes_its_time_is_loaded_before_the_peer_is_asked() -> None:
    connector = Doing(dict)
    verdict = examine(connector, connection(), Deadline(5), lambda: connector.steps.append("begins"))
    assert (verdict.ok, connector.steps) == (True, ["loaded", "begins", "asked"])
    assert examine(Doing(dict), connection(), Deadline(5)).ok


def test_the_latency_is_that_of_the_server_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def do() -> dict[str, Any]:
        now[0] += 0.1234567
        # So long it was asked about expiries.
        expiry._noted.get().aside_seconds += 0.1  # type: ignore[union-attr] # noqa: SLF001 - a check is under way
        return {}

    assert examine(Doing(do), connection(), Deadline(5)).latency_ms == 23.46


@pytest.mark.parametrize("details", [None, [], "ok", {"n": math.nan}, {"s": {1}}, {"d": SOON}])
def test_details_that_are_no_json_are_the_fault_of_the_connector(details: Any) -> None:
    verdict = examine(Doing(lambda: details), connection(), Deadline(5))
    assert (verdict.ok, verdict.details["fault"]) == (False, "misconfigured")
    assert "not JSON" in verdict.message


def test_conn_011_details_show_no_secret_of_the_connection() -> None:
    connector = Doing(lambda: {"s3cret": ["of s3cret", {"n": 1}], "other": "s3cre"})
    verdict = examine(connector, connection(password="s3cret"), Deadline(5))
    assert (verdict.ok, verdict.details["other"]) == (True, "s3cre")
    assert "s3cret" not in str(verdict.details)


def test_what_comes_to_its_end_is_noted_and_said_and_breaks_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def do() -> dict[str, Any]:
        note("token", SOON)
        return {"server_version": "1"}

    noted = Noted()
    verdict = examine(Doing(do), connection(), Deadline(5), noted=noted)
    assert [one.what for one in noted.expiries()] == ["token"]
    assert "token" in str(verdict.details)
    monkeypatch.setattr("osiris_provider.connectors.check.with_expiries", lambda *_: 1 // 0)
    verdict = examine(Doing(do), connection(), Deadline(5))
    assert (verdict.ok, verdict.details) == (True, {"server_version": "1"})


CATEGORIES: list[Category] = ["auth", "network", "permission", "timeout", "unknown"]


@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("is_over", [False, True])
def test_conn_010_an_error_after_the_deadline_is_that_of_the_deadline_unless_it_says_more(
    is_over: bool, category: Category, permanent: bool
) -> None:
    deadline, fault = Deadline(7), Fault("own", category, "{address} says no after {timeout}. Ask.", permanent)

    def do() -> Any:
        if is_over:
            deadline.end()
        raise ValueError

    verdict = examine(Doing(do, fault), connection(), deadline)
    is_vague = is_over and category in ("network", "unknown") and not permanent
    assert verdict.fault == (TIMED_OUT if is_vague else fault)
    assert is_vague or verdict.message == "the ok peer says no after 7 s. Ask."


def test_a_broken_connector_is_named_by_what_it_raises_and_no_more() -> None:
    class Broken(Doing):
        def fault_of(self, error: BaseException) -> Fault | None:
            raise ZeroDivisionError(*["s3cret"]) from error

    verdict = examine(Broken(raising(KeyboardInterrupt())), connection(), Deadline(5))
    assert verdict.details == {"fault": "misconfigured", "retryable": False}
    assert "ZeroDivisionError" in verdict.message
    assert "s3cret" not in verdict.message
