"""Verdicts: one typed thing inside, the forms of the contract at the edge, and how a check comes to one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.check import examine
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED, REFUSED, TIMED_OUT
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import (
    MAX_MESSAGE,
    Category,
    ConnectionConfigError,
    ConnectionNotFoundError,
    ConnectTimeoutError,
    Fault,
    OsirisError,
)
from osiris_provider.hook_doctor.faults import UNTESTABLE
from osiris_provider.net import expiry
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import Noted, note

from tests.unit.fakes import FakeConnector, connection

FAILURES = [category for category in get_args(Category) if category != "ok"]
faults = st.builds(
    Fault, st.from_regex(r"[a-z_]+", fullmatch=True), st.sampled_from(FAILURES), st.text(), st.booleans()
)
servers = st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none())
verdicts = st.builds(Verdict.healthy, st.floats(0, 1e6), servers) | st.builds(Verdict.of, faults, st.text())


def test_conn_009_and_020_the_forms_of_the_contract() -> None:
    verdict = Verdict.of(REFUSED, "here refused the connection.").at("mysql", "main")
    details = {
        "latency_ms": None,
        "category": "network",
        "message": "here refused the connection.",
        "details": {"fault": "refused", "retryable": True},
    }
    assert verdict.as_tuple() == (False, details)
    assert verdict.as_dict() == {"family": "mysql", "alias": "main", "ok": False, **details}
    healthy = Verdict.healthy(1.5, {"server_version": "1"})
    assert healthy.as_tuple() == (
        True,
        {"latency_ms": 1.5, "category": "ok", "message": "Connection successful", "details": {"server_version": "1"}},
    )


def test_what_a_server_says_of_itself_is_made_printable_wherever_it_is() -> None:
    said = "a\x1b[31mb\x07" + "x" * MAX_MESSAGE
    shown = f"ab{'x' * MAX_MESSAGE}"[:MAX_MESSAGE]
    healthy = Verdict.healthy(1.5, {"text": said, "list": [said, 1, (said, None)], "inner": {said: {"n": 1.5}}})
    assert healthy.details == {"text": shown, "list": [shown, 1, [shown, None]], "inner": {shown: {"n": 1.5}}}


@pytest.mark.parametrize(
    ("verdict", "ok", "unhealthy"),
    [
        (Verdict.healthy(1.5, {}), True, False),
        (Verdict.of(REFUSED, "no"), False, True),
        (Verdict.of(UNTESTABLE, "no"), False, False),
    ],
)
def test_of_what_cannot_be_tested_nothing_is_said(verdict: Verdict, ok: bool, unhealthy: bool) -> None:
    assert (verdict.ok, verdict.unhealthy) == (ok, unhealthy)


@given(verdicts, st.text(), st.none() | st.text())
def test_a_verdict_goes_through_json_unchanged(verdict: Verdict, family: str, alias: str | None) -> None:
    known = verdict.at(family, alias)
    again = Verdict.from_dict(json.loads(json.dumps(known.as_dict())))
    assert again.as_dict() == known.as_dict()
    assert (again.ok, again.category, again.is_transient) == (known.ok, known.category, known.is_transient)
    assert again.fault is None or again.fault.slug == (known.fault and known.fault.slug)


@pytest.mark.parametrize(
    ("error", "slug"),
    [(ConnectionConfigError("no"), "misconfigured"), (ConnectionNotFoundError("no"), "no_such_connection")],
)
def test_what_is_not_set_up_is_permanent(error: OsirisError, slug: str) -> None:
    verdict = Verdict.unresolved(error)
    assert (verdict.category, verdict.is_transient, verdict.details["fault"]) == ("unknown", False, slug)


def test_what_cannot_be_looked_up_now_may_be_later() -> None:
    verdict = Verdict.unresolved(ConnectTimeoutError("no"))
    assert (verdict.category, verdict.is_transient, verdict.details["fault"]) == ("timeout", True, "timeout")


@pytest.mark.parametrize(
    ("family", "alias", "reference"),
    [("mysql", "main", "@mysql.main"), ("warehouse", None, "warehouse"), ("", None, "")],
)
def test_reference(family: str, alias: Any, reference: str) -> None:
    assert Verdict.of(CERTIFICATE_EXPIRED, "no").at(family, alias).reference == reference


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


@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize("category", FAILURES)
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
