"""One client of a connection has one user at a time (CONN-013)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from osiris_provider.connectors.sql.dbapi import MAX_VERSION, build_url, is_leased, lease, version_text


class Client:
    """A client."""


class Connector:
    """Has one client that is shared, and makes others."""

    def __init__(self) -> None:
        self.shared = Client()
        self.created: list[Client] = []
        self.closed: list[Client] = []

    def client(self, _: Mapping[str, Any]) -> Client:
        return self.shared

    def create_client(self, _: Mapping[str, Any]) -> Client:
        self.created.append(Client())
        return self.created[-1]

    def close_client(self, client: Client) -> None:
        self.closed.append(client)


def test_conn_013_a_second_user_has_a_client_of_its_own_which_is_closed_at_the_end() -> None:
    connector: Any = Connector()
    for _ in range(2):
        with lease(connector, {}) as first:
            assert first is connector.shared
            assert is_leased(first)
            with ExitStack() as others:
                second, third = (others.enter_context(lease(connector, {})) for _ in range(2))
                assert [second, third] == connector.created[-2:]
                assert is_leased(second)
                assert is_leased(first)
            assert connector.closed[-2:] == [third, second]
            assert not is_leased(second)
            assert is_leased(first)
        # The one that is shared stays open, for the next user.
        assert not is_leased(first)
        assert first not in connector.closed


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_conn_014_what_fails_gives_its_client_back(error: type[BaseException]) -> None:
    connector: Any = Connector()
    with pytest.raises(error), lease(connector, {}), lease(connector, {}):
        raise error
    assert not is_leased(connector.shared)
    assert connector.closed == connector.created


def test_a_version_is_short_enough_for_a_report() -> None:
    assert version_text("16.4 (Debian)") == "16.4 (Debian)"
    assert len(version_text("x" * 999)) == MAX_VERSION == 80
    assert "\n" not in version_text("a\nb")


@pytest.mark.parametrize(
    ("credentials", "database", "options", "url"),
    [
        (None, "d", None, "s://***@h:1/d"),
        (("u", "p"), None, None, "s://u:p@h:1/"),
        (("u", ""), "d", {}, "s://u@h:1/d"),
        ((None, ""), "d", {"a": "b c", "n": None, "e": ""}, "s://@h:1/d?a=b%20c&e="),
        (("u/", "@"), "d?", None, "s://u%2F:%40@h:1/d%3F"),
    ],
)
def test_conn_016_a_url_has_what_is_given(
    credentials: tuple[str | None, str] | None, database: str | None, options: Any, url: str
) -> None:
    assert build_url("s", credentials, ("h", 1), database, options) == url
