"""What every connector promises."""

from __future__ import annotations

import inspect
import json
import pickle
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, cast

import pytest

from osiris_provider.connections.registry import load_family
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.model import FieldSpec
from osiris_provider.errors import CATEGORIES, ConnectionConfigError
from osiris_provider.testing.resources import assert_checks_have_ended, assert_released, open_descriptors

GARBAGE: tuple[Any, ...] = (None, "", " ", "\0", "x" * 5000, -1, 2**70, float("nan"), b"\xff", [], {}, ["x"], object())
"""What a field may hold by mistake."""


SLACK = 0.25
"""Seconds that an answer may come after the timeout."""


class BaseConnectorContract:
    """What all connectors promise; that of one whose peer is a file inherits this one, others more.

    :cvar family: as its entry point calls it.
    :cvar connection: the fields of a connection that works; override fixture ``healthy`` if a test has to prepare it.
    :cvar public_fields: what ``connections list`` shows of a connection; None leaves that to the model.
    """

    family: ClassVar[str]
    connection: ClassVar[Mapping[str, Any]]
    public_fields: ClassVar[frozenset[str] | None] = None

    @pytest.fixture
    def connector(self) -> Iterator[Connector[Any, Any]]:
        """A new connector; closed by the fixture."""
        connector = connector_class(given(self, "family", "connector"))()
        yield connector
        connector.close_all()

    @pytest.fixture
    def healthy(self) -> Any:
        """A resolved connection that works."""
        return {"family": self.family, "alias": "test", **given(self, "connection", "healthy")}

    def is_closed(self, connector: Connector[Any, Any], client: Any) -> bool:
        """Return whether a client has been closed; override it where a closed client still answers."""
        try:
            return not connector.is_alive(client)
        except Exception:  # noqa: BLE001 - whatever the client's library raises on a closed client
            return True

    def test_conn_009_signature_of_doctor(self, connector: Connector[Any, Any]) -> None:
        parameters = inspect.signature(connector.doctor).parameters
        assert list(parameters) == ["connection", "timeout"]
        assert parameters["timeout"].default == 2.0

    def test_conn_009_healthy_connection(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        ok, verdict = connector.doctor(healthy, timeout=10)
        assert ok, verdict
        assert verdict["category"] == "ok"
        assert verdict["message"] == "Connection successful"
        json.dumps(verdict, allow_nan=False)

    def test_conn_009_doctor_changes_nothing(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        before = dict(healthy)
        connector.doctor(healthy, timeout=10)
        assert dict(healthy) == before

    def test_conn_009_never_raises_on_garbage(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        fields = {spec.name for spec in connector.model.fields()}
        broken: list[Any] = [{}, {"family": None, "alias": None}, dict.fromkeys(fields), {1: 2}]
        broken += [{**healthy, name: value} for name in fields for value in GARBAGE]
        broken += [{name: value for name, value in healthy.items() if name != left_out} for left_out in healthy]
        with ThreadPoolExecutor(8) as pool:
            for ok, verdict in pool.map(lambda connection: connector.doctor(connection, timeout=0.3), broken):
                assert_verdict(ok, verdict)

    @pytest.mark.parametrize(
        "timeout",
        [0, -1, float("nan"), float("inf"), None, "soon", 1e-9, 1e300, pytest.param(10**400, id="huge")],
    )
    def test_conn_009_never_raises_on_odd_timeouts(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], timeout: Any
    ) -> None:
        assert_verdict(*connector.doctor(healthy, timeout=timeout))

    def test_conn_009_leaves_no_thread(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        connector.doctor(healthy, timeout=10)
        assert_checks_have_ended()

    @pytest.mark.parametrize("timeout", [0.001, 0.05])
    def test_conn_009_answers_in_time(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], timeout: float
    ) -> None:
        connector.load()
        checked(connector, healthy, timeout)

    def test_conn_009_leaves_nothing_open(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        # The first check opens what a process keeps for all of them.
        checked(connector, healthy)
        before = open_descriptors()
        verdicts = [checked(connector, healthy) for _ in range(3)]
        assert [ok for ok, _ in verdicts] == [True] * 3
        assert_checks_have_ended()
        assert_released(before)

    def test_conn_012_latency_of_a_healthy_connection(
        self, connector: Connector[Any, Any], healthy: dict[str, Any]
    ) -> None:
        _, verdict = connector.doctor(healthy, timeout=10)
        latency = verdict["latency_ms"]
        assert isinstance(latency, float)
        # A peer in this process may take less than 5 microseconds.
        assert 0 <= latency < 10_000
        assert latency == round(latency, 2)

    def test_conn_007_required_fields(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        for spec in required_fields(connector):
            without = {name: value for name, value in healthy.items() if name != spec.name}
            with pytest.raises(ConnectionConfigError) as raised:
                connector.create_client(without)
            assert spec.name in str(raised.value)
            assert f"@{healthy['family']}.{healthy['alias']}" in str(raised.value)
            ok, verdict = connector.doctor(without)
            assert (ok, verdict["category"], verdict["details"]["retryable"]) == (False, "unknown", False)
            assert spec.name in verdict["message"]

    def test_conn_008_field_types(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        for spec in connector.model.fields():
            if not spec.is_scalar:
                with pytest.raises(ConnectionConfigError, match=rf"\b{spec.name}\b"):
                    connector.create_client({**healthy, spec.name: "not a value"})

    def test_conn_008_numbers_written_as_text(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        given = {name: value for name, value in healthy.items() if name in connector.declared()}
        numbers = {name: value for name, value in given.items() if isinstance(value, int)}
        coerced, problems, unknown = connector.coerce({**given, **{name: str(numbers[name]) for name in numbers}})
        assert (problems, unknown) == ([], [])
        assert {name: coerced[name] for name in numbers} == numbers

    def test_conn_013_reuse_within_a_thread(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        assert connector.client(healthy) is connector.client(dict(healthy))

    def test_conn_013_threads_do_not_share(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        mine = connector.client(healthy)
        with ThreadPoolExecutor() as pool:
            assert pool.submit(connector.client, healthy).result() is not mine

    def test_conn_013_dead_client_is_replaced(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        dead = connector.client(healthy)
        connector.close_client(dead)
        assert connector.client(healthy) is not dead
        assert connector.is_alive(connector.client(healthy))

    def test_conn_014_close_all(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        mine = connector.client(healthy)
        with ThreadPoolExecutor() as pool:
            theirs = pool.submit(connector.client, healthy).result()
        connector.close_all()
        assert self.is_closed(connector, mine)
        assert self.is_closed(connector, theirs)
        assert connector.is_alive(connector.client(healthy))

    def test_conn_014_close_all_twice(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        connector.client(healthy)
        connector.close_all()
        connector.close_all()

    def test_conn_014_closed_clients_hold_nothing_open(
        self, connector: Connector[Any, Any], healthy: dict[str, Any]
    ) -> None:
        connector.close_client(connector.create_client(healthy))
        before = open_descriptors()
        clients = [connector.client(healthy), connector.create_client(healthy)]
        connector.close_all()
        connector.close_client(clients[1])
        # While something still refers to them.
        assert_released(before)
        assert all(self.is_closed(connector, client) for client in clients)

    def test_conn_015_create_client(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        first, second = connector.create_client(healthy), connector.create_client(healthy)
        assert first is not second
        assert connector.is_alive(first)
        assert connector.is_alive(second)
        connector.close_client(first)
        connector.close_client(second)

    def test_conn_015_errors_survive_pickling(self, connector: Connector[Any, Any]) -> None:
        with pytest.raises(ConnectionConfigError) as raised:
            connector.create_client({"family": connector.family, "alias": "none", "never_heard_of": 1})
        again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - pickled one line above
        assert (type(again), str(again), vars(again)) == (type(raised.value), str(raised.value), vars(raised.value))

    def test_conn_016_dsn_is_a_url(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        for dsn in (connector.build_dsn(healthy), connector.build_dsn_redacted(healthy)):
            assert re.fullmatch(r"[a-z][a-z0-9+.]*://[!-~]*", dsn)

    def test_conn_021_public_fields(self, connector: Connector[Any, Any]) -> None:
        shown = {spec.name for spec in connector.model.fields() if spec.public}
        assert shown, "connections list shows nothing that tells one connection from another"
        assert self.public_fields in (None, shown)

    def test_declaration_is_complete(self, connector: Connector[Any, Any]) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", connector.family)
        assert connector.label
        for spec in connector.model.fields():
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", spec.name)
            assert spec.info.help.endswith("."), f"{spec.name} has no sentence of help"
            assert not (spec.secret and spec.info.public), f"{spec.name} is secret and public"

    def test_airflow_has_a_place_for_every_field(self, connector: Connector[Any, Any]) -> None:
        slots = [spec.info.airflow for spec in connector.model.fields() if spec.info.airflow != "extra"]
        assert len(slots) == len(set(slots)), "two fields want the same part of an Airflow connection"

    def test_json_schema_describes_every_field(self, connector: Connector[Any, Any]) -> None:
        schema = connector.model.model_json_schema()
        json.dumps(schema)
        for spec in connector.model.fields():
            assert schema["properties"][spec.name]["description"] == spec.info.help


def connector_class(family: str) -> type[Connector[Any, Any]]:
    """Return the class that an entry point of group ``osiris_provider.connectors`` names."""
    return cast("type[Connector[Any, Any]]", load_family(family))


def given(contract: object, name: str, fixture: str) -> Any:
    """Return an attribute that a subclass has to set; fail with what to do."""
    value = getattr(contract, name, None)
    if value is None:
        pytest.fail(f"{type(contract).__name__}: set {name} = …, or override fixture {fixture}", pytrace=False)
    return value


def checked(connector: Connector[Any, Any], connection: Any, timeout: float = 10.0) -> tuple[bool, Any]:
    """Return what doctor says; fail unless that is a verdict, in time."""
    started = time.monotonic()
    ok, verdict = connector.doctor(connection, timeout=timeout)
    waited = time.monotonic() - started
    assert_verdict(ok, verdict)
    assert waited <= timeout + SLACK, f"the answer took {waited:.2f} s"
    return ok, verdict


def assert_verdict(ok: object, verdict: Any) -> None:
    """Fail unless this is a verdict in the shape of CONN-009, 010 and 012."""
    assert isinstance(ok, bool)
    assert verdict["category"] in CATEGORIES
    assert ok is (verdict["category"] == "ok")
    assert isinstance(verdict["message"], str)
    assert 0 < len(verdict["message"]) < 300
    assert "[" not in verdict["message"]
    assert (verdict["latency_ms"] is None) is not ok
    json.dumps(verdict, allow_nan=False)


def required_fields(connector: Connector[Any, Any]) -> list[FieldSpec]:
    """Return the fields without which there is no connection."""
    return [spec for spec in connector.model.fields() if spec.required]
