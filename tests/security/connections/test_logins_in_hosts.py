"""A password that has got into the host, by an @ in a DSN or a URL in place of a name, is shown nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.errors import ConnectionConfigError

TAIL = "c4nary"
"""What is behind the @ of a password, where for libpq the host begins."""
PASSWORDS = [f"Pa55@{TAIL}", f"@{TAIL}", f"Pa55@{TAIL}@", f"Pa55@{TAIL}/x", f"Pa55@{TAIL}@x/y"]


def refusals(connection: dict[str, Any]) -> list[str]:
    """Return all that is said of a connection; none of it is tried."""
    connector = get_connector(str(connection["family"]))
    ok, verdict = connector.doctor(connection, 5)
    assert (ok, verdict["details"]["fault"]) == (False, "misconfigured"), verdict
    said = [str(verdict), connector.address_of(connection)]
    for call in (connector.create_client, connector.build_dsn_redacted):
        with pytest.raises(ConnectionConfigError) as raised:
            call(connection)
        said += [str(raised.value), repr(vars(raised.value))]
    return said


@pytest.mark.parametrize("password", PASSWORDS)
def test_an_at_sign_in_the_password_of_a_dsn(password: str) -> None:
    dsn = f"postgresql://ann:{password}@127.0.0.1:1/shop?sslmode=disable"
    said = refusals({"family": "postgres", "alias": "x", "dsn": dsn})
    assert not [text for text in said if TAIL in text]
    assert "more than one @; write that of a user, a password or a database as %40" in said[0]


def test_an_at_sign_in_the_password_of_a_project() -> None:
    fields = {"url": "https://abc123.supabase.co", "pg_dsn": f"postgres://ann:{PASSWORDS[0]}@127.0.0.1:1/shop"}
    connector = get_connector("supabase")
    ok, verdict = connector.doctor({"family": "supabase", "alias": "x", **fields}, 5)
    assert (ok, verdict["details"]["fault"], TAIL in str(verdict)) == (False, "misconfigured", False)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://ann:Pa55%40c4nary@h:1/shop",
        "postgresql://ann:Pa55%40c4nary@h:1/shop?application_name=a@b",
        "postgresql://h:1/shop?user=ann&password=Pa55@c4nary&application_name=a@b",
        "host=h port=1 user=ann password=Pa55@c4nary",
    ],
)
def test_other_at_signs_are_taken_as_they_are(dsn: str) -> None:
    known = get_connector("postgres").model.parse({"dsn": dsn}).parameters()
    assert (known["host"], known["user"], known["password"]) == ("h", "ann", "Pa55@c4nary")


@pytest.mark.parametrize(
    "host", [f"ann:{TAIL}@db.example.com", f"mysql://ann:{TAIL}@db.example.com:3306/shop", f"{TAIL}@db.example.com"]
)
@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_a_login_in_the_host(family: str, host: str) -> None:
    said = refusals({"family": family, "alias": "x", "host": host, "user": "ann"})
    assert not [text for text in said if TAIL in text]
    assert "field host: must not hold user or password, because it is shown" in said[0]


def test_a_login_in_the_host_of_a_dsn() -> None:
    said = refusals({"family": "postgres", "alias": "x", "dsn": f"host=ann:{TAIL}@db.example.com user=ann"})
    assert not [text for text in said if TAIL in text]
    assert "field dsn: host must not hold user or password, because it is shown" in said[0]


@pytest.mark.parametrize("host", ["/run/a@b", "@abstract", "db.example.com", "2001:db8::1"])
def test_hosts_that_are_some(host: str) -> None:
    connection = {"host": host, "user": "ann"}
    assert get_connector("postgres").model.parse(connection).parameters()["host"] == host
