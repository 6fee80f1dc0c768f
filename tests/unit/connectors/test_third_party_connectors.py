"""Somebody's broken or slow connector delays and hides no one's verdict."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from osiris_provider.connectors import check_many
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check_many import doctor_all
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import CATEGORIES
from osiris_provider.net.deadline import Deadline
from osiris_provider.testing.connector import assert_verdict

from tests.unit.fakes import FakeConnection, FakeConnector

SLACK = 0.25
Behaviour = Callable[[], Any]


class Unshowable:
    def __repr__(self) -> str:
        raise SystemExit


class SneakyError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


def failing(error: BaseException) -> Behaviour:
    def behave() -> Any:
        raise error

    return behave


PROOFS: dict[str, Behaviour] = {
    "SystemExit": failing(SystemExit(1)),
    "KeyboardInterrupt": failing(KeyboardInterrupt()),
    "GeneratorExit": failing(GeneratorExit()),
    "CancelledError": failing(asyncio.CancelledError()),
    "BaseException": failing(BaseException("s3cret")),
    "its text cannot be had": failing(SneakyError()),
    "MemoryError": failing(MemoryError()),
    "RecursionError": failing(RecursionError()),
    "StopIteration": failing(StopIteration()),
    "None": lambda: None,
    "text": lambda: "well",
    "a number that JSON has not": lambda: {"load": float("nan")},
    "an object": lambda: {"what": object()},
    "an object that cannot be shown": lambda: {"what": Unshowable()},
    "a circle": lambda: (circle := {}, circle.update(again=circle), circle)[-1],  # type: ignore[var-annotated] # a dict that holds itself has no type
}


class Stranger(FakeConnector):
    """Behaves in ``probe`` as it is told."""

    def __init__(self, behave: Behaviour) -> None:
        super().__init__()
        self._behave = behave

    def probe(self, model: FakeConnection, deadline: Deadline) -> dict[str, Any]:  # noqa: ARG002 - it keeps none
        actual: dict[str, Any] = self._behave()
        return actual


class Unloadable(FakeConnector):
    libraries = ("no_such_module_anywhere",)


class Unclassifiable(Stranger):
    """Fails once more when it is asked what went wrong."""

    def __init__(self) -> None:
        super().__init__(failing(ConnectionResetError()))

    def fault_of(self, error: BaseException) -> Any:
        raise SystemExit(str(error))


class Garrulous(Stranger):
    """Has a fault that is none."""

    def __init__(self) -> None:
        super().__init__(failing(ConnectionResetError()))

    def fault_of(self, error: BaseException) -> Any:
        return f"{error} is a fault"


class StuckReading(FakeConnector):
    """Never gets its connection read."""

    class model(FakeConnection):  # noqa: N801 - the attribute's name
        @classmethod
        def coerce(cls, fields: Any) -> Any:
            STUCK.wait(30)
            return super().coerce(fields)


STUCK = threading.Event()


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    STUCK.clear()
    yield
    STUCK.set()
    for thread in threading.enumerate():
        if thread.name.startswith("osiris-doctor"):
            thread.join(5)


def checked(connector: Connector[Any, Any], timeout: float = 5) -> dict[str, Any]:
    started = time.monotonic()
    ok, verdict = connector.doctor({"family": "fake", "alias": "x", "does": "ok", "password": "s3cret"}, timeout)
    assert time.monotonic() - started <= timeout + SLACK
    assert_verdict(ok, verdict)
    assert "s3cret" not in str(verdict)
    assert not ok
    return dict(verdict)


@pytest.mark.parametrize("behave", PROOFS.values(), ids=PROOFS)
def test_whatever_a_proof_does_is_a_verdict_at_once(behave: Behaviour) -> None:
    started = time.monotonic()
    assert checked(Stranger(behave))["category"] == "unknown"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kind", [Unloadable, Unclassifiable, Garrulous])
def test_a_broken_connector_is_a_verdict_at_once(kind: type[FakeConnector]) -> None:
    assert checked(kind())["category"] == "unknown"


def test_a_connection_that_is_never_read_is_given_up_in_time() -> None:
    verdict = checked(StuckReading(), 0.2)
    assert (verdict["category"], verdict["details"]["fault"]) == ("timeout", "not_asked")
    assert "This machine did not get round to asking" in verdict["message"]


def test_none_of_them_delays_or_hides_another(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = Stranger(lambda: STUCK.wait(30))
    strangers: dict[str, Connector[Any, Any]] = {name: Stranger(behave) for name, behave in PROOFS.items()}
    strangers |= {"hangs": hanging, "never read": StuckReading(), "unloadable": Unloadable(), "good": FakeConnector()}
    monkeypatch.setattr(check_many, "get_connector", strangers.__getitem__)
    arrived: dict[str, float] = {}
    started = time.monotonic()

    def keep(verdict: Verdict) -> None:
        arrived.setdefault(verdict.family, time.monotonic() - started)

    targets = [{"family": name, "alias": "x", "does": "ok"} for name in strangers for _ in range(5)]
    # Starting a hundred threads on a busy machine takes a second; each verdict still keeps its own deadline.
    verdicts = doctor_all(targets, 3.0, max_workers=len(targets), on_verdict=keep)
    assert time.monotonic() - started <= 7.0
    assert [verdict.family for verdict in verdicts] == [target["family"] for target in targets]
    assert all(verdict.category in CATEGORIES for verdict in verdicts)
    assert [verdict.ok for verdict in verdicts] == [target["family"] == "good" for target in targets]
    assert {name for name, seconds in arrived.items() if seconds >= 2.9} == {"hangs", "never read"}
