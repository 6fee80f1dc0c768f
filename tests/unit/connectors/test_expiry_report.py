"""What a report says of things that come to their end: in order, once, masked, and only what has the right form."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from osiris_provider.connectors.expiry import expiring, with_expiries
from osiris_provider.net.expiry import Expiry, Noted

from tests.unit.fakes import FakeConnection

NOW = datetime.now(timezone.utc).replace(microsecond=0)


def token(**claims: Any) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "none"}, claims))
    return f"{'.'.join(part.rstrip('=') for part in parts)}.x"


def said(noted: Noted, details: dict[str, Any] | None = None, **fields: Any) -> list[dict[str, Any]]:
    model = FakeConnection.parse({"family": "fake", "does": "ok", **fields})
    report = with_expiries(details or {}, noted, model, lambda address: str(address).replace("s3cret", "***"))
    return list(report.get("expires", []))


def test_the_soonest_comes_first_and_a_public_value_is_masked() -> None:
    later, sooner = NOW + timedelta(days=40, hours=1), NOW + timedelta(days=2, hours=1)
    noted = Noted(others=[Expiry("TLS certificate", "s3cret:1", later), Expiry("account", "", sooner)])
    assert said(noted) == [
        {"what": "account", "at": sooner.isoformat(), "days_left": 2},
        {"what": "TLS certificate of ***:1", "at": later.isoformat(), "days_left": 40},
    ]
    assert said(Noted()) == []


def test_days_are_whole_ones_that_are_left() -> None:
    left = [timedelta(hours=23), timedelta(days=1, hours=1), timedelta(hours=-1)]
    noted = Noted(others=[Expiry("x", "", NOW + one) for one in left])
    assert [entry["days_left"] for entry in said(noted)] == [-1, 0, 1]


def test_what_a_connector_knows_itself_is_kept_once() -> None:
    at = NOW + timedelta(days=3, hours=1)
    own = {"what": "account", "at": at.isoformat(), "days_left": 3}
    other = {"what": "licence", "at": (at - timedelta(days=1)).isoformat(), "days_left": 2}
    wrong = [
        7,
        {"what": "x"},
        {**own, "days_left": True},
        {**own, "days_left": "3"},
        {**own, "what": 1},
        {**own, "at": 1},
    ]
    noted = Noted(others=[Expiry("account", "", at)])
    assert said(noted, {"expires": [own, other, *wrong]}) == [other, own]


@pytest.mark.parametrize("prefix", ["", "Bearer ", " "])
def test_tokens_are_looked_for_in_each_secret(prefix: str) -> None:
    at = NOW + timedelta(days=5, hours=1)
    text = prefix + token(exp=at.timestamp())
    [entry] = said(Noted(), headers={"X-Key": text, "X-Other": "plain"})
    assert entry == {"what": "token in field headers", "at": at.isoformat(), "days_left": 5}
    assert [one["what"] for one in said(Noted(), password=text)] == ["token in field password"]
    # What is no secret is no token.
    assert said(Noted(), does=text.strip()) == []


@pytest.mark.parametrize("exp", [0, -1, True, "1", None, 1e300])
def test_an_end_that_is_none(exp: Any) -> None:
    assert said(Noted(), password=token(exp=exp)) == []


def test_what_ends_within_some_days_includes_the_last_of_them() -> None:
    entries = [{"what": "x", "at": "2027-01-01", "days_left": days} for days in (-1, 13, 14, 15)]
    assert [one["days_left"] for one in expiring({"expires": entries}, 14)] == [-1, 13, 14]
    assert expiring({"expires": None}, 14) == expiring({}, 14) == []
