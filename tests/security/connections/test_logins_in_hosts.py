"""A password that has got into the host, by an @ in a DSN or a URL in place of a name, is shown nowhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connections import ConnectionRef
from osiris_provider.connectors import get_connector
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.hooks.health import check
from osiris_provider.hooks.mysql import OsirisMySQLHook
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

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


@pytest.mark.parametrize(
    "host", ["db:3306", "https://db.example.com", "db.example.com/shop", "[::1]", "a,b", "$DB_HOST"]
)
@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_a_host_that_dns_would_only_not_know(family: str, host: str) -> None:
    said = refusals({"family": family, "alias": "x", "host": host, "user": "ann"})
    assert "field host: is the name or the address of one server, without port" in said[0]


@pytest.mark.parametrize("host", ["stra\u00dfe.example", "\u03b2\u03cc\u03bb\u03bf\u03c2.example"])
@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_a_name_that_is_two_names_leads_to_neither(family: str, host: str) -> None:
    said = refusals({"family": family, "alias": "x", "host": host, "user": "ann", "password": TAIL})
    assert "field host: has a letter that leads to another server" in said[0]
    in_ascii = {"host": "xn--strae-oqa.example", "user": "ann"}
    assert get_connector(family).model.parse(in_ascii).host == "xn--strae-oqa.example"


@pytest.mark.parametrize("host", ["/run/a@b", "@abstract", "db.example.com", "db_1", "2001:db8::1", "fe80::1%lo"])
def test_hosts_that_are_some(host: str) -> None:
    connection = {"host": host, "user": "ann"}
    assert get_connector("postgres").model.parse(connection).parameters()["host"] == host


@pytest.mark.parametrize("password", [TAIL, f"Pa55@{TAIL}", f"Pa55/{TAIL}", f"{TAIL}:1"])
def test_a_url_where_the_name_of_a_connection_should_be(
    password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    url, pushed = f"mysql://ann:{password}@db.example.com/shop", []
    said = [str(check(url, 1).as_dict())]
    sensor = OsirisHealthcheckSensor(task_id="wait", connection=url)
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **pair: pushed.append(pair))}
    for call in (
        lambda: ConnectionRef.parse(url),
        lambda: OsirisMySQLHook(url).get_conn(),
        lambda: sensor.poke(context),
    ):
        with pytest.raises(Exception, match=r"mysql://\*\*\*@db\.example\.com/shop") as raised:
            call()
        said += [str(raised.value), repr(vars(raised.value))]
    assert TAIL not in f"{said} {pushed} {caplog.text}"
