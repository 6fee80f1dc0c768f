"""What is said of expiries shows nothing but a time, and no peer, file or token can break a check by it."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.airflow import connector
from osiris_provider.connectors.airflow.connector import AirflowConnector
from osiris_provider.connectors.airflow.delegate import Delegate
from osiris_provider.connectors.api import ApiConnection
from osiris_provider.connectors.check import examine
from osiris_provider.connectors.expiry import with_expiries
from osiris_provider.net import expiry
from osiris_provider.net.deadline import Deadline

from tests.unit.fakes import FakeConnector

JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=9), st.lists)
CANARY = "canary-4711"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def ends(token: str) -> list[dict[str, Any]]:
    """Return what is said of a connection with a token."""
    model = ApiConnection(base_url="https://api.example.com", token=token)  # type: ignore[arg-type] # pydantic converts
    details = with_expiries({}, expiry.Noted(), model, str)
    return list(details.get("expires", []))


def test_of_a_token_only_the_time_of_its_end_is_shown() -> None:
    header = encoded(json.dumps({"alg": "RS256", "kid": CANARY}).encode())
    claims = encoded(json.dumps({"exp": 4_000_000_000, "sub": CANARY, "iss": CANARY}).encode())
    (entry,) = ends(f"Bearer {header}.{claims}.{CANARY}")
    assert (entry["what"], entry["at"]) == ("token in field token", "2096-10-02T07:06:40+00:00")
    assert CANARY not in json.dumps(entry)


@given(st.dictionaries(st.sampled_from(["exp", "alg", "sub"]), JSON | st.integers()), st.booleans())
def test_no_claims_break_a_check(claims: dict[str, Any], in_header: bool) -> None:
    with suppress(ValueError):
        part = encoded(json.dumps(claims).encode())
        header = part if in_header else encoded(b'{"alg": "none"}')
        assert len(ends(f"{header}.{part}.")) <= 1


@pytest.mark.parametrize(
    "part", [b"[" * 3000, b'{"exp":' + b"9" * 5000 + b"}", b'{"exp": NaN}', b'{"exp": Infinity}', b"\xff\xfe", b"{"]
)
def test_no_token_breaks_a_check(part: bytes) -> None:
    header = encoded(b'{"alg": "none"}')
    assert ends(f"{header}.{encoded(part)}.") == []


class Noting(FakeConnector):
    """A healthy connector in whose check something is noted that cannot be read."""

    def probe(self, model: Any, deadline: Deadline) -> dict[str, Any]:
        del model
        expiry.note_certificate(expiry.SERVER_CERTIFICATE, b"\x30\x82 no certificate")
        expiry.note_certificate(expiry.CLIENT_CERTIFICATE, b"-----BEGIN CERTIFICATE-----\nno")
        expiry.note_certificate_file(expiry.CLIENT_CERTIFICATE, "/no/such/file")
        with expiry.aside(deadline):
            raise TimeoutError
        return {"server_version": "1"}


def test_what_cannot_be_read_changes_no_verdict() -> None:
    verdict = examine(Noting(), {"family": "fake", "alias": "x", "does": "ok"}, Deadline(5))
    assert (verdict.ok, verdict.details) == (True, {"server_version": "1"})


class Asking(FakeConnector):
    """A healthy connector that asks for long when something ends."""

    def probe(self, model: Any, deadline: Deadline) -> dict[str, Any]:
        del model
        with expiry.aside(deadline):
            time.sleep(0.5)
        return {}


def test_what_a_family_asks_aside_is_no_latency_of_a_connection_of_airflow_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delegate = Delegate(Asking(), {"family": "fake", "alias": "x", "does": "ok"})
    monkeypatch.setattr(connector, "delegate_of", lambda *_: delegate)
    verdict = examine(AirflowConnector(), {"family": "airflow", "alias": "x", "conn_type": "generic"}, Deadline(9))
    assert verdict.ok
    assert verdict.latency_ms is not None
    assert verdict.latency_ms < 400
