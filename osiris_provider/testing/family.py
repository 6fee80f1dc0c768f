"""What a connector promises whose peer is reached through a network and asks who is there: most are."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from osiris_provider.connectors.base import Connector
from osiris_provider.testing.connector import checked
from osiris_provider.testing.credentials import CredentialsContract
from osiris_provider.testing.network import NetworkContract, count_attempts, error_of_creating
from osiris_provider.testing.peers import Peer, say
from osiris_provider.testing.secrecy import CANARY, assert_silent, with_secrets

ERRORS = ("", "-", "500 ", "HTTP/1.1 500 ")
"""How protocols of lines begin an error."""


class ConnectorContract(CredentialsContract, NetworkContract):
    """The whole contract of a connector, CONN-007 to CONN-019.

    A subclass needs two lines, :attr:`family` and :attr:`connection`. A family that knows no secret inherits
    :class:`~osiris_provider.testing.network.NetworkContract`, one that needs no network
    :class:`~osiris_provider.testing.credentials.CredentialsContract` or
    :class:`~osiris_provider.testing.connector.BaseConnectorContract`: nothing is ever skipped.
    """

    @pytest.mark.parametrize("prefix", ERRORS)
    def test_conn_011_what_a_peer_says_is_not_shown(
        self,
        connector: Connector[Any, Any],
        healthy: dict[str, Any],
        secrets: frozenset[str],
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        prefix: str,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        count_attempts(connector, monkeypatch)
        with Peer(say(f"{prefix}{CANARY}".encode())) as peer:
            planted = with_secrets(self.at(healthy, "127.0.0.1", peer.port), secrets, CANARY)
            ok, verdict = checked(connector, planted, 1)
            assert not ok
            assert_silent(CANARY, verdict, error_of_creating(connector, planted), caplog.text)
