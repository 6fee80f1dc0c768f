"""postgres.extractor, postgres.writer and their connector, on a real PostgreSQL server."""

from __future__ import annotations

import datetime as dt
import io
from contextlib import closing
from decimal import Decimal
from math import inf, isnan, nan
from typing import Any, ClassVar

import psycopg2
import pyarrow as pa
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.faults import TLS_REFUSED
from osiris_provider.connectors.sql.faults import UNKNOWN_LOGIN
from osiris_provider.errors import ConnectionConfigError, DataError, UnknownConnectorError
from psycopg2 import extensions

from tests.integration.sql.drivers import DriverTests
from tests.integration.sql.families import Connection, ConnectorTests, SQLFamily
from tests.servers import Address, PostgresServer


class PostgresFamily(SQLFamily):
    family: ClassVar[str] = "postgres"
    numbers: ClassVar[str] = "SELECT n FROM generate_series(1, {rows}) n"
    sleep: ClassVar[str] = "SELECT pg_sleep({seconds})"
    forbidden: ClassVar[str] = "SELECT * FROM pg_authid"

    @pytest.fixture
    def address(self, postgres_database: Address, postgres: PostgresServer) -> Address:
        self.server = postgres
        return postgres_database

    def execute(self, address: Address, *statements: str) -> list[tuple[Any, ...]]:
        with closing(self._connect(address)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def _connect(self, address: Address) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            dbname=address.database,
        )

    def sessions(self, address: Address) -> int:
        with closing(self.server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = %s", (address.database,))
            (number,) = cursor.fetchone() or (0,)
        return int(number)

    def tables(self, address: Address) -> list[str]:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return [str(name) for (name,) in self.execute(address, query)]

    def other_logins(self) -> int:
        log = self.server.directory / "server.log"
        return log.read_text(errors="replace").count("password authentication failed for user")


class TestPostgresClients(PostgresFamily, ConnectorTests):
    def test_conn_016_dsn_is_one_that_libpq_takes(self, connection: Connection) -> None:
        connector = get_connector("postgres")
        with closing(psycopg2.connect(connector.build_dsn(connection))) as client:
            assert client.info.dbname == connection["database"]

    @pytest.mark.parametrize("alias", ["dsn", "conninfo", "uri"])
    def test_dsn_instead_of_fields(self, connection: Connection, alias: str) -> None:
        connector = get_connector("postgres")
        dsn = {"family": "postgres", "alias": "test", alias: connector.build_dsn(connection)}
        assert connector.doctor(dsn, 10)[0]
        assert connector.address_of(dsn) == f"{connection['host']}:{connection['port']}"
        assert self.extract(dsn, "SELECT 1 AS one").num_rows == 1

    @pytest.mark.parametrize("field", ["host", "port", "database", "user", "password"])
    def test_a_dsn_or_separate_fields_but_never_both(self, connection: Connection, field: str) -> None:
        connector = get_connector("postgres")
        both = {"dsn": connector.build_dsn(connection), field: connection[field]}
        with pytest.raises(ConnectionConfigError, match=f"dsn and {field} are given"):
            connector.create_client(both)

    def test_another_database_than_the_one_of_the_dsn(self, connection: Connection) -> None:
        connector = get_connector("postgres")
        dsn = connector.build_dsn({**connection, "database": "no_such_database"})
        changed = connector.on_database({"conninfo": dsn}, str(connection["database"]))
        with closing(connector.create_client(changed)) as client:
            assert client.info.dbname == connection["database"]

    @pytest.mark.parametrize("dsn", ["no dsn", "postgresql://u:c4nary@/db", "host=a,b user=u password=c4nary"])
    def test_conn_011_broken_dsn_is_not_shown(self, dsn: str) -> None:
        with pytest.raises(ConnectionConfigError) as raised:
            get_connector("postgres").create_client({"dsn": dsn})
        assert "c4nary" not in str(raised.value)

    def test_socket_directory_as_host(self, postgres: PostgresServer) -> None:
        fields = {"host": str(postgres.directory), "port": postgres.port, "user": "postgres", "database": "postgres"}
        connector = get_connector("postgres")
        assert connector.doctor(fields, 10)[0]
        with closing(connector.create_client(fields)) as client:
            assert client.info.host == str(postgres.directory)
        assert connector.doctor({**fields, "port": 1}, 10)[1]["details"]["fault"] == "no_socket"

    @pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
    def test_a_libpq_that_tells_no_code_has_a_verdict(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch, mode: str
    ) -> None:
        # As of a psycopg2 that was built in another way.
        monkeypatch.setattr("osiris_provider.connectors.postgres.libpq.libpq", lambda: None)
        connector = get_connector("postgres")
        fields = {**connection, "sslmode": mode}
        assert connector.doctor(fields, 10)[0]
        _, verdict = connector.doctor({**fields, "password": "wrong"}, 10)
        assert verdict["details"]["fault"] == UNKNOWN_LOGIN.slug
        _, verdict = connector.doctor({**fields, "sslmode": "require"}, 10)
        assert verdict["details"]["fault"] == TLS_REFUSED.slug

    def test_conn_014_a_client_has_its_line_watched_and_is_in_no_transaction(self, connection: Connection) -> None:
        connector = get_connector("postgres")
        with closing(connector.create_client(connection)) as client:
            assert client.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
            assert connector.is_alive(client)
            assert client.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
            with client.cursor() as cursor:
                cursor.execute("SHOW client_connection_check_interval")
                assert cursor.fetchone() == ("2s",)

    def test_each_method_of_a_cursor_that_waits_does_what_it_does(self, connection: Connection) -> None:
        with closing(get_connector("postgres").create_client(connection)) as client, client.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE t (n INT)")
            cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,)])
            cursor.copy_from(io.StringIO("3\n4\n"), "t")
            copied = io.StringIO()
            cursor.copy_to(copied, "t")
            assert copied.getvalue() == "1\n2\n3\n4\n"
            copied = io.StringIO()
            cursor.copy_expert("COPY (SELECT max(n) FROM t) TO STDOUT", copied)
            assert copied.getvalue() == "4\n"
            cursor.callproc("abs", [-7])
            assert cursor.fetchall() == [(7,)]
            for named in (client.cursor("osiris_named", scrollable=True), client.cursor()):
                named.execute("SELECT n FROM t ORDER BY n")
                assert (named.fetchone(), named.fetchmany(2)) == ((1,), [(2,), (3,)])
                named.scroll(-2)
                assert named.fetchall() == [(2,), (3,), (4,)]
                named.close()
                assert named.closed


