"""One fault, one meaning: doctor, sensor, operator and retry policy agree on what is worth a retry."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check import check
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import (
    AuthError,
    ConnectionConfigError,
    ConnectTimeoutError,
    Fault,
    NetworkError,
    OsirisError,
    PermissionDeniedError,
    UnknownConnectorError,
)
from osiris_provider.hooks.errors import fail_fast
from osiris_provider.net.deadline import Deadline

from tests.airflow.versions import AIRFLOW
from tests.unit.fakes import FakeClient, FakeConnection

if AIRFLOW >= (3, 3):
    from airflow.sdk import RetryAction
    from osiris_provider.retry_policy import OsirisRetryPolicy


class Raising(Connector[FakeConnection, FakeClient]):
    """Somebody's connector, whose checks raise what they are told."""

    family = "raising"
    label = "Raising"
    model = FakeConnection

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def open_client(self, model: FakeConnection, deadline: Deadline) -> FakeClient:  # noqa: ARG002 - the contract's
        raise self.error

    def probe(self, model: FakeConnection, deadline: Deadline) -> dict[str, Any]:  # noqa: ARG002 - the contract's
        raise self.error

    def is_alive(self, client: FakeClient) -> bool:
        return client.alive

    def close_client(self, client: FakeClient) -> None:
        client.closed += 1

    def fault_of(self, error: BaseException) -> Fault | None:
        del error
        return None


GARBLED = Fault("garbled", "unknown", "{address} is garbled. Have it mended.", permanent=True)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (UnknownConnectorError("Whatever."), True),
        (UnknownConnectorError("Whatever.", fault=GARBLED), False),
        (NetworkError("It is down."), True),
        (NetworkError("The certificate has expired.", fault=CERTIFICATE_EXPIRED), False),
        (ConnectTimeoutError("It is slow."), True),
        (AuthError("No."), False),
        (PermissionDeniedError("No."), False),
        (ConnectionConfigError("Fix it."), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_everyone_agrees(error: OsirisError, transient: bool) -> None:
    assert error.is_transient is transient
    verdict = check(Raising(error), {"does": "raise"}, 5)
    assert verdict.is_transient is transient
    assert verdict.as_tuple()[1]["details"]["retryable"] is transient
    assert Verdict.from_dict(verdict.as_dict()).is_transient is transient

    def fail() -> None:
        raise error

    with pytest.raises(Exception, match=str(error)) as raised:
        fail_fast(fail)
    assert (raised.value is error) is transient
    if AIRFLOW >= (3, 3):
        decided = OsirisRetryPolicy().evaluate(error, 1, 3).action
        assert decided is (RetryAction.RETRY if transient else RetryAction.FAIL)
