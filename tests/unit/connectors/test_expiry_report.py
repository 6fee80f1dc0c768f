"""What a report says of things that come to their end: in order, once, masked, and only what has the right form."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from osiris_provider.connectors.airflow.connection import AirflowConnection
from osiris_provider.connectors.expiry import expiring, expiry_sentence, with_expiries
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


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (30, "in 30 days"),
        (2, "in 2 days"),
        (1, "in 1 day"),
        (0, "in less than a day"),
        (-1, "has expired on 2027-01-31"),
    ],
)
def test_an_expiry_in_words(days: int, words: str) -> None:
    entry = {"what": "client certificate", "at": "2027-01-31T00:00:00+00:00", "days_left": days}
    assert expiry_sentence(entry) == f"client certificate {words if days < 0 else f'expires {words}'}"


def test_a_moment_is_said_to_the_second() -> None:
    at = NOW + timedelta(days=2, hours=1)
    assert [one["at"] for one in said(Noted(others=[Expiry("x", "", at.replace(microsecond=7))]))] == [at.isoformat()]


@pytest.mark.parametrize("letters", range(4))
def test_a_token_may_have_any_length(letters: int) -> None:
    at = NOW + timedelta(days=5, hours=1)
    text = token(exp=at.timestamp(), sub="x" * letters)
    assert [one["at"] for one in said(Noted(), password=text)] == [at.isoformat()]


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


def of_airflow(shown: Callable[[object], str] = str, **fields: Any) -> list[tuple[str, int]]:
    """Return what is said of the tokens of an Airflow connection: the field of each, and the days that are left."""
    model = AirflowConnection.parse({"family": "airflow", "alias": "x", "conn_type": "generic", **fields})
    entries = with_expiries({}, Noted(), model, shown).get("expires", [])
    return [(one["what"].removeprefix("token in field "), one["days_left"]) for one in entries]


def ends_in(days: int) -> str:
    return token(exp=(NOW + timedelta(days=days, hours=1)).timestamp())


TOKENS: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "a password": ({"password": ends_in(5)}, [("password", 5)]),
    "a login": ({"login": ends_in(5)}, [("login", 5)]),
    "entries": ({"extra": {"token": ends_in(5), "a": 1, "b": "plain"}}, [("extra.token", 5)]),
    "a header": ({"extra": {"headers": {"Authorization": f"Bearer {ends_in(5)}"}}}, [("extra.headers", 5)]),
    "a list": ({"extra": {"keys": ["x", ends_in(5)]}}, [("extra.keys", 5)]),
    "JSON": ({"extra": {"kube_config": json.dumps({"users": [{"token": ends_in(5)}]})}}, [("extra.kube_config", 5)]),
    "YAML": ({"extra": {"kube_config": f"user:\n  token: {ends_in(5)}\n"}}, [("extra.kube_config", 5)]),
    "a connection string": ({"extra": {"dsn": f"Url=x;AccessToken={ends_in(5)};Y=z"}}, [("extra.dsn", 5)]),
    "extra as a text": ({"extra": json.dumps({"token": ends_in(5)})}, [("extra.token", 5)]),
    "two": ({"extra": {"a": ends_in(5), "b": ends_in(3)}}, [("extra.b", 3), ("extra.a", 5)]),
    "two with one end in one entry": ({"extra": {"a": [ends_in(5), ends_in(5)]}}, [("extra.a", 5)]),
    "two in one entry, of which one is used": ({"extra": {"a": [ends_in(5), ends_in(3)]}}, []),
    "a name that is none": ({"extra": {"a b": ends_in(5)}}, [("extra", 5)]),
    "a long name": ({"extra": {"a" * 61: ends_in(5)}}, [("extra", 5)]),
    "a part of a longer word": ({"extra": {"a": f"x.{ends_in(5)}"}}, []),
    "none": ({"extra": {"a": "www.example.com", "b": None, "c": "e30.e30.x"}}, []),
}


@pytest.mark.parametrize("situation", TOKENS)
def test_tokens_of_an_airflow_connection_are_looked_for_wherever_they_may_be(situation: str) -> None:
    fields, tokens = TOKENS[situation]
    assert of_airflow(**fields) == tokens


def test_the_name_of_an_entry_that_holds_a_secret_is_masked() -> None:
    shown = of_airflow(lambda name: str(name).replace("s3cret", "***"), extra={"s3cret-x": ends_in(5)})
    assert shown == [("extra.***-x", 5)]


def test_a_long_text_of_almost_tokens_takes_no_time() -> None:
    began = time.monotonic()
    assert of_airflow(extra={"a": "ey" * 500_000, "b": "ey." * 300_000, "c": ("e" * 4097 + ".") * 200}) == []
    assert time.monotonic() - began < 5


LAST = 253_402_300_799
"""The last second of the year 9999, behind which Python knows no moment; some issuers write it for never."""


@pytest.mark.parametrize("exp", [0, -1, True, "1", None, 1e300, LAST + 1])
def test_an_end_that_is_none(exp: Any) -> None:
    assert said(Noted(), password=token(exp=exp)) == []


def test_a_token_may_end_as_late_as_there_are_moments() -> None:
    assert [one["at"] for one in said(Noted(), password=token(exp=LAST))] == ["9999-12-31T23:59:59+00:00"]


def test_what_ends_within_some_days_includes_the_last_of_them() -> None:
    entries = [{"what": "x", "at": "2027-01-01", "days_left": days} for days in (-1, 13, 14, 15)]
    assert [one["days_left"] for one in expiring({"expires": entries}, 14)] == [-1, 13, 14]
    assert expiring({"expires": None}, 14) == expiring({}, 14) == []
