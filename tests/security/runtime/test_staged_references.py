"""References to results come through XCom, which every task of a DAG, and the API, can write to."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.duckdb.extractor import DuckDBProcessor
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.runtime.staging import StagedData, Staging, safe_segment
from osiris_provider.testing.context import RecordingContext
from upath import UPath

PATH_PARTS = ("shop", "manual__2026-01-01T00:00:00+00:00", "extract", "0", "1")
TABLE = pa.table({"id": [1, 2]})


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging((tmp_path / "staging").as_uri(), UPath)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that is none of staging's business."""
    path = tmp_path / "elsewhere" / "a" / "b" / "c" / "0" / "1" / "data.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"salary": [1]}), path)
    return path


def reference(uri: str) -> dict[str, Any]:
    return {"uri": uri, "rows": 1, "bytes": 1, "columns": ["salary"]}


@pytest.mark.parametrize(
    "uri",
    [
        "{secret}",
        "file://{secret}",
        "{url}/../elsewhere/a/b/c/0/1/data.parquet",
        "{url}/a/../../elsewhere/0/1/data.parquet",
        "{url}/%2e%2e/b/c/0/1/data.parquet",
        "{url}/*/*/*/0/1/data.parquet",
        "{url}/shop/run/extract/0/?/data.parquet",
        "{url}/shop/run/extract/0/1/[a-z]*",
        "{url}/shop/run/extract/0/1/other.parquet",
        "{url}/shop/run/extract/0/1/data.parquet#x",
        "{url}/shop/run/extract/0/1/data.parquet\n",
        "{url}/shop/run/extract/-1/1/data.parquet",
        "{url}/shop/run/extract/0/\u0661/data.parquet",
        "{url}//shop/run/extract/0/1/data.parquet",
        "{url}elsewhere/run/extract/0/1/data.parquet",
        "{url}",
        "{url}/",
        "",
        "s3://other_conn@bucket/shop/run/extract/0/1/data.parquet",
        "http://169.254.169.254/shop/run/extract/0/1/data.parquet",
        "simplecache::s3://bucket/shop/run/extract/0/1/data.parquet",
    ],
)
def test_a_reference_leads_nowhere_but_into_staging(staging: Staging, secret: Path, uri: str) -> None:
    staged = StagedData.parse(reference(uri.format(url=staging.url, secret=secret)))
    assert staged is not None
    with pytest.raises(DataError, match="is not to a result in the staging area"):
        staging.read(staged)


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("s3://shop@bucket/staging", "s3://payroll@bucket/staging/shop/run/extract/0/1/data.parquet"),
        ("s3://shop@bucket/staging", "s3://bucket/staging/shop/run/extract/0/1/data.parquet"),
        ("s3://shop@bucket/staging", "s3://shop@other/staging/shop/run/extract/0/1/data.parquet"),
        ("s3://shop@bucket/staging", "s3://shop@bucket/staging2/shop/run/extract/0/1/data.parquet"),
    ],
)
def test_a_reference_uses_no_other_connection_nor_bucket(url: str, uri: str) -> None:
    def open_path(uri: str) -> Any:
        raise AssertionError(uri)

    with pytest.raises(DataError, match="is not to a result"):
        Staging(url, open_path).read(StagedData(uri, 1, 1, ["a"]))


def test_the_password_of_a_url_is_not_shown(staging: Staging) -> None:
    with pytest.raises(DataError) as raised:
        staging.read(StagedData("s3://user:canary@bucket/x", 1, 1, ["a"]))
    assert "canary" not in str(raised.value)


def test_a_link_does_not_lead_out_of_staging(staging: Staging, secret: Path) -> None:
    staged = staging.write(PATH_PARTS, TABLE.to_reader())
    path = Path(staging.read(staged)["path"])
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(DataError, match="is not to a result"):
        staging.read(staged)


def test_staging_may_itself_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    staging = Staging((tmp_path / "link").as_uri(), UPath)
    assert staging.read(staging.write(PATH_PARTS, TABLE.to_reader()))["table"].num_rows == 2


@given(st.lists(st.text(), min_size=3, max_size=3), st.integers(0, 99), st.integers(1, 99))
def test_every_place_that_is_written_can_be_read(names: list[str], index: int, number: int) -> None:
    staging = Staging("memory://staging", UPath)
    joined = "/".join([*map(safe_segment, names), str(index), str(number)])
    assert staging.read(StagedData(f"{staging.url}/{joined}/data.parquet", 1, 1, ["a"]))["rows"] == 1


@pytest.mark.parametrize(
    "value", [{"uri": 1}, {"rows": "x"}, {"rows": True}, {"bytes": None}, {"columns": "a"}, {"columns": {}}]
)
def test_what_is_no_reference_is_none(value: dict[str, Any]) -> None:
    assert StagedData.parse({**reference("file:///x"), **value}) is None


@pytest.mark.parametrize(
    "value", [{"path": "{secret}"}, {"path": "{secret}", "data": None}, {"path": "{secret}", "df": None}]
)
def test_an_input_through_xcom_names_no_path(staging: Staging, secret: Path, value: dict[str, Any]) -> None:
    operator = OsirisOperator(task_id="t", driver=DuckDBProcessor, config={})
    given = {key: item and item.format(secret=secret) for key, item in value.items()}
    inputs = {"e": operator._input("t", "e", given, staging)}  # noqa: SLF001 - where XCom ends and drivers begin
    with pytest.raises((DataError, DriverConfigError)):
        DuckDBProcessor().run(step_id="t", config={"query": "FROM e"}, inputs=inputs, ctx=RecordingContext())[
            "data"
        ].read_all()


@pytest.mark.parametrize(("mode", "file", "directory"), [(None, 0o600, 0o700), ("0660", 0o660, 0o770)])
def test_results_are_for_their_owner_alone(
    staging: Staging, mode: str | None, file: int, directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode:
        monkeypatch.setenv("AIRFLOW__OSIRIS__FILE_MODE", mode)
    before = os.umask(0o022)
    try:
        path = Path(staging.read(staging.write(PATH_PARTS, TABLE.to_reader()))["path"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == file
    for above in list(path.parents)[:6]:
        assert stat.S_IMODE(above.stat().st_mode) == directory
