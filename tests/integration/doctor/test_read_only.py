"""Servers that take no writes are well, and told apart in the details."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import pytest
from osiris_provider.connectors import get_connector

from tests.faults.mysql import as_root
from tests.faults.postgres import StandbyServer
from tests.servers import Address, MariaDBServer, PostgresServer


@pytest.fixture
def read_only_mariadb(mariadb: MariaDBServer) -> Iterator[Address]:
    as_root(mariadb, "SET GLOBAL read_only = 1")
    yield mariadb.app
    as_root(mariadb, "SET GLOBAL read_only = 0")


def test_mysql_tells_a_read_only_server(read_only_mariadb: Address) -> None:
    ok, verdict = get_connector("mysql").doctor({"family": "mysql", **asdict(read_only_mariadb)}, 5)
    assert (ok, verdict["category"]) == (True, "ok")
    assert list(verdict["details"]) == ["server_version", "charset", "read_only"]
    assert verdict["details"]["read_only"] is True


@pytest.mark.parametrize(("setting", "expected"), [("on", True), ("off", None)])
def test_postgres_tells_a_read_only_session(postgres: PostgresServer, setting: str, expected: bool | None) -> None:
    options = f"-c default_transaction_read_only={setting}"
    connection = {"family": "postgres", **asdict(postgres.app), "options": options}
    ok, verdict = get_connector("postgres").doctor(connection, 5)
    assert (ok, verdict["category"]) == (True, "ok")
    assert verdict["details"].get("read_only") is expected


def test_postgres_tells_a_standby() -> None:
    with StandbyServer({"hot_standby": "on"}) as server:
        ok, verdict = get_connector("postgres").doctor({"family": "postgres", **asdict(server.app)}, 5)
    assert ok
    assert verdict["details"]["read_only"] is True


@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_others_say_nothing_of_it(family: str, request: pytest.FixtureRequest) -> None:
    address = request.getfixturevalue(f"{family}_database")
    ok, verdict = get_connector(family).doctor({"family": family, **asdict(address)}, 5)
    assert ok
    assert "read_only" not in verdict["details"]
