"""OsirisRetryPolicy on tasks that are not of this package."""

from __future__ import annotations

import math
import sys
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, task
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED
from osiris_provider.errors import (
    AuthError,
    ConnectionConfigError,
    ConnectorError,
    ConnectTimeoutError,
    DataError,
    MissingPackageError,
    NetworkError,
    OsirisError,
    PermissionDeniedError,
    UnknownConnectorError,
)

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import AIRFLOW, DagSerialization, since_3_3
from tests.servers import Address, entry

if AIRFLOW >= (3, 3):
    from airflow.sdk import RetryAction
    from osiris_provider.retry_policy import OsirisRetryPolicy

    NO_DELAY = OsirisRetryPolicy(delay=timedelta(0))


def test_an_airflow_without_retry_policies_is_told_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "osiris_provider.retry_policy", raising=False)
    monkeypatch.setitem(sys.modules, "airflow.sdk", ModuleType("airflow.sdk"))
    with pytest.raises(MissingPackageError, match=r"needs Airflow 3\.3 or later"):
        import_module("osiris_provider.retry_policy")


def dag_of(name: str, error: type[OsirisError], **facts: Any) -> Any:
    with DAG(f"retry_{name}", schedule=None) as dag:

        @task(retries=2, retry_delay=timedelta(0), retry_policy=NO_DELAY)
        def work() -> None:
            try:
                message = "What the library said."
                raise error(message, **facts)
            except OsirisError as cause:
                message = "What the task makes of it."
                raise RuntimeError(message) from cause

        work()
    return dag


@since_3_3
@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (AuthError, 1),
        (PermissionDeniedError, 1),
        (ConnectionConfigError, 1),
        (DataError, 1),
        (NetworkError, 3),
        (ConnectTimeoutError, 3),
    ],
)
def test_tries(run_dag: RunDag, error: type[OsirisError], tries: int) -> None:
    run = run_dag(dag_of(error.__name__, error))
    assert (run.state, run.tries["work"]) == ("failed", tries)


@since_3_3
def test_an_operator_of_another_provider(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    mysql_database: Address,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections_file({})
    wrong = entry(mysql_database, password="wrong-canary-4711")
    uri = f"osiris-mysql://{wrong['user']}:{wrong['password']}@{wrong['host']}:{wrong['port']}"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", uri)
    with DAG("retry_sql", schedule=None) as dag:
        SQLExecuteQueryOperator(task_id="query", conn_id="shop", sql="SELECT 1", retries=3, retry_policy=NO_DELAY)
    run = run_dag(dag)
    assert (run.state, run.tries["query"]) == ("failed", 1)


@since_3_3
def test_delays() -> None:
    policy = OsirisRetryPolicy(timedelta(seconds=10), timedelta(seconds=60))

    def delay(error: OsirisError, attempt: int) -> float:
        decision = policy.evaluate(error, attempt, 99)
        assert decision.action is RetryAction.RETRY
        assert decision.retry_delay is not None
        return decision.retry_delay.total_seconds()

    down = NetworkError("It is down.")
    assert [delay(down, attempt) for attempt in (1, 2, 3, 4, 10_000)] == [10, 20, 40, 60, 60]
    assert delay(UnknownConnectorError("Come back later.", retry_after=7), 5) == 7
    assert delay(ConnectTimeoutError("Come back tomorrow.", retry_after=86_400), 1) == 60
    assert OsirisRetryPolicy(delay=None).evaluate(down, 1, 3).retry_delay is None
    policy = OsirisRetryPolicy()
    assert [delay(down, attempt) for attempt in (1, 2, 7)] == [10, 20, 600]


@since_3_3
@pytest.mark.parametrize("delay", [timedelta(days=364), timedelta(days=365), timedelta(days=366), timedelta.max])
@pytest.mark.parametrize("asked", [None, 364 * 86_400.0, 1e300, math.inf, math.nan])
def test_no_delay_is_longer_than_airflow_can_wait(delay: timedelta, asked: float | None) -> None:
    given = OsirisRetryPolicy(delay, delay)
    policy = OsirisRetryPolicy.deserialize(given.serialize())
    assert vars(policy) == vars(given)
    decisions = [policy.evaluate(NetworkError("x", retry_after=asked), attempt, 99) for attempt in (1, 2, 10_000)]
    limit = min(delay, timedelta(days=365))
    wait = limit if asked is None else timedelta(seconds=min(limit.total_seconds(), asked))
    assert [one.retry_delay for one in decisions] == [wait] * 3


@since_3_3
def test_what_it_does_not_know_is_left_to_the_task() -> None:
    assert NO_DELAY.evaluate(ValueError("x"), 1, 3).action is RetryAction.DEFAULT


@since_3_3
@pytest.mark.parametrize("hook", ["__cause__", "__context__"])
def test_an_error_is_found_by_its_cause_alone_and_by_its_context_alone(hook: str) -> None:
    outermost, between = RuntimeError("The task failed."), KeyError("x")
    setattr(outermost, hook, between)
    setattr(between, hook, AuthError("No."))
    assert NO_DELAY.evaluate(outermost, 1, 3).action is RetryAction.FAIL


@since_3_3
def test_the_nearest_error_decides() -> None:
    auth, network = AuthError("No."), NetworkError("It is down.")
    auth.__context__ = network
    assert NO_DELAY.evaluate(auth, 1, 3).action is RetryAction.FAIL
    auth.__context__, network.__context__ = None, auth
    assert NO_DELAY.evaluate(network, 1, 3).action is RetryAction.RETRY


@since_3_3
def test_a_chain_that_goes_round_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__context__ = other, one
    assert NO_DELAY.evaluate(one, 1, 3).action is RetryAction.DEFAULT


@since_3_3
def test_a_permanent_fault_of_any_category_fails() -> None:
    certificate = NetworkError("The certificate has expired.", fault=CERTIFICATE_EXPIRED)
    assert isinstance(certificate, ConnectorError)
    decision = NO_DELAY.evaluate(certificate, 1, 3)
    assert decision.action is RetryAction.FAIL
    assert "NetworkError" in (decision.reason or "")


@since_3_3
@pytest.mark.parametrize("delay", [None, timedelta(seconds=1.5), timedelta(0)])
def test_it_survives_serialisation(delay: timedelta | None) -> None:
    policy = OsirisRetryPolicy(delay, timedelta(seconds=5))
    assert vars(OsirisRetryPolicy.deserialize(policy.serialize())) == vars(policy)
    assert DagSerialization.to_dict(dag_of("serialised", NetworkError))


@since_3_3
@pytest.mark.parametrize(("name", "value"), [("delay", 5), ("delay", timedelta(seconds=-1)), ("max_delay", None)])
def test_delays_are_those_of_time(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is a timedelta"):
        OsirisRetryPolicy(**{name: value})
