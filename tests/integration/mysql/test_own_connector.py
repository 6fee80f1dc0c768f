"""What mysql.extractor reads of every column type is what MySQL's own connector for Python reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import mysql.connector
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.cases import Case, cases_of, literal
from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import ONLY_MYSQL

pytestmark = ONLY_MYSQL

Convert = Callable[[Any], Any]
# What the peer makes another Python type of; the values are the same.
OURS: dict[str, Convert] = {"TIMESTAMP": lambda value: value.replace(tzinfo=None)}
PEERS: dict[str, Convert] = {
    "BIT": int,
    "VECTOR": list,
    "SET": lambda value: ",".join(sorted(value)),
    "BINARY": bytes,
    "VARBINARY": bytes,
    "LONGBLOB": bytes,
    # It takes these bytes for text where they could be.
    "GEOMETRY": lambda value: value.encode() if isinstance(value, str) else bytes(value),
    "VARCHAR(20) CHARACTER SET binary": bytes,
}


@pytest.fixture
def cases(mysql_database: Address, mysql_family: MySQLFamilyServer) -> Iterator[list[Case]]:
    """The types of the columns of table ``every``, which hold their extremes and NULL."""
    cases = cases_of(mysql_family)
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(mysql_database.database)
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES'")
        columns = [f"c{number} {declared}" for number, (declared, *_) in enumerate(cases)]
        cursor.execute(f"CREATE TABLE every (id INT PRIMARY KEY, {', '.join(columns)})")
        for row in range(max(len(values) for *_, values in cases) + 1):
            given = [literal([*values, None][row % (len(values) + 1)]) for *_, values in cases]
            cursor.execute(f"INSERT INTO every VALUES (%s{', %s' * len(given)})", [row, *given])
    yield cases
    close_all()


def by_the_peer(address: Address, cases: list[Case]) -> list[tuple[Any, ...]]:
    connection = mysql.connector.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        time_zone="+00:00",
        use_pure=True,
    )
    # As text the server sends six digits of a FLOAT, so that one is sent as a DOUBLE.
    columns = [
        f"CAST(c{number} AS DOUBLE)" if declared == "FLOAT" else f"c{number}"
        for number, (declared, *_) in enumerate(cases)
    ]
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT id, {', '.join(columns)} FROM every ORDER BY id")
        return list(cursor.fetchall())


def by_us(address: Address) -> list[tuple[Any, ...]]:
    step = {
        "resolved_connection": {"family": "mysql", "alias": "test", **vars(address)},
        "query": "SELECT * FROM every ORDER BY id",
    }
    result = get_driver("mysql.extractor").run(step_id="read", config=step, inputs={}, ctx=RecordingContext())
    return [tuple(row.values()) for row in result["data"].read_all().to_pylist()]


def converted(values: Any, declared: str, converters: dict[str, Convert]) -> list[Any]:
    kind = declared.partition("(")[0].split()[0]
    convert = converters.get(declared) or converters.get(kind)
    return [convert(value) if convert and value is not None else value for value in values]


def test_every_type_is_read_as_by_the_servers_own_connector(mysql_database: Address, cases: list[Case]) -> None:
    theirs = list(zip(*by_the_peer(mysql_database, cases), strict=True))[1:]
    ours = list(zip(*by_us(mysql_database), strict=True))[1:]

    assert len(ours) == len(theirs) == len(cases) > 45
    for (declared, _, values), our, their in zip(cases, ours, theirs, strict=True):
        read = converted(our, declared, OURS)
        assert read == converted(their, declared, PEERS), declared
        assert {str(value) for value in read} == {str(value) for value in [*values, None]}, declared
