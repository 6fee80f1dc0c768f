"""Staging at ``s3://conn_id@bucket/path``, through Airflow's ObjectStoragePath and an Airflow connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.cli.test_commands import run
from tests.airflow.conftest import RunDag
from tests.airflow.versions import since_3_2
from tests.conftest import REPOSITORY, python_path
from tests.servers.s3 import SECRET, S3Server


def test_processes_in_different_directories_exchange_data(s3_server: S3Server, tmp_path: Path) -> None:
    s3_server.clear()
    environment = {
        **os.environ,
        "PYTHONPATH": python_path(REPOSITORY),
        "AIRFLOW_CONN_STAGE": s3_server.airflow_connection(),
        "AIRFLOW__OSIRIS__STAGING_URL": f"s3://stage@{s3_server.bucket}/area",
    }

    def process(directory: str, *arguments: str) -> str:
        (tmp_path / directory).mkdir()
        command = [sys.executable, "-m", "tests.airflow.operators.exchange", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path / directory, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
        return done.stdout.splitlines()[-1]

    reference = process("one", "write")
    assert json.loads(reference)["uri"] == f"s3://stage@{s3_server.bucket}/area/dag/run/extract/0/1/data.parquet"
    assert s3_server.objects() == ["area/dag/run/extract/0/1/data.parquet"]
    assert process("two", "read", reference) == str(sum(range(100_000)))


LOCAL = """
import sys
import pyarrow as pa
from osiris_provider.operators.osiris import default_staging
staging = default_staging()
staged = staging.write(["d", "r", "t", "0", "1"], pa.table({"a": [1, 2]}).to_reader())
assert staging.read(staged)["table"].num_rows == 2
print(sorted(name for name in sys.modules if name in ("boto3", "s3fs") or name.endswith(".fs.s3")))
"""


def test_local_staging_imports_no_file_system_of_other_providers(tmp_path: Path) -> None:
    environment = {**os.environ, "AIRFLOW__OSIRIS__STAGING_URL": tmp_path.as_uri()}
    done = subprocess.run(
        [sys.executable, "-c", LOCAL], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@since_3_2
@pytest.mark.usefixtures("airflow_database")
def test_gc_knows_the_connections_of_airflows_database(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    s3_server.clear()
    with create_session() as session:
        session.add(Connection.from_json(s3_server.airflow_connection(), conn_id="stage_in_database"))
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", f"s3://stage_in_database@{s3_server.bucket}/area")
    key = "area/dag/run/extract/0/1/data.parquet"
    s3_server.client().put_object(Bucket=s3_server.bucket, Key=key, Body=b"12345")
    removed: list[dict[str, Any]] = []
    # An object has to be a second old.
    while not removed:
        assert run("staging", "gc", "--older-than", "1s", "--json") == 0
        removed = json.loads(capsys.readouterr().out)["removed"]
    assert [(one["path"], one["bytes"]) for one in removed] == [("dag/run/extract/0/1/data.parquet", 5)]
    assert s3_server.objects() == []


def test_a_task_on_a_full_disk_uses_its_retries_and_leaves_nothing(
    tiny_disk: Path, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", tiny_disk.as_uri())
    with DAG("full_disk", schedule=None) as dag:
        # What cannot be compressed.
        query = "SELECT gen_random_uuid()::VARCHAR AS id FROM range(500_000)"
        OsirisOperator(
            task_id="extract",
            driver="duckdb.processor",
            config={"query": query},
            retries=1,
            retry_delay=timedelta(0),
        )
    run = run_dag(dag)
    assert (run.state, run.tries["extract"]) == ("failed", 2)
    assert [path for path in tiny_disk.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("url", ["s3:/bucket/area", "staging", "nosuch://bucket/area"])
def test_a_task_whose_staging_url_is_none_fails_at_once(
    url: str, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", url)
    with DAG("no_url", schedule=None) as dag:
        OsirisOperator(
            task_id="extract",
            driver="duckdb.processor",
            config={"query": "SELECT 1 AS n"},
            retries=1,
            retry_delay=timedelta(0),
        )
    run = run_dag(dag)
    assert (run.state, run.tries["extract"]) == ("failed", 1)


@since_3_2
@pytest.mark.parametrize("url", ["s3:/bucket/area", "nosuch://bucket/area"])
def test_gc_says_that_a_url_is_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("staging", "gc", "--older-than", "1d", "--url", url) == 3
    assert "bug" not in capsys.readouterr().err
