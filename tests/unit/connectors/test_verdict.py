"""Verdicts: one typed thing inside, the forms of the contract at the edge."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED, REFUSED
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
