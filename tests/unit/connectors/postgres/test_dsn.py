"""What a DSN says is what the fields of those names would say: nothing of it is lost, and nothing is said twice."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.postgres.connection import PostgresConnection
from osiris_provider.errors import ConnectionConfigError

DSN = "postgresql://ann:c4nary@db.example.com/shop"


def seconds(dsn: str, **fields: Any) -> float:
    return PostgresConnection.parse({"dsn": dsn, **fields}).connect_seconds()


@pytest.mark.parametrize("dsn", [f"{DSN}?connect_timeout=3", "host=h user=u connect_timeout=3"])
def test_the_seconds_to_connect_of_a_dsn_count(dsn: str) -> None:
    assert seconds(dsn) == 3
    # The deadline of the login keeps them: libpq would count them for each address.
    assert "connect_timeout" not in PostgresConnection.parse({"dsn": dsn}).parameters()


def test_the_seconds_to_connect_are_the_same_in_a_field() -> None:
    assert seconds(DSN, connect_timeout=2.5) == 2.5
    assert seconds(DSN) == seconds(f"{DSN}?connect_timeout=") == 10


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("?connect_timeout=0", "connect_timeout"),
        ("?connect_timeout=-1", "connect_timeout"),
        ("?connect_timeout=3601", "connect_timeout"),
        ("?connect_timeout=soon", "connect_timeout"),
        ("?require_auth=guess", "require_auth"),
        ("?host=ann@h", "host"),
    ],
)
def test_conn_008_what_a_field_may_not_say_no_dsn_may(wrong: str, named: str) -> None:
    model = PostgresConnection.parse({"dsn": DSN + wrong})
    for use in (model.connect_seconds, model.parameters, model.shown_address):
        with pytest.raises(ConnectionConfigError, match=f"field dsn: {named} ") as raised:
            use()
        assert raised.value.field == "dsn"
        assert "c4nary" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("connect_timeout", 5), ("sslmode", "require"), ("options", "-c a=b")],
)
def test_what_the_dsn_says_no_field_says_again(field: str, value: Any) -> None:
    said = "3" if field == "connect_timeout" else "disable"
    with pytest.raises(ConnectionConfigError, match=f"field {field}: the dsn says {field} too") as raised:
        PostgresConnection.parse({"dsn": f"{DSN}?{field}={said}", field: value}).connect_seconds()
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("host=h user=u service=s", "field dsn: a service file"),
        ("host=a,b user=u", "field dsn: host is the name or the address of one server"),
        ("host=h user=u port=1,2", "field dsn: name one port"),
        ("host=h user=u port=http", "field dsn: name one port"),
        ("user=u", "field host is required"),
        ("host=h", "field user is required"),
        ("no dsn", "field dsn: libpq cannot read it"),
        ("postgresql://u:p@c4nary@h/d", "field dsn: has more than one @"),
        ("postgres://u:p@c4nary@h", "field dsn: has more than one @"),
        ("postgresql://u:c4/nary@h/d", "field dsn: has a / before its @"),
        ("postgresql://u:p@h/d?sslmode=on", "field dsn: sslmode has to be 'disable'"),
        ("postgresql://u:c4nary@h/d@e", "field dsn: has more than one @"),
    ],
)
def test_conn_007_a_dsn_that_leads_nowhere_or_somewhere_else_is_refused(dsn: str, said: str) -> None:
    with pytest.raises(ConnectionConfigError, match=said) as raised:
        PostgresConnection.parse({"dsn": dsn}).parameters()
    assert raised.value.field == (said.split()[1] if "required" in said else "dsn")
    assert "c4nary" not in str(raised.value)


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://u@h?application_name=a@b", "host=/a@b user=u", "postgresql://h/d@e?user=u"],
)
def test_an_at_that_is_not_of_the_login_is_no_second_one(dsn: str) -> None:
    assert PostgresConnection.parse({"dsn": dsn}).parameters()["user"] == "u"


def test_ways_to_log_in_of_a_dsn_are_written_as_libpq_takes_them() -> None:
    dsn = "host=h user=u require_auth='md5 , scram-sha-256'"
    assert PostgresConnection.parse({"dsn": dsn}).parameters()["require_auth"] == "md5,scram-sha-256"
