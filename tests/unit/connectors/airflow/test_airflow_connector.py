"""What a check of family airflow says: what a hook or a family says of the server, in the terms of this connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from osiris_provider.connectors.airflow import connector as module
from osiris_provider.connectors.airflow.connection import AirflowConnection
from osiris_provider.connectors.airflow.connector import UNPROVEN, AirflowConnector
from osiris_provider.connectors.airflow.delegate import Delegate
from osiris_provider.connectors.faults import MISCONFIGURED, REFUSED, UNKNOWN_HOST
from osiris_provider.errors import ConnectionConfigError, ConnectorError, Fault
from osiris_provider.net import expiry
from osiris_provider.net.deadline import Deadline

from tests.unit.connectors.test_verdict import SOON, Doing, raising
from tests.unit.fakes import connection

CONNECTION = {"family": "airflow", "alias": "shop", "conn_type": "some_type", "host": "h.example.com", "port": 7}
Check = Callable[..., dict[str, Any]]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Check a connection, with what is known of it replaced by what a test wants."""

    def check(delegate: Delegate | None = None, note: str | None = None, **fields: Any) -> dict[str, Any]:
        monkeypatch.setattr(module, "delegate_of", lambda *_: delegate)
        monkeypatch.setattr(module, "note_on", lambda _: note)
        model = AirflowConnection.parse({**CONNECTION, **fields})
        return AirflowConnector().probe(model, Deadline(5))

    return check


@pytest.mark.parametrize(
    ("said", "note", "shown"),
    [
        ({}, None, {}),
        ({"note": "a"}, None, {"note": "a"}),
        ({"note": "a"}, "a", {"note": "a"}),
        ({"note": "a"}, "b", {"note": "a; b"}),
        ({"version": "1"}, "b", {"version": "1", "note": "b"}),
    ],
)
def test_what_is_to_be_said_of_a_connection_is_said_once(
    said: dict[str, Any], note: str | None, shown: dict[str, Any], check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over: list[Any] = []

    def check_hook(known: Any, deadline: Deadline) -> Mapping[str, Any]:
        assert deadline.seconds == 5
        handed_over.append(known)
        return said

    monkeypatch.setattr(module, "check_hook", check_hook)
    assert check(note=note, description="d", password="pw") == shown
    (known,) = handed_over
    assert (known.conn_id, known.conn_type, known.address, known.password) == (
        "shop",
        "some_type",
        "h.example.com:7",
        "pw",
    )


TOKEN = {"what": "token in field password", "at": "2030-01-01T00:00:00+00:00", "days_left": 7}
CERTIFICATE = {"what": "TLS certificate of db:1", "at": "2030-01-01T00:00:00+00:00", "days_left": 7}


@pytest.mark.parametrize("others", [[], [CERTIFICATE]])
def test_tokens_are_named_by_the_fields_of_this_connection_alone(others: list[Any], check: Check) -> None:
    asked = Doing(lambda: {"version": "1", "expires": [TOKEN, *others]})
    assert check(Delegate(asked, connection())) == {"version": "1", **({"expires": others} if others else {})}


def test_what_a_family_notes_is_noted_of_this_connection(check: Check) -> None:
    def do() -> dict[str, Any]:
        expiry.note("token", SOON)
        return {}

    with expiry.noting() as noted:
        check(Delegate(Doing(do), connection()))
    assert [one.what for one in noted.expiries()] == ["token"]


@pytest.mark.parametrize("answered", [frozenset[str](), frozenset({"no"})])
@pytest.mark.parametrize(
    ("fault", "host", "as_said"),
    [
        (Fault("no", "permission", "{address} says no. Ask."), "h", True),
        (REFUSED, "h", True),
        (UNKNOWN_HOST, "h", True),
        # A host that can be no name is a mistake, whatever the family makes of it.
        (UNKNOWN_HOST, "db/x", False),
    ],
)
def test_a_fault_of_a_family_is_that_of_the_connection_unless_it_counts_as_an_answer(
    fault: Fault, host: str, as_said: bool, answered: frozenset[str], check: Check
) -> None:
    asked = Delegate(Doing(raising(ValueError()), fault), connection(), answered)
    if fault.slug in answered:
        assert check(asked, host=host) == {"proven": False, "note": UNPROVEN}
        return
    with pytest.raises(ConnectorError) as raised:
        check(asked, host=host)
    assert raised.value.fault == (fault if as_said else MISCONFIGURED)
    assert raised.value.category == (fault if as_said else MISCONFIGURED).category
    assert str(raised.value).startswith("the ok peer") is (as_said and fault.message.startswith("{address}"))


def test_a_connection_that_cannot_be_read_is_asked_of_no_hook() -> None:
    connector = AirflowConnector()
    broken = {**CONNECTION, "conn_type": "osiris_mysql", "host": None}
    with pytest.raises(ConnectionConfigError):
        connector.needs_worker(broken)
    assert connector.kind_of(broken) == ""
    assert connector.kind_of(CONNECTION) == "some_type"
    assert connector.kind_of({**CONNECTION, "conn_type": "osiris_mysql", "login": "ann"}) == ""


def test_conn_016_a_redacted_url_shows_nothing_of_extra() -> None:
    model = AirflowConnection.parse({**CONNECTION, "password": "s3cret", "extra": {"token": "t0ken"}})
    assert "t0ken" in model.as_url(redacted=False)
    shown = model.as_url(redacted=True)
    assert [text for text in ("s3cret", "t0ken", "extra") if text in shown] == []


@pytest.mark.parametrize(
    ("fields", "url", "shown"),
    [
        ({}, "some-type://@h.example.com:7/", "some-type://***@h.example.com:7/"),
        ({"login": "a:b"}, "some-type://a%3Ab@h.example.com:7/", "some-type://***@h.example.com:7/"),
        (
            {"login": "ann", "password": "s/t"},
            "some-type://ann:s%2Ft@h.example.com:7/",
            "some-type://***@h.example.com:7/",
        ),
        ({"password": "pw"}, "some-type://:pw@h.example.com:7/", "some-type://***@h.example.com:7/"),
        ({"port": None, "schema": "a/b"}, "some-type://@h.example.com/a%2Fb", "some-type://***@h.example.com/a%2Fb"),
        ({"host": None, "port": None}, "some-type://@/", "some-type://***@/"),
    ],
)
def test_conn_016_a_url_has_what_is_given(fields: dict[str, Any], url: str, shown: str) -> None:
    model = AirflowConnection.parse({**CONNECTION, **fields})
    assert (model.as_url(redacted=False), model.as_url(redacted=True)) == (url, shown)
