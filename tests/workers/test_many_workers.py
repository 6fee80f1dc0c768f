"""The example pipeline on two workers, and what becomes of it when one of them is killed."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import psycopg2
import pymysql
import pytest

from tests.servers import Address
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until
from tests.servers.s3 import S3Server
from tests.workers.worker import Worker

EXAMPLE = "example_osiris_mysql_to_postgres"
ORDERS = "orders_between_servers"
ROWS = 400_000
RIGHT = (
    "a = encode(sha512(convert_to(id::text, 'UTF8')), 'hex') "
    "AND b = encode(sha512(convert_to((id + 1)::text, 'UTF8')), 'hex')"
)


def login(address: Address) -> dict[str, Any]:
    return {name: getattr(address, name) for name in ("host", "port", "user", "password", "database")}


def rows_of(target: Address, query: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(**login(target))) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.fixture
def orders(source: Address) -> None:
    """A table of a hundred megabytes that is half as large in staging: more than one part of an upload."""
    with (
        closing(pymysql.connect(**{**login(source), "password": source.password.encode()})) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "CREATE TABLE orders AS SELECT seq AS id, SHA2(seq, 512) AS a, SHA2(seq + 1, 512) AS b "
            f"FROM seq_1_to_{ROWS}"
        )


def test_tasks_on_different_workers_exchange_data_through_s3(
    admin: Rest, workers: list[Worker], s3_server: S3Server, target: Address
) -> None:
    run = admin.trigger(EXAMPLE)
    assert admin.finished(EXAMPLE, run, 300) == "success"
    one, two = workers
    assert one.has_log_of(EXAMPLE, "extract", 1)
    assert two.has_log_of(EXAMPLE, "write", 1)
    assert not one.has_log_of(EXAMPLE, "write", 1)
    (staged,) = [key for key in s3_server.objects() if key.startswith(f"osiris/{EXAMPLE}/")]
    assert staged.endswith("/extract/0/1/data.parquet")
    assert rows_of(target, "SELECT count(*) FROM mysql_tables WHERE owner = 'information_schema'") > [(50,)]


@pytest.mark.usefixtures("orders")
def test_the_worker_that_extracts_may_be_killed(
    airflow: AirflowServer, admin: Rest, workers: list[Worker], s3_server: S3Server, target: Address
) -> None:
    s3_server.control("hold")
    run = admin.trigger(ORDERS)
    until(s3_server.uploads, "upload", 240)
    (killed,) = [worker for worker in workers if "extract" in worker.tasks()]
    (other,) = [worker for worker in workers if worker is not killed]
    killed.kill()
    s3_server.control("release")
    assert admin.finished(ORDERS, run, 300) == "success"

    assert killed.has_log_of(ORDERS, "extract", 1)
    assert other.has_log_of(ORDERS, "extract", 2)
    assert [admin.task(ORDERS, run, task)["try_number"] for task in ("extract", "write")] == [2, 1]
    count = f"SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE {RIGHT}) FROM orders"
    assert rows_of(target, count) == [(ROWS, ROWS, ROWS)]

    (staged,) = [key for key in s3_server.objects() if key.startswith(f"osiris/{ORDERS}/")]
    assert staged.endswith("/extract/0/2/data.parquet")
    assert len(s3_server.uploads()) == 1
    done = airflow.run("osiris", "staging", "gc", "--older-than", "1s", "--json")
    assert done.returncode == 0, done.stderr
    removed = [one["path"].split("/")[-2] for one in json.loads(done.stdout)["removed"]]
    assert sorted(removed)[-2:] == ["1", "2"]
    assert (s3_server.objects(), s3_server.uploads()) == ([], [])
