"""The Test button of each connection type, healthy and broken, on connections that were typed into the form."""

from __future__ import annotations

import re

import pytest
from osiris_provider.connectors import get_connector

from tests.airflow.connections import FAMILIES
from tests.browser.connections.page import ConnectionsPage
from tests.browser.world import CASES, World

DEADLINE = 2.0
SLACK = 2.0
"""Seconds that browser, API server and a busy machine may add."""


@pytest.mark.parametrize("family", FAMILIES)
def test_healthy(family: str, connections_page: ConnectionsPage, world: World) -> None:
    connection_id = f"osiris_{family}_healthy"
    form = connections_page.add(connection_id, family)
    form.fill(world.healthy[family])
    form.save()
    title, text, seconds = connections_page.test(connection_id)
    assert title == "Test Connection Successful", text
    assert re.match(r"Connection successful in [\d.]+ ms", text)
    assert seconds < DEADLINE + SLACK


@pytest.mark.parametrize(("family", "name", "category"), CASES)
def test_broken(family: str, name: str, category: str, connections_page: ConnectionsPage, world: World) -> None:
    connection_id = f"osiris_{family}_{name.replace(' ', '_')}"
    form = connections_page.add(connection_id, family)
    form.fill(world.broken(family, name))
    form.save()
    title, text, seconds = connections_page.test(connection_id)
    connection = {"family": family, "alias": name, **world.broken(family, name)}
    _, verdict = get_connector(family).doctor(connection, DEADLINE)
    assert (title, text) == ("Test Connection Failed", verdict["message"])
    assert verdict["category"] == category
    assert seconds < DEADLINE + SLACK
