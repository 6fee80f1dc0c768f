"""The client of family ``airflow``: the hook of the connection's type, with this very connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from osiris_provider.connectors import get_connector

CONNECTOR = get_connector("airflow")
SLOTS: dict[str, Any] = {
    "conn_type": "http",
    "description": "of the shop",
    "host": "shop.example.com",
    "port": 8443,
    "login": "ann",
    "password": "s3cret",
    "schema": "https",
}


@pytest.mark.parametrize("extra", [None, {}, {"X-Key": "k", "nested": {"a": [1, None]}}])
def test_a_hook_gets_the_connection_that_its_client_was_made_of(
    extra: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "http://another.example.com")
    hook = CONNECTOR.create_client({"family": "airflow", "alias": "shop", **SLOTS, "extra": extra})
    connection = hook.get_connection(getattr(hook, hook.conn_name_attr))
    assert {name: getattr(connection, name) for name in SLOTS} == SLOTS
    assert json.loads(connection.extra or "{}") == (extra or {})
    assert connection.conn_id == "shop"
    # It logs as what it is.
    kind, base = type(hook).__mro__[:2]
    assert (kind.__module__, kind.__qualname__) == (base.__module__, base.__qualname__)


def test_a_hook_looks_up_other_ids_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://another.example.com")
    hook = CONNECTOR.create_client({"family": "airflow", **SLOTS})
    assert hook.get_connection("other").host == "another.example.com"
    own = getattr(hook, hook.conn_name_attr)
    connection = hook.get_connection(own)
    assert (connection.host, connection.conn_id) == (SLOTS["host"], own)
