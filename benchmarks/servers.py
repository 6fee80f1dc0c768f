"""The servers, the table that everybody reads, and the servers' own way to send it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import Address, MariaDBServer, MySQLServer, PostgresServer
from tests.servers.process import Server

COLUMNS = 10

_POSTGRES = """
    CREATE TABLE {table} AS SELECT
        i::int AS id,
        i::bigint * 7919 % 100003 * 100000 AS customer_id,
        (i % 1000)::smallint AS quantity,
        'customer ' || i % 50000 AS name,
        md5(i::text) AS token,
        CASE WHEN i % 5 <> 0 THEN 'note, with "quotes", of ' || i END AS note,
        (i::bigint * 37 % 1000000 / 100.0)::numeric(12, 2) AS amount,
        sqrt(i)::float8 AS score,
        timestamp '2020-01-01' + i * interval '1.000123 seconds' AS created_at,
        CASE WHEN i % 3 <> 0 THEN i % 17 END AS rating
    FROM generate_series(1, {rows}) AS i
"""
_MYSQL = """
    CREATE TABLE {table} (
        id int NOT NULL PRIMARY KEY, customer_id bigint, quantity smallint, name varchar(60), token char(32),
        note varchar(100), amount decimal(12, 2), score double, created_at datetime(6), rating int
    ) SELECT
        seq AS id,
        seq * 7919 % 100003 * 100000 AS customer_id,
        seq % 1000 AS quantity,
        concat('customer ', seq % 50000) AS name,
        left(sha2(seq, 256), 32) AS token,
        if(seq % 5 <> 0, concat('note, with "quotes", of ', seq), NULL) AS note,
        seq * 37 % 1000000 / 100 AS amount,
        sqrt(seq) AS score,
        timestamp '2020-01-01 00:00:00' + interval seq * 1000123 microsecond AS created_at,
        if(seq % 3 <> 0, seq % 17, NULL) AS rating
    FROM JSON_TABLE(CONCAT('[0', REPEAT(',0', {rows} - 1), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers
"""


@dataclass(frozen=True)
class Kind:
    """One kind of server."""

    label: str
    family: str
    make: Callable[[], Server]
    create: str
    connect: Callable[[Address], Any]
    limit: str
    limit_command: Callable[[Address, str], tuple[list[str], dict[str, str]]]

    def build(self, address: Address, table: str, rows: int) -> None:
        with closing(self.connect(address)) as connection, connection.cursor() as cursor:
            cursor.execute(self.create.format(table=table, rows=rows))
            connection.commit()

    def compact(self, address: Address, table: str) -> str:
        """Have the server do now what it would do in the background later; return its version."""
        with closing(self.connect(address)) as connection, connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {'' if self.label == 'PostgreSQL' else 'TABLE '}{table}")
            cursor.fetchall() if cursor.description else None
            cursor.execute("SHOW server_version" if self.label == "PostgreSQL" else "SELECT version()")
            (version,) = cursor.fetchone()
            connection.commit()
        return str(version).split()[0]


def _connect_postgres(address: Address) -> Any:
    import psycopg2

    return psycopg2.connect(
        host=address.host, port=address.port, user=address.user, password=address.password, dbname=address.database
    )


def _connect_mysql(address: Address) -> Any:
    import pymysql

    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        charset="utf8mb4",
    )


def _psql(address: Address, table: str) -> tuple[list[str], dict[str, str]]:
    command = [_program("psql"), "-X", "-h", address.host, "-p", str(address.port), "-U", address.user]
    return [*command, "-c", f"COPY {table} TO STDOUT", address.database], {"PGPASSWORD": address.password}


def _mariadb(address: Address, table: str) -> tuple[list[str], dict[str, str]]:
    command = [_program("mariadb"), "--no-defaults", "--quick", "--batch", f"--host={address.host}"]
    command += ["--protocol=tcp", f"--port={address.port}", f"--user={address.user}", "--skip-ssl"]
    return [*command, f"--execute=SELECT * FROM {table}", address.database], {"MYSQL_PWD": address.password}


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        message = f"{name} was not found; install the server's command line client"
        raise SystemExit(message)
    return path


def run_limit(kind: Kind, address: Address, table: str) -> None:
    """Send the table to nowhere, as fast as the server's own client takes it."""
    command, secret = kind.limit_command(address, table)
    subprocess.run(command, stdout=subprocess.DEVNULL, env=secret, check=True)


def _mysql_server() -> Server:
    # Writers are compared by either way; that MySQL has one of them off is for the documents to say.
    return MySQLServer(["--local-infile=ON"])


def _mariadb_server() -> Server:
    # The text that ten million rows are counted out of.
    return MariaDBServer(["--max-allowed-packet=64M"])


# The client is MariaDB's on both: few systems have MySQL's beside it.
_CLIENT = "mariadb --quick"
KINDS = {
    "mysql": Kind("MySQL", "mysql", _mysql_server, _MYSQL, _connect_mysql, _CLIENT, _mariadb),
    "mariadb": Kind("MariaDB", "mysql", _mariadb_server, _MYSQL, _connect_mysql, _CLIENT, _mariadb),
    "postgres": Kind("PostgreSQL", "postgres", PostgresServer, _POSTGRES, _connect_postgres, "COPY TO STDOUT", _psql),
}


def cpu_seconds(server: Server | None) -> float:
    """Return what a server and the processes that it started have used, whether they have ended or not."""
    if server is None:
        return 0.0
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == server.pid:
            total += sum(map(int, words[11:15]))
        elif int(words[1]) == server.pid:
            total += sum(map(int, words[11:13]))
    return total / os.sysconf("SC_CLK_TCK")