class TestPostgresDrivers(PostgresFamily, DriverTests):
    def test_what_the_server_refuses_is_not_tried_again(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE rows_of (n INT)",
            "CREATE VIEW target AS SELECT n, count(*) FROM rows_of GROUP BY n",
            "CREATE MATERIALIZED VIEW empty AS SELECT 1 AS n WITH NO DATA",
        )
        said = r"refused the statement with error 55000.* The server said: "
        with pytest.raises(UnknownConnectorError, match=f"Step extract: .*{said}.*has not been populated") as read:
            self.extract(connection, "SELECT * FROM empty")
        with pytest.raises(UnknownConnectorError, match=f"Step load: .*{said}cannot insert into view") as written:
            self.write(connection, pa.table({"n": [1]}))
        assert not read.value.is_transient
        assert not written.value.is_transient

    def test_types(self, connection: Connection) -> None:
        read = self.extract(
            connection,
            "SELECT true AS b, 1::int2 AS i16, 2::int4 AS i32, 3::int8 AS i64, 1.5::float4 AS f32, "
            "'nan'::float8 AS f64, 1.20::numeric(10, 2) AS d, 3.14159::numeric AS unscaled, 'é€😀'::text AS s, "
            r"'\x00ff'::bytea AS raw, date '2024-02-29' AS day, timestamp '2024-02-29 23:59:59.999999' AS moment, "
            "timestamptz '2024-02-29 05:30:00+05:30' AS zoned, time '03:04:05.000001' AS clock, "
            """'{"a": 1}'::jsonb AS j, array[1, 2] AS items, NULL AS nothing, interval '1 month 1 day' AS span""",
        )
        assert {field.name: str(field.type) for field in read.schema} == {
            "b": "bool",
            "i16": "int16",
            "i32": "int32",
            "i64": "int64",
            "f32": "float",
            "f64": "double",
            "d": "decimal128(10, 2)",
            "unscaled": "string",
            "s": "string",
            "raw": "binary",
            "day": "date32[day]",
            "moment": "timestamp[us]",
            "zoned": "timestamp[us, tz=UTC]",
            "clock": "time64[us]",
            "j": "string",
            "items": "string",
            "nothing": "string",
            "span": "string",
        }
        (row,) = read.to_pylist()
        assert isnan(row.pop("f64"))
        assert row == {
            "b": True,
            "i16": 1,
            "i32": 2,
            "i64": 3,
            "f32": 1.5,
            "d": Decimal("1.20"),
            "unscaled": "3.14159",
            "s": "é€😀",
            "raw": b"\x00\xff",
            "day": dt.date(2024, 2, 29),
            "moment": dt.datetime(2024, 2, 29, 23, 59, 59, 999999),  # noqa: DTZ001 - timestamp has no zone
            "zoned": dt.datetime(2024, 2, 29, tzinfo=dt.timezone.utc),
            "clock": dt.time(3, 4, 5, 1),
            "j": '{"a": 1}',
            "items": "{1,2}",
            "nothing": None,
            "span": "P1M1D",
        }

    def test_infinity_is_no_date(self, connection: Connection) -> None:
        with pytest.raises(DataError, match=r"Step extract.*\bd\b"):
            self.extract(connection, "SELECT date 'infinity' AS d")

    def test_settings_of_the_role_do_not_matter(self, connection: Connection) -> None:
        options = "-c datestyle=German -c intervalstyle=postgres -c bytea_output=escape -c timezone=Asia/Kolkata"
        read = self.extract(
            {**connection, "options": options},
            r"SELECT date '2024-02-29' AS d, '\x00'::bytea AS b, interval '1 day' AS i, timestamptz '2024-01-01Z' AS z",
        )
        moment = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
        assert read.to_pylist() == [{"d": dt.date(2024, 2, 29), "b": b"\0", "i": "P1D", "z": moment}]

    def test_every_arrow_type_can_be_written(self, connection: Connection) -> None:
        moment = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.timezone.utc)
        data = pa.table(
            {
                "b": [True, None],
                "u": pa.array([2**64 - 1, None], pa.uint64()),
                "d": pa.array([Decimal("1.20"), None], pa.decimal128(10, 2)),
                "day": [dt.date(2024, 2, 29), None],
                "zoned": pa.array([moment, None], pa.timestamp("us", "Europe/Prague")),
                "clock": [dt.time(1, 2, 3), None],
                "span": [-dt.timedelta(seconds=1), None],
                "raw": [b"\x00\xff'\\", None],
                "kind": pa.array(["a", None]).dictionary_encode(),
                "items": [[1, None], None],
                "nothing": pa.nulls(2),
                "f": [-inf, None],
            }
        )
        self.write(connection, data, create_if_missing=True)
        first, nulls = self.reader(connection, table="target").read_all().to_pylist()
        assert (first["u"], first["d"], first["raw"]) == (2**64 - 1, Decimal("1.20"), b"\x00\xff'\\")
        assert (first["zoned"], first["clock"], first["f"]) == (moment, dt.time(1, 2, 3), -inf)
        assert (first["span"], first["items"], first["b"]) == ("PT-1S", "[1, null]", True)
        assert set(nulls.values()) == {None}

    @pytest.mark.parametrize("text", ["", "\\.", "\\N", "NULL", 'q"u,o\r\n', "a\n\\.\nb", "'", "\t", "ü€😀"])
    def test_copy_keeps_every_text(self, connection: Connection, text: str) -> None:
        self.write(connection, pa.table({"s": [text, None]}), create_if_missing=True)
        assert self.reader(connection, table="target").read_all()["s"].to_pylist() == [text, None]

    def test_nan_stays_nan(self, connection: Connection) -> None:
        self.write(connection, pa.table({"f": [nan]}), create_if_missing=True)
        assert isnan(self.extract(connection, "SELECT f FROM target")["f"][0].as_py())

    def test_computed_columns_cannot_be_written(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (n INT, twice INT GENERATED ALWAYS AS (n * 2) STORED)")
        with pytest.raises(DataError, match="computes column twice"):
            self.write(connection, pa.table({"n": [1], "twice": [2]}))
        self.write(connection, pa.table({"n": [1]}))
        assert self.extract(connection, "SELECT * FROM target").to_pydict() == {"n": [1], "twice": [2]}
