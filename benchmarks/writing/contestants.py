"""Those who write: each appends the rows of one staged Parquet file to an empty table that is there already.

The server's own client starts from the text that it likes best, made of that file before the clock starts.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.servers import Address

from benchmarks.context import Context
from benchmarks.servers import KINDS
from benchmarks.urls import DRIVERS, url_of

Work = Callable[[], object]
TARGET = "bench_copy"
STAGED = "dag/run/task/0/1/data.parquet"


@dataclass(frozen=True)
class Target:
    """Where the rows are, and where they go.

    :param directory: has the staged file, and ``data.csv`` or ``data.tsv``.
    """

    server: str
    address: Address
    directory: Path

    @property
    def family(self) -> str:
        return KINDS[self.server].family if self.server in KINDS else self.server

    @property
    def parquet(self) -> str:
        """The file, where staging has that of a task."""
        return str(self.directory / STAGED)


def osiris(target: Target, **config: Any) -> Work:
    from osiris_provider.connectors import get_connector
    from osiris_provider.drivers import get_driver
    from osiris_provider.runtime.staging import StagedData, Staging
    from upath import UPath

    driver = get_driver(f"{target.family}.writer")
    connection: dict[str, Any] = {
        "family": target.family,
        "alias": "bench",
        "path": str(target.directory / "db.duckdb"),
    }
    if target.server in KINDS:
        connection = {"family": target.family, "alias": "bench", **asdict(target.address)}
    staging = Staging(target.directory.as_uri(), UPath)
    staged = staging.read(StagedData(f"{target.directory.as_uri()}/{STAGED}", 0, 0, []))

    def write(table: str, data: Any) -> None:
        step = {"table": table, "resolved_connection": connection, "create_if_missing": True, **config}
        driver.run(step_id="bench", config=step, inputs={"extract": data}, ctx=Context("bench"))

    # It imports its libraries when it meets the first rows, as the reader does.
    write("bench_warm", {"data": staged["data"].schema.empty_table()})
    get_connector(target.family).close_all()

    def work() -> None:
        write(TARGET, staged)

    return work


def psql_copy(target: Target) -> Work:
    return psql(target, f"\\copy {TARGET} FROM '{target.directory}/data.csv' (FORMAT csv)")


def psql_binary(target: Target) -> Work:
    return psql(target, f"\\copy {TARGET} FROM '{target.directory}/data.bin' (FORMAT binary)")


def psql(target: Target, command: str) -> Work:
    """Return what has the server's own client do something."""
    one = target.address
    words = [shutil.which("psql") or "psql", "-X", "-q", "-h", one.host, "-p", str(one.port), "-U", one.user]
    words += ["-c", command, one.database]
    return lambda: subprocess.run(words, env={"PGPASSWORD": one.password}, check=True)


def mariadb_load(target: Target) -> Work:
    one = target.address
    command = [shutil.which("mariadb") or "mariadb", "--no-defaults", "--local-infile=1", f"--host={one.host}"]
    command += ["--protocol=tcp", f"--port={one.port}", f"--user={one.user}", "--skip-ssl"]
    statement = f"LOAD DATA LOCAL INFILE '{target.directory}/data.tsv' INTO TABLE {TARGET} CHARACTER SET utf8mb4"
    command += [f"--execute={statement}", one.database]
    return lambda: subprocess.run(command, env={"MYSQL_PWD": one.password}, check=True)


def adbc(target: Target) -> Work:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from adbc_driver_postgresql import dbapi

    def work() -> None:
        file = pq.ParquetFile(target.parquet)
        reader = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())
        with dbapi.connect(url_of("postgresql", target.address)) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(TARGET, reader, mode="append")
            connection.commit()

    return work


def pandas(target: Target) -> Work:
    import pandas as pd
    import sqlalchemy

    url = url_of(DRIVERS[target.family], target.address)

    def work() -> None:
        frame = pd.read_parquet(target.parquet)
        frame.to_sql(TARGET, sqlalchemy.create_engine(url), if_exists="append", index=False, chunksize=10_000)

    return work


def dlt(target: Target) -> Work:
    import dlt as library
    import pyarrow.parquet as pq

    is_postgres = target.family == "postgres"
    url = url_of("postgresql" if is_postgres else DRIVERS[target.family], target.address)
    destination = library.destinations.postgres(url) if is_postgres else None

    def work() -> None:
        pipeline = library.pipeline(
            "bench",
            pipelines_dir=str(target.directory / "pipelines"),
            destination=destination or library.destinations.sqlalchemy(url),
            dataset_name="bench_dlt" if destination else "app",
        )
        batches = (batch for batch in pq.ParquetFile(target.parquet).iter_batches())
        kind = {"loader_file_format": "csv"} if destination else {}
        pipeline.run(batches, table_name="bench_dlt", write_disposition="append", **kind)

    return work


def read_parquet(target: Target) -> Work:
    import duckdb

    def work() -> None:
        with closing(duckdb.connect(str(target.directory / "db.duckdb"))) as database:
            database.execute(f"INSERT INTO {TARGET} FROM read_parquet('{target.parquet}')")

    return work


@dataclass(frozen=True)
class Contestant:
    """Someone who writes; the first of a server is what the others are compared with."""

    label: str
    server: str
    prepare: Callable[[Target], Work]
    max_rows: int | None = None
    """Rows that it is given; the slow ones get fewer."""
    is_bare: bool = False
    """Whether it is the server's own client, and no peer."""


def _of_mysql(server: str, short: str) -> dict[str, Contestant]:
    return {
        f"{short}-bare": Contestant("mariadb: LOAD DATA of a text file", server, mariadb_load, is_bare=True),
        f"{short}-osiris": Contestant("osiris, LOAD DATA", server, lambda target: osiris(target, engine="load_data")),
        f"{short}-insert": Contestant("osiris, INSERT", server, lambda target: osiris(target, engine="insert")),
        f"{short}-pandas": Contestant("pandas.to_sql", server, pandas, 200_000),
        f"{short}-dlt": Contestant("dlt, sqlalchemy", server, dlt, 200_000),
    }


CONTESTANTS = {
    "pg-bare": Contestant("psql: COPY of a CSV file", "postgres", psql_copy, is_bare=True),
    "pg-binary": Contestant("psql: COPY of a binary file", "postgres", psql_binary, is_bare=True),
    "pg-osiris": Contestant("osiris", "postgres", osiris),
    "pg-adbc": Contestant("ADBC ingest", "postgres", adbc),
    "pg-dlt": Contestant("dlt, csv", "postgres", dlt, 200_000),
    "pg-pandas": Contestant("pandas.to_sql", "postgres", pandas, 200_000),
    **_of_mysql("mysql", "my"),
    **_of_mysql("mariadb", "maria"),
    "db-bare": Contestant("INSERT … FROM read_parquet", "duckdb", read_parquet, is_bare=True),
    "db-osiris": Contestant("osiris", "duckdb", osiris),
}
