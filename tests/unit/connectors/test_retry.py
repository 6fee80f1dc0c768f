"""What is tried again, how often, and when (CONN-018, 019)."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED, THROTTLED
from osiris_provider.connectors.retry import call_with_retries
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
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.mark.parametrize("error", [NetworkError, ConnectTimeoutError])
def test_conn_018_network_and_timeout_are_tried_again(error: type[ConnectorError], waits: list[float]) -> None:
    call = Failing(*[error("no") for _ in range(2)])
    assert call_with_retries(call) == "done"
    assert call.calls == 3
    assert len(waits) == 2


def test_conn_018_last_error_is_raised(waits: list[float]) -> None:
    call = Failing(*[NetworkError(f"no {number}") for number in range(1, 10)])
    with pytest.raises(NetworkError, match="no 3"):
        call_with_retries(call)
    assert call.calls == 3
    assert len(waits) == 2


def test_conn_018_waits_grow(waits: list[float]) -> None:
    with pytest.raises(NetworkError):
        call_with_retries(Failing(*[NetworkError("no")] * 12), attempts=12)
    assert len(waits) == 11
    for number, waited in enumerate(waits):
        least = min(0.5 * 2**number, 30)
        assert least <= waited < least + 0.5


@pytest.mark.parametrize(("asked", "waited"), [(7, 7), (7.5, 7.5), (9999, 30)])
def test_conn_018_retry_after_is_honoured(asked: Any, waited: float, waits: list[float]) -> None:
    assert call_with_retries(Failing(NetworkError("busy", retry_after=asked))) == "done"
    assert waits == [pytest.approx(waited, abs=0.01)]


THROTTLING = NetworkError("slowly", fault=THROTTLED)


@pytest.mark.parametrize(
    ("errors", "options", "calls"),
    [
        ([THROTTLING] * 9, {}, 3),
        ([THROTTLING] * 9, {"throttled_attempts": 5}, 5),
        ([THROTTLING] * 9, {"throttled_attempts": 2}, 3),
        ([THROTTLING] * 9, {"attempts": 1}, 1),
        ([NetworkError("no")] * 9, {"throttled_attempts": 5}, 3),
        ([THROTTLING] * 3 + [NetworkError("no")] * 9, {"throttled_attempts": 9}, 4),
    ],
)
def test_conn_018_a_limit_of_rates_is_waited_for_more_often(
    errors: list[Exception], options: dict[str, int], calls: int, waits: list[float]
) -> None:
    call = Failing(*errors)
    with pytest.raises(NetworkError):
        call_with_retries(call, **options)
    assert (call.calls, len(waits)) == (calls, calls - 1)


@pytest.mark.parametrize(("asked", "waited"), [(90, [90]), (100, [100]), (100.1, [])])
def test_conn_018_who_asks_for_more_than_the_caller_can_wait_is_not_asked_again(
    asked: float, waited: list[float], waits: list[float]
) -> None:
    call = Failing(NetworkError("busy", retry_after=asked))
    if waited:
        assert call_with_retries(call, max_wait=100) == "done"
    else:
        with pytest.raises(NetworkError):
            call_with_retries(call, max_wait=100)
    assert waits == waited


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
