"""From a reference or an id of Airflow to the entry of the file, and what is said where there is none (CONN-003)."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.connections.file import ConnectionsFile, parse
from osiris_provider.connections.find import find_by_id, find_entry, near_reference
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

PATH = Path("/etc/osiris_connections.yaml")
TEXT = """\
version: 1
connections:
  mysql:
    shop: {host: h, user: u}
    archive: {host: h, user: u, default: true}
  postgres:
    default: {host: h, user: u}
    reports: {host: h, user: u}
  duckdb:
    one: {path: x}
    two: {path: x}
  airflow:
    My-Own.id: {conn_type: http, host: h}
"""


@pytest.fixture
def known() -> ConnectionsFile:
    file = parse(PATH, TEXT)
    assert file.problems == ()
    return file


@pytest.mark.parametrize(
    ("reference", "alias"),
    [
        ("@mysql", "archive"),
        ("@mysql.shop", "shop"),
        ("@postgres", "default"),
        ("@postgres.reports", "reports"),
        ("@duckdb.two", "two"),
    ],
)
def test_conn_003_the_entry_of_a_reference(known: ConnectionsFile, reference: str, alias: str) -> None:
    ref = ConnectionRef.parse(reference)
    entry = find_entry(known, ref)
    assert (entry.family, entry.alias) == (ref.family, alias)


@pytest.mark.parametrize(
    ("reference", "error", "said"),
    [
        (
            "@duckdb",
            ConnectionNotFoundError,
            f"@duckdb has no default in {PATH}. Mark one with default: true, or name one of @duckdb.one, @duckdb.two.",
        ),
        (
            "@mysql.shops",
            ConnectionNotFoundError,
            f"@mysql.shops is not in {PATH}. Did you mean '@mysql.shop'? Family mysql has shop, archive.",
        ),
        ("@mysql.xyz", ConnectionNotFoundError, f"@mysql.xyz is not in {PATH}. Family mysql has shop, archive."),
        ("@api.xyz", ConnectionNotFoundError, f"@api.xyz is not in {PATH}. It has no family api."),
        ("@api", ConnectionNotFoundError, f"@api is not in {PATH}. It has no family api."),
        ("@mysq.shop", ConnectionConfigError, "@mysq.shop: unknown family 'mysq'. Did you mean '@mysql.shop'? Known"),
        ("@mysq.xyz", ConnectionConfigError, "@mysq.xyz: unknown family 'mysq'. Did you mean 'mysql'? Known are airf"),
    ],
)
def test_conn_003_a_reference_that_leads_nowhere(
    known: ConnectionsFile, reference: str, error: type[ConnectionConfigError], said: str
) -> None:
    with pytest.raises(error) as raised:
        find_entry(known, ConnectionRef.parse(reference))
    assert type(raised.value) is error
    assert str(raised.value)[: len(said)] == said
    file = str(PATH) if error is ConnectionNotFoundError else None
    assert (raised.value.reference, raised.value.file) == (reference, file)


@pytest.mark.parametrize(
    ("written", "near"),
    [
        *((text, "@mysql.shop") for text in ("@mysql.shop", "mysql.shop", "MySQL.Shop", "mysql-shop", "mysql/shop")),
        *((text, "@mysql.shop") for text in ("mysql:shop", "mysql shop", "@mysq.shopp")),
        ("@postgresql.report", "@postgres.reports"),
        *((text, None) for text in ("@mysql.two", "@duckdb", "one", "@oracle.shop", "")),
    ],
)
def test_a_near_reference_is_near_in_family_and_alias(known: ConnectionsFile, written: str, near: str | None) -> None:
    assert near_reference(written, known.references()) == (f" Did you mean '{near}'?" if near else "")


@pytest.mark.parametrize(
    ("connection_id", "alias"),
    [
        ("osiris_mysql_shop", "shop"),
        ("osiris_postgres_default", "default"),
        ("My-Own.id", "My-Own.id"),
        ("osiris_postgres_shop", None),
        ("osiris_airflow_My-Own.id", None),
        ("shop", None),
        ("id", None),
        ("", None),
    ],
)
def test_the_entry_of_an_id_of_airflow(known: ConnectionsFile, connection_id: str, alias: str | None) -> None:
    entry = find_by_id(known, connection_id)
    assert (entry and entry.alias) == alias
