"""What the environment of a process makes of a connection: nothing that its owner did not write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.postgres import library
from osiris_provider.connectors.postgres.library import of_its_own
from osiris_provider.errors import ConnectionConfigError

from tests.security.postgres.rogue import ACCEPTED, CLEAR, MD5, SSL_REQUEST, RoguePostgres

PASSWORD = "c4nary-pa55word"
POSTGRES: Any = get_connector("postgres")
CHANGED = {
    "PGCHANNELBINDING": "disable",
    "PGDATABASE": "other",
    "PGGSSDELEGATION": "1",
    "PGHOSTADDR": "127.0.0.2",
    "PGKRBSRVNAME": "other",
    "PGOPTIONS": "-c search_path=other",
    "PGSSLCERT": "/nowhere/cert.pem",
    "PGSSLKEY": "/nowhere/key.pem",
    "PGSSLMAXPROTOCOLVERSION": "TLSv1.2",
    "PGSSLMINPROTOCOLVERSION": "TLSv1",
    "PGSSLMODE": "disable",
    "PGTARGETSESSIONATTRS": "standby",
}


def fields_of(rogue: RoguePostgres, **fields: Any) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": rogue.port, "user": "u", "password": PASSWORD}
    return {"family": "postgres", "alias": "x", **where, **fields}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[RoguePostgres, RoguePostgres, dict[str, Any]]]:
    """Yield a rogue on a port of this machine, the server that is meant on a socket, and its connection."""
    with RoguePostgres(CLEAR) as rogue, RoguePostgres(CLEAR, path=tmp_path / f".s.PGSQL.{rogue.port}") as meant:
        yield rogue, meant, fields_of(rogue, host=str(tmp_path))


def _given(client: Any) -> dict[str, str]:
    # What is empty is what is not given; the time that is left differs.
    return {name: value for name, value in client.get_dsn_parameters().items() if value and name != "connect_timeout"}


def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    (tmp_path / "services").write_text("\n".join(("[lent]", *lines, "")))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "lent")


@pytest.mark.parametrize("how", ["PGHOSTADDR", "service"])
def test_a_socket_is_not_exchanged_for_an_address(
    how: str,
    servers: tuple[RoguePostgres, RoguePostgres, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rogue, meant, connection = servers
    if how == "service":
        service(tmp_path, monkeypatch, "hostaddr=127.0.0.1", "sslmode=disable", "require_auth=password")
    else:
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    assert POSTGRES.doctor(connection, 10)[0] is True
    POSTGRES.create_client(connection).close()
    psycopg2.connect(POSTGRES.model.parse(connection).as_url(redacted=False)).close()
    assert meant.got(PASSWORD)
    assert rogue.startups == []


def test_libpq_gets_what_it_gets_without_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with RoguePostgres(MD5) as server:
        plain = POSTGRES.create_client(fields_of(server))
        for name, value in CHANGED.items():
            monkeypatch.setenv(name, value)
        client = POSTGRES.create_client(fields_of(server))
        given, expected = (_given(connection) for connection in (client, plain))
        client.close()
        plain.close()
    assert given == expected
    assert server.startups[0] == server.startups[-1]


@pytest.mark.parametrize(
    ("name", "variable", "value", "own"),
    [
        ("hostaddr", "PGHOSTADDR", "127.0.0.9", ""),
        ("options", "PGOPTIONS", "-c role=other", ""),
        ("sslmode", "PGSSLMODE", "disable", "prefer"),
        ("channel_binding", "PGCHANNELBINDING", "disable", "prefer"),
    ],
)
def test_where_libpq_is_not_reached_the_known_variables_change_nothing(
    name: str, variable: str, value: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "libpq", lambda: None)
    assert library.of_its_own({}) == {}
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PGREQUIREAUTH", "scram-sha-256")
    assert library.of_its_own({}) == {name: own}
    # It can only be stricter.
    assert library.default("require_auth") == "scram-sha-256"


@pytest.mark.parametrize("loosened", ["disable", "allow"])
def test_tls_is_tried_first_whatever_the_environment_says(loosened: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", loosened)
    with RoguePostgres(MD5) as server:
        assert POSTGRES.doctor(fields_of(server), 10)[0] is True
    assert server.requests[0] == SSL_REQUEST


def test_another_authority_of_the_environment_does_not_vouch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".postgresql").mkdir()
    own = tmp_path / ".postgresql" / "root.crt"
    own.write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGSSLROOTCERT", "system")
    fields = {"family": "postgres", "alias": "x", "host": "db.example.com", "user": "u"}
    assert POSTGRES.model.parse({**fields, "sslmode": "verify-full"}).parameters()["sslrootcert"] == ""
    # Where nothing is verified otherwise, an authority makes it stricter.
    assert "sslrootcert" not in POSTGRES.model.parse(fields).parameters()


def test_a_service_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    service(tmp_path, monkeypatch)
    monkeypatch.setenv("PGSERVICE", "nowhere")
    with RoguePostgres(ACCEPTED) as server, pytest.raises(ConnectionConfigError, match="PGSERVICE"):
        POSTGRES.create_client(fields_of(server))


def test_a_url_without_password_takes_none_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with RoguePostgres(MD5) as server:
        url = POSTGRES.model.parse(fields_of(server, password=None)).as_url(redacted=False)
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            psycopg2.connect(url)
    assert server.answers == 0


STRICTER = {
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "postgres",
    "PGSSLCERTMODE": "disable",
    "PGSSLCRL": "/nowhere/crl.pem",
    "PGSSLCRLDIR": "/nowhere/crls",
    "PGPASSFILE": "/nowhere/pass",
    "PGCONNECT_TIMEOUT": "7",
    "PGGSSENCMODE": "disable",
    "PGSSLMODE": "verify-full",
    "PGCHANNELBINDING": "require",
    "PGSSLMINPROTOCOLVERSION": "TLSv1.3",
}


@pytest.mark.parametrize("name", STRICTER)
def test_what_is_stricter_or_leads_nowhere_else_is_left_to_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of_its_own({})
    monkeypatch.setenv(name, STRICTER[name])
    assert of_its_own({}) == before


def test_how_long_a_line_is_kept_is_left_to_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_its_own({})
    service(tmp_path, monkeypatch, "keepalives=0", "keepalives_idle=7", "keepalives_interval=7", "keepalives_count=7")
    assert of_its_own({}) == before
    service(tmp_path, monkeypatch, "tcp_user_timeout=7", "application_name=other")
    assert of_its_own({}) == {**before, "application_name": ""}
