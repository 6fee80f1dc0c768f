"""A point in time stays the same through extract, write and extract, whatever the server's time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB

UTC = dt.timezone.utc
# Clocks in Prague were put back at 01:00 UTC on 2024-10-27, and forward at 01:00 UTC on 2024-03-31.
MOMENTS = (
    [dt.datetime(2024, 10, 27, hour, 30, 0, 123456, UTC) for hour in range(4)]
    + [dt.datetime(2024, 3, 31, hour, 15, tzinfo=UTC) for hour in range(4)]
    + [dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), dt.datetime(2038, 1, 19, 3, 14, 7, 999999, UTC)]
)
IN_TOKYO = pa.array(MOMENTS, pa.timestamp("us", "Asia/Tokyo"))
ZONES = ["+05:00", "-03:30", "Europe/Prague"]
KIND = "time_zone_id, transition_type_id, `offset`, is_dst, abbreviation"
MODES = ["append", "replace", "upsert"]


def run(driver: str, connection: dict[str, Any], data: pa.Table | None = None, **config: Any) -> Any:
    inputs = {} if data is None else {"source": {"data": data}}
    step = {"resolved_connection": connection, **config}
    return get_driver(driver).run(step_id="step", config=step, inputs=inputs, ctx=RecordingContext())


def naive(moments: list[dt.datetime]) -> list[dt.datetime]:
    return [moment.replace(tzinfo=None) for moment in moments]


@MYSQL_AND_MARIADB
class TestMySQL:
    @pytest.fixture(params=ZONES)
    def zone(self, request: pytest.FixtureRequest, mysql_family: MySQLFamilyServer) -> Iterator[str]:
        """The time zone of the server; rules of a named one are in its tables."""
        zone = str(request.param)
        with closing(mysql_family.connect()) as client, client.cursor() as cursor:
            client.select_db("mysql")
            if "/" in zone:
                for statement in prague(zone):
                    cursor.execute(statement)
            cursor.execute("SET GLOBAL local_infile = ON")
            cursor.execute("SET GLOBAL time_zone = %s", (zone,))
            yield zone
            cursor.execute("SET GLOBAL time_zone = DEFAULT")
            cursor.execute("SET GLOBAL local_infile = DEFAULT")

    @pytest.mark.usefixtures("zone")
    def test_timestamps_stay(self, mysql_family: MySQLFamilyServer, connection: dict[str, Any]) -> None:
        with closing(mysql_family.connect()) as client, client.cursor() as cursor:
            client.select_db(connection["database"])
            for name in ("source", "target"):
                cursor.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, s TIMESTAMP(6) NULL, d DATETIME(6))")
            cursor.execute("SET time_zone = '+00:00'")
            rows = [(number, moment, moment) for number, moment in enumerate(naive(MOMENTS))]
            cursor.executemany("INSERT INTO source VALUES (%s, %s, %s)", rows)
            read = run("mysql.extractor", connection, table="source")["data"].read_all()
            assert read["s"].to_pylist() == MOMENTS
            without_zone = read.set_column(1, "s", read["d"])
            for data, engine, mode in product((read, without_zone), ("load_data", "insert"), MODES):
                cursor.execute("DELETE FROM target")
                # The extractor has left its session in UTC.
                close_all()
                config = {"table": "target", "engine": engine, "write_mode": mode, "primary_key": "id"}
                run("mysql.writer", connection, data, **config)
                actual = run("mysql.extractor", connection, query="SELECT * FROM target ORDER BY id")
                assert actual["data"].read_all() == read, (engine, mode)
                cursor.execute("SELECT UNIX_TIMESTAMP(s) FROM target ORDER BY id")
                seconds = [float(value) for (value,) in cursor.fetchall()]
                assert seconds == [moment.timestamp() for moment in MOMENTS], (engine, mode)

    def test_session_has_its_zone_again(self, connection: dict[str, Any]) -> None:
        client = get_connector("mysql").client(connection)
        with client.cursor() as cursor:
            cursor.execute("SET time_zone = '+07:00'")
            run("mysql.writer", connection, pa.table({"id": [1]}), table="new", create_if_missing=True)
            assert get_connector("mysql").client(connection) is client
            cursor.execute("SELECT @@SESSION.time_zone")
            assert cursor.fetchone() == ("+07:00",)


def prague(zone: str) -> list[str]:
    """Return the statements that tell a server the rules of Central Europe since 1996."""
    changes = []
    for year in range(1996, 2038):
        for month, kind in ((3, 1), (10, 0)):
            last = dt.datetime(year, month, 31, 1, tzinfo=UTC)
            sunday = last - dt.timedelta(days=(last.weekday() + 1) % 7)
            changes.append(f"(777, {int(sunday.timestamp())}, {kind})")
    return [
        "REPLACE INTO time_zone (time_zone_id, use_leap_seconds) VALUES (777, 'N')",
        f"REPLACE INTO time_zone_name (name, time_zone_id) VALUES ('{zone}', 777)",
        f"REPLACE INTO time_zone_transition_type ({KIND}) VALUES (777, 0, 3600, 0, 'CET'), (777, 1, 7200, 1, 'CEST')",
        f"REPLACE INTO time_zone_transition VALUES {', '.join(changes)}",
    ]


class TestPostgres:
    @pytest.mark.parametrize("zone", ["Asia/Karachi", "America/St_Johns", "Europe/Prague"])
    def test_a_timestamp_without_a_zone_is_utc(self, postgres_database: Address, zone: str) -> None:
        connection = {"family": "postgres", "alias": "test", **asdict(postgres_database)}
        address = asdict(postgres_database)
        address["dbname"] = address.pop("database")
        data = pa.table({"id": range(len(MOMENTS)), "s": naive(MOMENTS), "d": IN_TOKYO})
        with closing(psycopg2.connect(**address)) as client, client.cursor() as cursor:
            cursor.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {address['dbname']} SET TimeZone = '{zone}'")
            cursor.execute("CREATE TABLE target (id INT PRIMARY KEY, s TIMESTAMPTZ, d TIMESTAMP)")
            client.commit()
            for mode in MODES:
                run("postgres.writer", connection, data, table="target", write_mode=mode, primary_key="id")
                read = run("postgres.extractor", connection, query="SELECT s, d FROM target ORDER BY id")
                assert read["data"].read_all().to_pydict() == {"s": MOMENTS, "d": naive(MOMENTS)}, mode
                cursor.execute("DELETE FROM target")
                client.commit()
        close_all()


class TestDuckDB:
    @pytest.mark.parametrize("mode", MODES)
    def test_a_timestamp_without_a_zone_is_utc(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
    ) -> None:
        monkeypatch.setenv("TZ", "Asia/Karachi")
        path = str(tmp_path / "zones.duckdb")
        with closing(duckdb.connect(path)) as database:
            database.execute("CREATE TABLE target (id INT PRIMARY KEY, s TIMESTAMPTZ, d TIMESTAMP)")
        connection = {"family": "duckdb", "alias": "test", "path": path}
        data = pa.table({"id": range(len(MOMENTS)), "s": naive(MOMENTS), "d": IN_TOKYO})
        try:
            run("duckdb.writer", connection, data, table="target", write_mode=mode, primary_key="id")
        finally:
            close_all()
        with closing(duckdb.connect(path)) as database:
            database.execute("SET TimeZone = 'UTC'")
            actual = database.execute("SELECT s, d FROM target ORDER BY id").fetchall()
        assert [moment.astimezone(UTC) for moment, _ in actual] == MOMENTS
        assert [moment for _, moment in actual] == naive(MOMENTS)
