"""Each kind of staging area keeps the contract."""

from __future__ import annotations

import signal
import subprocess
import sys
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from osiris_provider.errors import AuthError, NetworkError, OsirisError, PermissionDeniedError, UnknownConnectorError
from osiris_provider.runtime.staging import Staging
from upath import UPath

from tests.servers.airflow.rest import until
from tests.servers.process import free_port
from tests.servers.s3 import SECRET, S3Server

from .staging import EVERYTHING, PATH_PARTS, StagingContract, stream

WRITE_ENDLESSLY = """
import sys
from tests.contract.test_staging import noise
from osiris_provider.runtime.staging import Staging
from upath import UPath
Staging(sys.argv[1], UPath).write(("dag", "run", "task", "0", "1"), noise(10_000))
"""


def noise(batches: int) -> pa.RecordBatchReader:
    """Batches of 4 MiB that cannot be compressed, in four columns."""
    schema = pa.schema([(name, pa.int64()) for name in "abcd"])
    random = np.random.default_rng(0)

    def produced() -> Iterator[pa.RecordBatch]:
        for _ in range(batches):
            columns = [pa.array(random.integers(0, 2**62, 131_072)) for _ in schema]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, produced())


class TestLocal(StagingContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return (tmp_path / "not there yet").as_uri()


class TestMemory(StagingContract):
    """Any file system that fsspec has, and that this package knows nothing of."""

    @pytest.fixture
    def url(self) -> str:
        return f"memory://{uuid.uuid4().hex}"


class TestS3(StagingContract):
    @pytest.fixture
    def url(self, s3: S3Server) -> str:
        return f"s3://{s3.bucket}/below/here"

    def test_what_was_uploaded_of_a_broken_stream_is_thrown_away(self, s3: S3Server, staging: Staging) -> None:
        parts = noise(8)

        def breaking() -> Iterator[pa.RecordBatch]:
            yield from parts
            assert s3.uploads()
            message = "the server went away"
            raise ConnectionError(message)

        with pytest.raises(ConnectionError, match="went away"):
            staging.write(PATH_PARTS, pa.RecordBatchReader.from_batches(parts.schema, breaking()))
        assert (s3.objects(), s3.uploads()) == ([], [])

    def test_a_killed_task_leaves_no_file_and_gc_aborts_its_upload(self, s3: S3Server, staging: Staging) -> None:
        with subprocess.Popen([sys.executable, "-c", WRITE_ENDLESSLY, staging.url]) as process:
            until(s3.uploads, "upload")
            process.send_signal(signal.SIGKILL)
        assert s3.objects() == []
        assert [old.path for old in staging.remove_old(EVERYTHING)] == ["dag/run/task/0/1/data.parquet"]
        assert s3.uploads() == []

    def test_a_column_is_fetched_without_the_others(self, s3: S3Server, staging: Staging) -> None:
        staged = staging.write(PATH_PARTS, noise(8))
        s3.control("served")
        assert staging.read(staged)["dataset"].to_table(columns=["b"]).num_rows == staged.rows
        fetched = sum(request["bytes"] for request in s3.control("served") if request["method"] == "GET")
        assert staged.bytes / 5 < fetched < staged.bytes / 3

    def test_the_bucket_may_be_the_whole_area(self, s3: S3Server) -> None:
        staging = Staging(f"s3://{s3.bucket}", UPath)
        staged = staging.write(PATH_PARTS, stream({"a": [1]}))
        assert staging.read(staged)["rows"] == 1
        assert len(list(staging.remove_old(EVERYTHING))) == 1
        assert s3.objects() == []


def refused(url: str) -> OsirisError:
    """Write to a staging area, read from it and clean it up; return the error, which is the same each time."""
    staging = Staging(url, UPath)
    with pytest.raises(OsirisError) as written:
        staging.write(PATH_PARTS, stream({"a": [1]}))
    with pytest.raises(OsirisError) as cleaned:
        list(staging.remove_old(EVERYTHING))
    assert type(written.value) is type(cleaned.value)
    for error in (written.value, cleaned.value):
        told = "".join(traceback.format_exception(error))
        assert url in str(error)
        assert "botocore" not in told
        assert SECRET not in told
    return written.value


def test_a_missing_bucket_is_not_made(s3: S3Server) -> None:
    error = refused("s3://mistyped/staging")
    assert isinstance(error, UnknownConnectorError)
    assert "does not exist" in str(error)
    assert not error.is_transient
    assert [bucket["Name"] for bucket in s3.client().list_buckets()["Buckets"]] == [s3.bucket]


@pytest.fixture
def reader(s3: S3Server) -> Iterator[tuple[str, str]]:
    """A key that may list the bucket only, and a server that checks keys and rights."""
    key = s3.restricted_key()
    with s3.checking_credentials():
        yield key


@pytest.mark.usefixtures("reader", "new_s3_client")
def test_an_unknown_key_is_refused() -> None:
    assert isinstance(refused("s3://staging/x"), AuthError)


@pytest.mark.usefixtures("new_s3_client")
def test_a_wrong_secret_is_refused(reader: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", reader[0])
    assert isinstance(refused("s3://staging/x"), AuthError)


@pytest.mark.usefixtures("new_s3_client")
def test_a_key_without_the_right_is_refused(reader: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", reader[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", reader[1])
    with pytest.raises(PermissionDeniedError, match="denied"):
        Staging("s3://staging/x", UPath).write(PATH_PARTS, stream({"a": [1]}))


@pytest.mark.usefixtures("s3", "new_s3_client")
def test_a_server_that_is_down_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    error = refused("s3://staging/x")
    assert isinstance(error, NetworkError)
    assert error.is_transient
