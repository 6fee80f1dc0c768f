"""What of a connection is shown, and that all of it reaches the process that checks it."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

NAMED = "the server of connection c"
SHOWN: list[tuple[dict[str, Any], str]] = [
    ({}, NAMED),
    ({"host": "db"}, "db"),
    ({"host": "db.example.com.", "port": 5432}, "db.example.com.:5432"),
    ({"host": "10.0.0.1", "port": 1}, "10.0.0.1:1"),
    ({"host": "[::1]", "port": 1}, "[::1]:1"),
    ({"host": "x" * 253}, "x" * 253),
    # What is no name, and what is too long for one.
    *(({"host": host}, NAMED) for host in ("", "x" * 254, "a b", "http://db", "u:p@db", "db/x", "-db", "db\n", "é")),
    # People put secrets there; of three letters nothing can be said.
    ({"host": "canary.example.com", "password": "canary"}, NAMED),
    ({"host": "abcd.example.com", "password": "abcd"}, NAMED),
    ({"host": "abc.example.com", "password": "abc"}, "abc.example.com"),
    ({"host": "deep.example.com", "extra": {"tokens": [{"one": "deep"}]}}, NAMED),
]


@pytest.mark.parametrize(("fields", "shown"), SHOWN)
def test_an_address_is_a_name_and_holds_no_secret(fields: dict[str, Any], shown: str) -> None:
    assert HookConnection("c", "bird", **fields).address == shown


def test_each_field_arrives_and_none_that_is_no_name_is_printed() -> None:
    texts = {name: f"canary-{name}" for name in ("host", "login", "password", "schema")}
    connection = HookConnection("c", "bird", **texts, port=4711, extra={"token": ["canary-extra", 7, None]})
    assert HookConnection.from_json(connection.as_json()) == connection
    assert list(connection.secrets()) == ["canary-password", "canary-extra"]
    assert repr(connection) == "HookConnection(conn_id='c', conn_type='bird')"
