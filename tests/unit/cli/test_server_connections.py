"""What ``osiris connections list --airflow`` shows of connections in variables: their types and nothing else."""

from __future__ import annotations

import pytest
from osiris_provider.cli.server.connections import _checked_by, _type_in
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import ANY_TYPE, connection_type_of
from osiris_provider.errors import ConnectionConfigError


@pytest.mark.parametrize(
    ("value", "conn_type"),
    [
        ("mysql://ann:s3cret@db/shop", "mysql"),
        ("google-cloud-platform://?extra=s3cret", "google_cloud_platform"),
        ('{"conn_type": "http", "password": "s3cret"}', "http"),
        ('  {"conn_type": "my-type"}', "my_type"),
        ('{"password": "s3cret"}', ""),
        ('{"conn_type": ["s3cret"]}', ""),
        ('{"conn_type": "a b"}', ""),
        ('{"conn_type": "s3cret', ""),
        ("[" * 100_000, ""),
        ('{"a":' * 100_000, ""),
        ("s3cret", ""),
        ("s3cret:x", ""),
        ("s3cret with blanks://db", ""),
        ("x" * 100 + "://db", "x" * 100),
        ("x" * 101 + "://db", ""),
        ("://s3cret", ""),
        ("", ""),
    ],
)
def test_of_a_variable_only_the_type_is_shown(value: str, conn_type: str) -> None:
    assert _type_in(value) == conn_type


def test_who_checks_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [name for name in family_names() if name != ANY_TYPE]
    assert [_checked_by(connection_type_of(name)) for name in own] == own
    for name in own:
        assert {_checked_by(other) for other in get_connector(name).other_types} <= {name}
    assert (_checked_by("mysql"), _checked_by("smtp"), _checked_by("no_such_type")) == ("mysql", ANY_TYPE, None)

    def broken(name: str) -> object:
        if name == "api":
            message = "cannot be imported"
            raise ConnectionConfigError(message)
        return get_connector(name)

    monkeypatch.setattr("osiris_provider.cli.server.connections.get_connector", broken)
    assert [_checked_by(connection_type_of(name)) for name in own if name != "api"] == [
        name for name in own if name != "api"
    ]
