"""What is tried again, how often, and when (CONN-018, 019)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from osiris_provider.connectors import retry
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED
from osiris_provider.connectors.retry import ATTEMPTS, call_with_retries
from osiris_provider.errors import (
    AuthError,
    ConnectionConfigError,
    ConnectorError,
    ConnectTimeoutError,
    NetworkError,
    OsirisError,
    PermissionDeniedError,
    UnknownConnectorError,
)


class Failing:
    """Raises the given errors one after the other, then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which are not waited for."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


@pytest.mark.parametrize("error", [NetworkError, ConnectTimeoutError])
def test_conn_018_network_and_timeout_are_tried_again(error: type[ConnectorError], waits: list[float]) -> None:
    call = Failing(*[error("no") for _ in range(ATTEMPTS - 1)])
    assert call_with_retries(call) == "done"
    assert call.calls == ATTEMPTS
    assert len(waits) == ATTEMPTS - 1


def test_conn_018_last_error_is_raised(waits: list[float]) -> None:
    call = Failing(*[NetworkError(f"no {number}") for number in range(1, 10)])
    with pytest.raises(NetworkError, match=f"no {ATTEMPTS}"):
        call_with_retries(call)
    assert call.calls == ATTEMPTS
    assert len(waits) == ATTEMPTS - 1


def test_conn_018_waits_grow(waits: list[float]) -> None:
    with pytest.raises(NetworkError):
        call_with_retries(Failing(*[NetworkError("no")] * 6), attempts=6)
    for number, waited in enumerate(waits):
        assert retry.FIRST_WAIT * 2**number <= waited <= retry.FIRST_WAIT * (2**number + 1)


@pytest.mark.parametrize(("asked", "waited"), [(7, 7), (7.5, 7.5), (9999, retry.LONGEST_WAIT)])
def test_conn_018_retry_after_is_honoured(asked: Any, waited: float, waits: list[float]) -> None:
    assert call_with_retries(Failing(NetworkError("busy", retry_after=asked))) == "done"
    assert waits == [pytest.approx(waited, abs=0.01)]


@pytest.mark.parametrize(
    "error",
    [
        AuthError("no"),
        PermissionDeniedError("no"),
        ConnectionConfigError("no"),
        UnknownConnectorError("no"),
        NetworkError("bad certificate", fault=CERTIFICATE_EXPIRED),
        OsirisError("no"),
        ValueError("no"),
    ],
)
def test_conn_019_what_lasts_is_tried_once(error: Exception, waits: list[float]) -> None:
    call = Failing(error)
    with pytest.raises(type(error)):
        call_with_retries(call)
    assert call.calls == 1
    assert not waits


def test_conn_018_retries_are_logged(caplog: pytest.LogCaptureFixture, waits: list[float]) -> None:
    with caplog.at_level(logging.WARNING):
        call_with_retries(Failing(NetworkError("db.example.com:3306 refused the connection.", retry_after=12)))
    (record,) = caplog.records
    assert waits[0] >= 12
    assert record.getMessage() == f"db.example.com:3306 refused the connection. Trying again in {waits[0]:.1f} s."
