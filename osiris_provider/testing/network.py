"""What every connector promises that reaches its peer through a network."""

from __future__ import annotations

import pickle
import socket
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from osiris_provider.connectors import retry
from osiris_provider.connectors.base import Connector
from osiris_provider.errors import ConnectorError, NetworkError
from osiris_provider.net.deadline import CHECK_BYTES, Deadline
from osiris_provider.testing import peers
from osiris_provider.testing.connector import BaseConnectorContract, checked, connector_class
from osiris_provider.testing.resources import assert_checks_have_ended, assert_released, open_descriptors

ROGUES = {each.__name__: each for each in (peers.hang_up, peers.reset, peers.drip, peers.flood, peers.garbage)}
"""Peers to which no protocol can be spoken."""


class NetworkContract(BaseConnectorContract):
    """The contract of a connector with a peer that may be down, silent or unknown.

    :cvar connects_on_create: False if a client is made without asking the peer.
    """

    connects_on_create: ClassVar[bool] = True

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        """Return the connection, pointed at another peer; override it if its fields are not a host and a port."""
        fields = connector_class(connection["family"]).model.fields()
        names = {spec.info.airflow: spec.name for spec in fields}
        if not {"host", "port"} <= set(names):
            pytest.fail(f"{type(self).__name__}: override at(), which points a connection elsewhere", pytrace=False)
        return {**connection, names["host"]: host, names["port"]: port}

    @pytest.fixture
    def refused(self, healthy: dict[str, Any]) -> dict[str, Any]:
        """A connection to a port where no one listens."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        return self.at(healthy, "127.0.0.1", port)

    @pytest.fixture
    def silent(self, healthy: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A connection to a listener that accepts (the kernel does) and never says a word."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
            yield self.at(healthy, "127.0.0.1", server.getsockname()[1])

    def test_conn_010_closed_port_is_network(self, connector: Connector[Any, Any], refused: dict[str, Any]) -> None:
        ok, verdict = checked(connector, refused, 5)
        assert (ok, verdict["category"], verdict["details"]["fault"]) == (False, "network", "refused")

    def test_conn_010_unknown_host_is_network(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        _, verdict = checked(connector, self.at(healthy, "no-such-host.invalid", 1), 5)
        # Where no resolver is reachable, DNS fails instead of denying the name: that is network or timeout as well.
        assert verdict["category"] in ("network", "timeout")
        assert verdict["details"]["fault"] in ("unknown_host", "dns_failed", "dns_silent")

    def test_conn_010_silent_listener_is_timeout(self, connector: Connector[Any, Any], silent: dict[str, Any]) -> None:
        ok, verdict = checked(connector, silent, 0.5)
        assert (ok, verdict["category"]) == (False, "timeout")

    def test_conn_009_silent_listener_leaves_nothing_open(
        self, connector: Connector[Any, Any], silent: dict[str, Any]
    ) -> None:
        # The first check opens what a process keeps for all of them.
        checked(connector, silent, 0.3)
        assert_checks_have_ended()
        before = open_descriptors()
        connector.doctor(silent, timeout=0.3)
        assert_checks_have_ended()
        assert_released(before)

    @pytest.mark.parametrize("rogue", ROGUES)
    def test_conn_009_rogue_peer_is_answered_in_time(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], rogue: str
    ) -> None:
        connector.load()
        with peers.Peer(ROGUES[rogue]) as peer:
            ok, verdict = checked(connector, self.at(healthy, "127.0.0.1", peer.port), 0.5)
            sent = peer.sent
            # Also with a peer that would go on for ever.
            assert_checks_have_ended()
        assert (ok, verdict["category"] in ("network", "timeout")) == (False, True), verdict
        # What fills the buffers of both ends is more than a check reads.
        assert sent < 32 * CHECK_BYTES, f"{sent:,} bytes were read"

    @pytest.mark.parametrize("rogue", ["hang_up", "reset"])
    def test_conn_010_broken_line_is_network(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], rogue: str
    ) -> None:
        with peers.Peer(ROGUES[rogue]) as peer:
            ok, verdict = checked(connector, self.at(healthy, "127.0.0.1", peer.port), 5)
        assert (ok, verdict["category"]) == (False, "network"), verdict

    @pytest.mark.parametrize("rogue", ["hang_up", "reset", "garbage"])
    def test_conn_014_client_that_fails_leaves_nothing_open(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], monkeypatch: pytest.MonkeyPatch, rogue: str
    ) -> None:
        count_attempts(connector, monkeypatch)
        with peers.Peer(ROGUES[rogue]) as peer:
            connection = self.at(healthy, "127.0.0.1", peer.port)
            before = open_descriptors()
            error = error_of_creating(connector, connection)
            # While somebody still looks at the error.
            assert_released(before)
        assert isinstance(error, ConnectorError if self.connects_on_create else type(None))

    def test_conn_018_network_errors_are_retried(
        self, connector: Connector[Any, Any], refused: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = count_attempts(connector, monkeypatch)
        if not self.connects_on_create:
            connector.close_client(connector.create_client(refused))
            assert len(attempts) == 1
            return
        with pytest.raises(NetworkError) as raised:
            connector.create_client(refused)
        assert len(attempts) == retry.ATTEMPTS
        assert raised.value.is_transient
        again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - pickled here
        assert (type(again), str(again), vars(again)) == (type(raised.value), str(raised.value), vars(raised.value))


def count_attempts(connector: Connector[Any, Any], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that gets an entry a call of ``open_client``, which goes on doing its work; waits are short."""
    attempts: list[float] = []
    real = connector.open_client

    def counting(model: Any, deadline: Deadline) -> Any:
        attempts.append(time.monotonic())
        return real(model, deadline)

    monkeypatch.setattr(connector, "open_client", counting)
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)
    return attempts


def error_of_creating(connector: Connector[Any, Any], connection: dict[str, Any]) -> Exception | None:
    """Return what ``create_client`` raises, if it does."""
    try:
        connector.close_client(connector.create_client(connection))
    except Exception as error:  # noqa: BLE001 - the caller looks at whatever is raised
        return error
    return None
