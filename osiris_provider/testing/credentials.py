"""What every connector promises whose connections have a secret."""

from __future__ import annotations

import logging
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osiris_provider.connectors.base import Connector
from osiris_provider.errors import AuthError
from osiris_provider.testing.connector import BaseConnectorContract, checked
from osiris_provider.testing.network import count_attempts, error_of_creating
from osiris_provider.testing.secrecy import CANARY, assert_silent, with_secrets

AWKWARD = st.text(st.sampled_from("@:/#%?& +'\"\\aZ9.~=;,!$*()<>|^`{}é§ßж中🔑"), min_size=1, max_size=30)
"""Secrets that break a URL which is put together without quoting."""

# The fixtures keep nothing of one secret for the next, and the tests are inherited on purpose.
PROPERTY = settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class CredentialsContract(BaseConnectorContract):
    """The contract of a connector whose peer asks who is there.

    :cvar secret_fields: those that fixture ``healthy`` gives; None takes all that the model declares secret.
    :cvar logs_in_on_create: False if a client is made without asking the peer.
    """

    secret_fields: ClassVar[frozenset[str] | None] = None
    logs_in_on_create: ClassVar[bool] = True

    @pytest.fixture
    def secrets(self, connector: Connector[Any, Any], healthy: dict[str, Any]) -> frozenset[str]:
        """The names of the fields that hold a secret in the healthy connection."""
        declared = {spec.name for spec in connector.model.fields() if spec.secret}
        names = self.secret_fields or frozenset(name for name in declared if isinstance(healthy.get(name), str))
        assert names, "the healthy connection has no secret: give it one, or inherit NetworkContract"
        assert names <= declared
        return names

    @pytest.fixture
    def wrong_credentials(self, healthy: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
        """The healthy connection with other credentials; override it if a canary is not refused as such."""
        return with_secrets(healthy, secrets, CANARY)

    @pytest.fixture
    def planted(self, healthy: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
        """The healthy connection with a text in its secrets that stands out wherever it is shown."""
        return with_secrets(healthy, secrets, CANARY)

    def secret_of_dsn(self, dsn: str) -> str:
        """Return the secret that a DSN carries."""
        parts = urlsplit(dsn)
        return unquote(parts.password if parts.password is not None else parts.username or "")

    def test_conn_010_wrong_credentials_are_auth(
        self, connector: Connector[Any, Any], wrong_credentials: dict[str, Any]
    ) -> None:
        ok, verdict = checked(connector, wrong_credentials)
        assert (ok, verdict["category"]) == (False, "auth"), verdict

    def test_conn_011_doctor_shows_no_secret(
        self, connector: Connector[Any, Any], planted: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        verdicts = [connector.doctor(planted, timeout=10), connector.doctor({**planted, "never_heard_of": CANARY})]
        others = [spec.name for spec in connector.model.fields() if planted.get(spec.name) != CANARY]
        verdicts += [connector.doctor({**planted, name: CANARY}, timeout=1) for name in others]
        assert_silent(CANARY, *verdicts, caplog.text)

    def test_conn_011_errors_show_no_secret(
        self, connector: Connector[Any, Any], planted: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        broken = [planted, *({**planted, name: object()} for name in connector.declared())]
        raised = [error for connection in broken if (error := error_of_creating(connector, connection))]
        assert raised
        assert_silent(CANARY, *raised, caplog.text)
        assert not [error for error in raised if error.__cause__ or error.__context__], "a foreign error is chained"

    def test_conn_011_reprs_show_no_secret(self, connector: Connector[Any, Any], planted: dict[str, Any]) -> None:
        model = connector.model.parse(planted)
        assert_silent(
            CANARY, connector, model, model.shown_address(), connector.address_of(planted), model.redactor(planted)
        )

    def test_conn_011_open_client_shows_no_secret(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], secrets: frozenset[str]
    ) -> None:
        client = connector.client(healthy)
        for name in secrets:
            assert_silent(str(healthy[name]), client, connector)

    @PROPERTY
    @given(secret=AWKWARD)
    def test_conn_016_dsn_carries_any_secret(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], secret: str, secrets: frozenset[str]
    ) -> None:
        dsn = connector.build_dsn(with_secrets(healthy, secrets, secret))
        assert self.secret_of_dsn(dsn) == secret

    @PROPERTY
    @given(secret=AWKWARD)
    def test_conn_016_redacted_dsn_does_not_depend_on_the_secret(
        self, connector: Connector[Any, Any], healthy: dict[str, Any], secret: str, secrets: frozenset[str]
    ) -> None:
        redacted = connector.build_dsn_redacted(with_secrets(healthy, secrets, secret))
        assert redacted == connector.build_dsn_redacted(with_secrets(healthy, secrets, CANARY))
        assert "***" in redacted

    def test_conn_019_auth_is_not_retryable(
        self, connector: Connector[Any, Any], wrong_credentials: dict[str, Any]
    ) -> None:
        _, verdict = connector.doctor(wrong_credentials, timeout=10)
        assert verdict["details"]["retryable"] is False

    def test_conn_019_auth_is_tried_once(
        self, connector: Connector[Any, Any], wrong_credentials: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = count_attempts(connector, monkeypatch)
        error = error_of_creating(connector, wrong_credentials)
        assert len(attempts) == 1
        assert type(error) is (AuthError if self.logs_in_on_create else type(None))
