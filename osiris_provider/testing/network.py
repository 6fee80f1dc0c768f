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
from osiris_provider.errors import NetworkError
from osiris_provider.net.deadline import Deadline
from osiris_provider.testing.connector import ConnectorContract, assert_checks_have_ended, assert_verdict

SLACK = 0.25
"""Seconds that an answer may come after the timeout."""


class NetworkContract(ConnectorContract):
    """The contract of a connector with a peer that may be down, silent or unknown.

    :cvar connects_on_create: False if a client is made without asking the peer.
    """

    connects_on_create: ClassVar[bool] = True

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        """Return the connection, pointed at another peer."""
        raise NotImplementedError

    @pytest.fixture
    def refused(self, healthy: dict[str, Any]) -> dict[str, Any]:
        """A connection to a port where nobody listens."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        return self.at(healthy, "127.0.0.1", port)

    @pytest.fixture
    def silent(self, healthy: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A connection to a listener that accepts (the kernel does) and never says a word."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
            yield self.at(healthy, "127.0.0.1", server.getsockname()[1])

    def test_conn_010_closed_port_is_network(self, connector: Connector[Any, Any], refused: dict[str, Any]) -> None:
        ok, verdict = connector.doctor(refused, timeout=5)
        assert_verdict(ok, verdict)
        assert (ok, verdict["category"], verdict["details"]["fault"]) == (False, "network", "refused")

    def test_conn_010_unknown_host_is_network(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> None:
        ok, verdict = connector.doctor(self.at(healthy, "nobody.invalid", 1), timeout=5)
        assert_verdict(ok, verdict)
        # Where no resolver is reachable, DNS fails instead of denying the name: that is network or timeout as well.
        assert verdict["category"] in ("network", "timeout")
        assert verdict["details"]["fault"] in ("unknown_host", "dns_failed", "dns_silent")

    def test_conn_010_silent_listener_is_timeout(self, connector: Connector[Any, Any], silent: dict[str, Any]) -> None:
        started = time.monotonic()
        ok, verdict = connector.doctor(silent, timeout=0.5)
        waited = time.monotonic() - started
        assert_verdict(ok, verdict)
        assert (ok, verdict["category"]) == (False, "timeout")
        assert waited <= 0.5 + SLACK

    def test_conn_009_silent_listener_leaves_no_thread(
        self, connector: Connector[Any, Any], silent: dict[str, Any]
    ) -> None:
        connector.doctor(silent, timeout=0.3)
        assert_checks_have_ended()

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
