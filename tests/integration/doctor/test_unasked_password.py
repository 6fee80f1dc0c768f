"""A server that asks for no password proves none, and is healthy: tasks get in by the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import pytest
from osiris_provider.connectors import get_connector

from tests.servers import PostgresServer


@pytest.fixture(scope="module")
def trusting() -> Iterator[PostgresServer]:
    with PostgresServer(hba=["host all all 127.0.0.1/32 trust"]) as server:
        yield server


@pytest.mark.parametrize("password", ["never asked for", None])
def test_a_password_that_no_one_asks_for_is_not_proven(trusting: PostgresServer, password: str | None) -> None:
    fields = {**asdict(trusting.app), "password": password}
    given = {name: value for name, value in fields.items() if value is not None}
    ok, verdict = get_connector("postgres").doctor({"family": "postgres", **given}, 5)
    assert ok, verdict
    # Without one there is none to be proven.
    assert verdict["details"].get("proven", True) is (password is None)
    assert ("without a password" in verdict["details"].get("note", "")) is (password is not None)


def test_a_password_that_is_asked_for_is_proven(postgres: PostgresServer) -> None:
    ok, verdict = get_connector("postgres").doctor({"family": "postgres", **asdict(postgres.app)}, 5)
    assert ok, verdict
    assert not {"proven", "note"} & set(verdict["details"])
