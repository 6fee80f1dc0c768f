"""The contestants: each reads a whole table into one Parquet file.

A contestant is a function that imports what it needs, and returns the function that does the work and is timed. They
run one to a process: ``python -m benchmarks.reading.contestants NAME TABLE DIRECTORY``, the server's address on
standard input.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from benchmarks.context import Context
from benchmarks.urls import DRIVERS, url_of

if TYPE_CHECKING:
    from tests.servers import Address

Work = Callable[[], int]
Prepare = Callable[[str, "Address", str, Path], Work]


@dataclass(frozen=True)
class Contestant:
    """Someone who extracts."""

    name: str
    label: str
    servers: tuple[str, ...]
    prepare: Prepare
    package: str | None = None
    """The peer's distribution; None for us."""


ALL = ("mysql", "mariadb", "postgres")


def write(reader: Any, target: Path) -> int:
    """Write an Arrow stream as our staging does."""
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(target / "data.parquet", reader.schema, compression="zstd", use_dictionary=False) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def osiris(family: str, address: Address, table: str, target: Path, **fields: Any) -> Work:
    from osiris_provider.connectors import get_connector
    from osiris_provider.drivers import get_driver

    driver = get_driver(f"{family}.extractor")
    connection = {"family": family, "alias": "bench", "host": address.host, "port": address.port}
    connection |= {"user": address.user, "password": address.password, "database": address.database, **fields}

    def read(**query: str) -> Any:
        config = {**query, "resolved_connection": connection}
        return driver.run(step_id="bench", config=config, inputs={}, ctx=Context())["data"]

    # It imports the family's libraries when it meets the first step.
    read(query="SELECT 1").read_all()
    get_connector(family).close_all()
    return _staged(target, lambda: read(table=table))


def _staged(target: Path, read: Callable[[], Any]) -> Work:
    import pyarrow as pa
    from osiris_provider.runtime.staging import Staging
    from upath import UPath

    staging = Staging(UPath(target).absolute().as_uri(), UPath)
    # It imports what such a path needs when it meets the first one.
    staging.write(["nothing"], pa.schema([]).empty_table().to_reader())
    return lambda: staging.write(["bench"], read()).rows


def connectorx(family: str, address: Address, table: str, target: Path) -> Work:
    import connectorx as cx

    url = url_of({"mysql": "mysql", "postgres": "postgresql"}[family], address)

    def work() -> int:
        return write(cx.read_sql(url, f"SELECT * FROM {table}", return_type="arrow_stream"), target)

    return work


def adbc(_family: str, address: Address, table: str, target: Path) -> Work:
    from adbc_driver_postgresql import dbapi

    def work() -> int:
        with dbapi.connect(url_of("postgresql", address)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            return write(cursor.fetch_record_batch(), target)

    return work


def copy_csv(_family: str, address: Address, table: str, target: Path) -> Work:
    import os
    import threading

    import psycopg2
    import pyarrow as pa
    from pyarrow import csv

    kinds: dict[str, Any] = {"id": pa.int32(), "customer_id": pa.int64(), "quantity": pa.int16()}
    kinds |= dict.fromkeys(("name", "token", "note"), pa.string())
    kinds |= {"amount": pa.decimal128(12, 2), "score": pa.float64(), "created_at": pa.timestamp("us")}
    kinds |= {"rating": pa.int32()}

    def send(out: int) -> None:
        connection = psycopg2.connect(url_of("postgresql", address))
        with connection.cursor() as cursor, os.fdopen(out, "wb", 1 << 20) as pipe:
            cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT csv)", pipe)
        connection.close()

    def work() -> int:
        end, start = os.pipe()
        threading.Thread(target=send, args=(start,), daemon=True).start()
        reader = csv.open_csv(
            os.fdopen(end, "rb"),
            csv.ReadOptions(column_names=list(kinds)),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types=kinds, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
        return write(reader, target)

    return work


def dlt(family: str, address: Address, table: str, target: Path) -> Work:
    import dlt as library
    import sqlalchemy
    from dlt.sources.sql_database import sql_table

    def doubles_stay_doubles(source: Any) -> None:
        # SQLAlchemy makes decimals of MySQL's DOUBLE; their scale differs by chunk, and then dlt stops half-way.
        for column in source.columns:
            if isinstance(column.type, sqlalchemy.Double):
                column.type = sqlalchemy.Double(asdecimal=False)

    def work() -> int:
        pipeline = library.pipeline(
            "bench",
            pipelines_dir=str(target / "pipelines"),
            destination=library.destinations.filesystem(str(target)),
            dataset_name="bench",
        )
        source = sql_table(
            credentials=url_of(DRIVERS[family], address),
            table=table,
            backend="pyarrow",
            chunk_size=100_000,
            table_adapter_callback=doubles_stay_doubles,
        )
        pipeline.run(source, loader_file_format="parquet")
        return int(pipeline.last_trace.last_normalize_info.row_counts[table])

    return work


def pandas(family: str, address: Address, table: str, target: Path) -> Work:
    import pandas as pd
    import sqlalchemy

    def work() -> int:
        engine = sqlalchemy.create_engine(url_of(DRIVERS[family], address))
        frame = pd.read_sql(f"SELECT * FROM {table}", engine)
        frame.to_parquet(target / "data.parquet", compression="zstd", use_dictionary=False)
        return len(frame)

    return work


_PLAIN: dict[str, Any] = {"ssl": False, "allow_public_key_retrieval": True}
CONTESTANTS = {
    one.name: one
    for one in (
        Contestant("osiris", "osiris", ALL, osiris),
        Contestant("plain", "osiris, without TLS", ("mysql",), partial(osiris, **_PLAIN)),
        Contestant("copy-csv", "COPY CSV + pyarrow.csv", ("postgres",), copy_csv, "pyarrow"),
        Contestant("connectorx", "connectorx", ALL, connectorx, "connectorx"),
        Contestant("adbc", "ADBC", ("postgres",), adbc, "adbc-driver-postgresql"),
        Contestant("dlt", "dlt, pyarrow", ALL, dlt, "dlt"),
        Contestant("pandas", "pandas.read_sql", ALL, pandas, "pandas"),
    )
}


def main() -> None:
    name, family, table, target = sys.argv[1:]
    # Before the clock starts, for everybody.
    import_module({"postgres": "psycopg2", "mysql": "pymysql"}[family])
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - see above

    # What starts servers is no part of anybody's memory.
    address = cast("Address", SimpleNamespace(**json.load(sys.stdin)))
    work = CONTESTANTS[name].prepare(family, address, table, Path(target))
    began, cpu_began = time.perf_counter(), time.process_time()
    rows = work()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    json.dump({"rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds}, sys.stdout)


if __name__ == "__main__":
    main()
