"""The names that OpenLineage knows the datasets of steps by."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.datasets import Dataset, of_uri, table_name

SECRET = "s3cr3t-canary"
MYSQL = {"family": "mysql", "host": "db", "port": 3307, "database": "shop", "user": "ann", "password": SECRET}
POSTGRES = {"family": "postgres", "host": "db", "database": "shop", "user": "ann", "password": SECRET}
DSN = {"family": "postgres", "dsn": f"postgresql://ann:{SECRET}@db:5433/shop"}
DUCKDB = {"family": "duckdb", "path": "/data/shop.duckdb"}
API = {"family": "api", "base_url": "https://api.example.com:8443/v1/", "token": SECRET}
SHOPIFY = {"family": "shopify", "shop_domain": "tea.myshopify.com", "access_token": SECRET}
SUPABASE = {"family": "supabase", "url": "https://abc.supabase.co", "service_role_key": SECRET}


@pytest.mark.parametrize(
    ("driver", "connection", "config", "namespace", "name"),
    [
        ("mysql.extractor", MYSQL, {"table": "orders"}, "mysql://db:3307", "shop.orders"),
        ("mysql.writer", MYSQL, {"table": "other.orders"}, "mysql://db:3307", "other.orders"),
        ("postgres.extractor", POSTGRES, {"table": "orders"}, "postgres://db:5432", "shop.public.orders"),
        ("postgres.writer", DSN, {"table": "sales.orders"}, "postgres://db:5433", "shop.sales.orders"),
        ("duckdb.writer", DUCKDB, {"table": "orders"}, "duckdb:///data/shop.duckdb", "shop.main.orders"),
        ("api.extractor", API, {"path": f"orders?key={SECRET}"}, "https://api.example.com:8443", "v1/orders"),
        ("shopify.extractor", SHOPIFY, {"resource": "orders"}, "shopify://tea.myshopify.com", "orders"),
        ("supabase.extractor", SUPABASE, {"table": "orders", "key": "id"}, "https://abc.supabase.co", "orders"),
        ("supabase.writer", SUPABASE, {"table": "orders"}, "https://abc.supabase.co", "orders"),
        ("filesystem.csv_writer", None, {"path": "/data/orders.csv"}, "file", "/data/orders.csv"),
    ],
)
def test_names(
    driver: str, connection: dict[str, Any] | None, config: dict[str, Any], namespace: str, name: str
) -> None:
    actual = get_driver(driver)
    assert isinstance(actual, BaseDriver)
    resolved = {} if connection is None else {"resolved_connection": {"alias": "test", **connection}}
    dataset = actual.dataset_of({**config, **resolved})
    assert dataset is not None
    assert (dataset.namespace, dataset.name, dataset.query) == (namespace, name, None)
    assert SECRET not in repr(dataset)


def test_a_query_names_no_table() -> None:
    actual = get_driver("postgres.extractor")
    assert isinstance(actual, BaseDriver)
    config = {"query": "SELECT 1", "resolved_connection": {"alias": "test", **POSTGRES}}
    assert actual.dataset_of(config) == Dataset("postgres://db:5432", "", "SELECT 1", ("shop", "public"))


def test_sql_over_results_has_no_dataset_of_its_own() -> None:
    actual = get_driver("duckdb.processor")
    assert isinstance(actual, BaseDriver)
    assert actual.dataset_of({"query": "SELECT 1"}) is None


@pytest.mark.parametrize(
    ("table", "name"), [("t", "db.public.t"), ("s.t", "db.s.t"), ("d.s.t", "d.s.t"), ("c.d.s.t", "c.d.s.t")]
)
def test_table_names(table: str, name: str) -> None:
    assert table_name(("db", "public"), table) == name


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("file:///mnt/staging/a/data.parquet", "file", "/mnt/staging/a/data.parquet"),
        ("/mnt/a.csv", "file", "/mnt/a.csv"),
        ("s3://my_conn@bucket/staging/a.parquet", "s3://bucket", "staging/a.parquet"),
    ],
)
def test_files(uri: str, namespace: str, name: str) -> None:
    assert of_uri(uri) == Dataset(namespace, name)
