"""The contract that third parties inherit notices what breaks it: each of its tests has a connector that does."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Annotated, Any, ClassVar

import pytest
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.model import FieldInfo
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.testing import BaseConnectorContract, resources
from osiris_provider.testing import connector as contract

from tests.unit.fakes import FakeClient, FakeConnection, FakeConnector, connection

SAID: dict[str, Any] = {"category": "ok", "message": "Connection successful", "latency_ms": 1.5, "details": {}}
ENDS = threading.Event()
OPEN: list[IO[str]] = []
CLOCK = SimpleNamespace(now=0.0)
SHARED = FakeClient()


def breach(**members: Any) -> type[FakeConnector]:
    """Return a connector that is sound but for these members."""
    return type("Breach", (FakeConnector,), members)


def patient(self: FakeConnector, connection: Any, timeout: float = 3.0) -> Any:
    return FakeConnector.doctor(self, connection, timeout)


def refused(*_: Any) -> Any:
    raise ConnectionRefusedError(111, "no")


def meddling(self: FakeConnector, connection: Any, timeout: float = 2.0) -> Any:
    connection["port"] = 2
    return FakeConnector.doctor(self, connection, timeout)


def raising(_: Any, connection: Any, timeout: float = 2.0) -> Any:
    return bool(connection["does"]) and float(timeout) > 0, SAID


def lingering(*_: Any, **__: Any) -> Any:
    threading.Thread(target=ENDS.wait, name="osiris-doctor-left", daemon=True).start()
    return True, SAID


def late(seconds: float) -> Any:
    def doctor(*_: Any, timeout: float = 2.0) -> Any:
        CLOCK.now += timeout + seconds
        return True, SAID

    return doctor


def leaking(*_: Any, **__: Any) -> Any:
    OPEN.append(Path(__file__).open())  # noqa: SIM115 - that is the breach
    return True, SAID


def leaking_client(*_: Any) -> FakeClient:
    leaking()
    return FakeClient()


def close_once(self: Any) -> None:
    self.times = getattr(self, "times", 0) + 1
    if self.times == 2:
        raise KeyError(self.times)


class LossyError(ConnectionConfigError):
    def __reduce__(self) -> Any:
        return ConnectionConfigError, ("No.",)


def lossy(*_: Any) -> Any:
    message = "No."
    raise LossyError(message)


class Secret(FakeConnection):
    does: Annotated[str, FieldInfo("What a check does.", airflow="host")]


class Crowded(FakeConnection):
    does: Annotated[str, FieldInfo("What a check does.", public=True, airflow="password")]


class Silent(FakeConnection):
    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return {"properties": {spec.name: {"description": ""} for spec in cls.fields()}}


BREACHES: dict[str, type[Connector[Any, Any]]] = {
    "test_conn_009_signature_of_doctor": breach(doctor=patient),
    "test_conn_009_healthy_connection": breach(probe=refused),
    "test_conn_009_doctor_changes_nothing": breach(doctor=meddling),
    "test_conn_009_never_raises_on_garbage": breach(doctor=raising),
    "test_conn_009_never_raises_on_odd_timeouts": breach(doctor=raising),
    "test_conn_009_leaves_no_thread": breach(doctor=lingering),
    "test_conn_009_answers_in_time": breach(doctor=late(0.26)),
    "test_conn_009_leaves_nothing_open": breach(doctor=leaking),
    "test_conn_012_latency_of_a_healthy_connection": breach(
        doctor=lambda *_, **__: (True, {**SAID, "latency_ms": 1.234})
    ),
    "test_conn_007_required_fields": breach(create_client=lambda *_: FakeClient()),
    "test_conn_008_field_types": breach(create_client=lambda *_: FakeClient()),
    "test_conn_008_numbers_written_as_text": breach(coerce=classmethod(lambda _, fields: (fields, [], []))),
    "test_conn_013_reuse_within_a_thread": breach(client=FakeConnector.create_client),
    "test_conn_013_threads_do_not_share": breach(client=lambda *_: SHARED),
    "test_conn_013_dead_client_is_replaced": breach(client=lambda *_: SHARED),
    "test_conn_014_close_all": breach(close_all=lambda _: None),
    "test_conn_014_close_all_twice": breach(close_all=close_once),
    "test_conn_014_closed_clients_hold_nothing_open": breach(open_client=leaking_client),
    "test_conn_015_create_client": breach(create_client=lambda *_: SHARED),
    "test_conn_015_errors_survive_pickling": breach(create_client=lossy),
    "test_conn_016_dsn_is_a_url": breach(build_dsn=lambda *_: "the fake peer"),
    "test_conn_021_public_fields": breach(model=Secret),
    "test_declaration_is_complete": breach(label=""),
    "test_airflow_has_a_place_for_every_field": breach(model=Crowded),
    "test_json_schema_describes_every_field": breach(model=Silent),
}


class Contract(BaseConnectorContract):
    family = "fake"
    connection: ClassVar[Mapping[str, Any]] = {"does": "ok", "password": "s3cret", "port": 5}


@pytest.fixture(autouse=True)
def _released(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(resources, "SECONDS", 0.05)
    ENDS.clear()
    yield
    ENDS.set()
    while OPEN:
        OPEN.pop().close()


def put_to(name: str, connector: Connector[Any, Any], timeout: object = 0.05) -> None:
    """Run a test of the contract."""
    test = getattr(Contract(), name)
    given = {"connector": connector, "healthy": connection(**Contract.connection), "timeout": timeout}
    test(**{key: given[key] for key in inspect.signature(test).parameters})
    connector.close_all()


def test_each_test_of_the_contract_has_a_connector_that_breaks_it() -> None:
    assert set(BREACHES) == {name for name in vars(BaseConnectorContract) if name.startswith("test_")}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_to(name, FakeConnector())
    if "in_time" in name:
        monkeypatch.setattr(contract, "time", SimpleNamespace(monotonic=lambda: CLOCK.now))
        put_to(name, breach(doctor=late(0.24))())
    with pytest.raises((AssertionError, LookupError, TypeError, ValueError, pytest.fail.Exception)):
        put_to(name, BREACHES[name](), "soon" if "odd_timeouts" in name else 0.05)


@pytest.mark.parametrize(
    ("ok", "said"),
    [
        (1, {}),
        (False, {}),
        (True, {"category": "auth"}),
        (True, {"category": "well"}),
        (True, {"message": ""}),
        (True, {"message": "x" * 300}),
        (True, {"message": 5}),
        (True, {"message": "[red]ok"}),
        (True, {"latency_ms": None}),
        (False, {"category": "auth"}),
        (True, {"latency_ms": math.nan}),
        (True, {"details": {"at": object()}}),
    ],
)
def test_what_is_no_verdict_is_noticed(ok: object, said: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, TypeError, ValueError)):
        contract.assert_verdict(ok, {**SAID, **said})


@pytest.mark.parametrize("message", ["x", "x" * 299])
def test_what_is_a_verdict_passes(message: str) -> None:
    contract.assert_verdict(ok=True, verdict={**SAID, "message": message})
    contract.assert_verdict(ok=False, verdict={**SAID, "category": "auth", "latency_ms": None})
