"""``osiris staging gc``: what it removes, says and returns."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from osiris_provider.runtime.staging import Staging
from upath import UPath

from tests.integration.conftest import Run
from tests.servers.s3 import S3Server

NO_URLS = (
    "",
    "staging",
    "s3:/bucket/x",
    "s3//bucket",
    "s3://",
    "://x",
    "file://mnt/x",
    "file://",
    "C:\\x",
    "s3://[x",
    "~",
)


@pytest.fixture
def area(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A staging area with an old result of each of two DAGs and a young one."""
    area = tmp_path / "staging"
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", area.as_uri())
    for dag, number, days in (("orders", "1", 8), ("orders", "2", 6), ("users", "1", 9)):
        path = area / dag / "run" / "extract" / "0" / number / "data.parquet"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"12345")
        then = path.stat().st_mtime - days * 24 * 3600
        os.utime(path, (then, then))
    return area


def left(area: Path) -> list[str]:
    return sorted(str(path.relative_to(area)) for path in area.rglob("*.parquet"))


def test_json_says_what_was_removed(run: Run, area: Path) -> None:
    code, out, err = run("staging", "gc", "--older-than", "7d", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["url"], told["dry_run"], told["files"], told["bytes"]) == (area.as_uri(), False, 2, 10)
    removed = {one["path"]: one["bytes"] for one in told["removed"]}
    assert removed == {"orders/run/extract/0/1/data.parquet": 5, "users/run/extract/0/1/data.parquet": 5}
    assert told["failed"] == []
    assert left(area) == ["orders/run/extract/0/2/data.parquet"]
    assert not (area / "users").exists()


def test_people_get_a_line_for_each_dag(run: Run, area: Path) -> None:
    code, out, err = run("staging", "gc", "--older-than", "1w")
    assert code == 0
    assert [line.split() for line in out.splitlines() if "─" not in line] == [
        ["dag", "files", "bytes"],
        ["orders", "1", "5"],
        ["users", "1", "5"],
    ]
    assert err == f"2 files, 10 bytes removed from {area.as_uri()}\n"


def test_a_dry_run_removes_nothing(run: Run, area: Path) -> None:
    code, out, err = run("staging", "gc", "--older-than", "7d", "--dry-run")
    assert code == 0
    assert "users" in out
    assert "2 files, 10 bytes would be removed from" in err
    assert len(left(area)) == 3


@pytest.mark.parametrize(("time", "kept"), [("8640m", 0), ("150h", 1), ("700000s", 2), ("1w", 1), ("10d", 3)])
def test_times(run: Run, area: Path, time: str, kept: int) -> None:
    assert run("staging", "gc", "--older-than", time)[0] == 0
    assert len(left(area)) == kept


@pytest.mark.parametrize("time", ["7", "0d", "-1d", "7 days", "1.5h", "9999999d"])
def test_wrong_times_are_wrong_usage(run: Run, area: Path, time: str) -> None:
    code, out, err = run("staging", "gc", f"--older-than={time}")
    assert (code, out) == (2, "")
    assert "is not a time such as 7d, 12h or 30m" in err
    assert len(left(area)) == 3


def test_the_time_has_to_be_given(run: Run, area: Path) -> None:
    assert run("staging", "gc")[0] == 2
    assert len(left(area)) == 3


def test_another_area_may_be_named(run: Run, area: Path, tmp_path: Path) -> None:
    code, out, err = run("staging", "gc", "--older-than", "1s", "--url", str(tmp_path / "elsewhere"))
    assert (code, out) == (0, "")
    assert err.startswith("0 files, 0 bytes removed from")
    assert len(left(area)) == 3


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        (
            "s3://my_conn@bucket/staging",
            "Run the command as airflow osiris …, which knows it; or give --url s3://bucket/",
        ),
        ("nosuch://bucket/staging", "Install its fsspec package"),
        *((url, "is neither a URL, such as s3://bucket/path") for url in NO_URLS if url),
        ("ftp://ann:c4n/ary@127.0.0.1:1/staging", "Install its fsspec package"),
        (
            "simplecache::ftp://ann:c4nary@127.0.0.1:1/x",
            "ftp://ann:***@127.0.0.1:1/x refused the connection",
        ),
        ("data://,x", "data://,x is of a kind that cannot list, write or remove files"),
        ("reference://ann:c4nary@host/x", "reference://ann:***@host/x cannot be opened: it fails with TypeError"),
    ],
)
@pytest.mark.parametrize("command", [["staging", "gc", "--older-than", "1d"], ["state", "list"]])
def test_what_cannot_be_opened_is_an_error_of_the_configuration(
    run: Run, command: list[str], url: str, advice: str
) -> None:
    code, out, err = run(*command, "--url", url, "--json")
    assert code == 3
    assert advice in json.loads(out)["error"]["message"]
    assert advice in err
    assert "c4n" not in out + err


@pytest.mark.usefixtures("new_s3_client")
def test_what_may_not_be_removed_is_told_and_the_exit_code_says_so(
    run: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://{s3.bucket}/area"
    Staging(url, UPath).write(("dag", "run", "extract", "0", "1"), pa.table({"n": [1]}).to_reader())
    key_id, secret = s3.restricted_key()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    type(UPath(url).fs).clear_instance_cache()
    with s3.checking_credentials():
        # The server's clock has to have gone on by the time that is asked for.
        while (actual := run("staging", "gc", "--older-than", "1s", "--url", url, "--json"))[1].count("message") < 2:
            assert actual[0] == 1, actual
    code, out, _ = actual
    failed, uploads = json.loads(out)["failed"]
    assert code == 1
    assert "needs s3:ListBucketMultipartUploads" in uploads["message"]
    assert failed["path"] == "dag/run/extract/0/1/data.parquet"
    assert failed["message"].startswith(f"Access to {url}/dag/run/extract/0/1/data.parquet is denied")
    assert len(s3.objects()) == 1


@pytest.mark.usefixtures("new_s3_client")
@pytest.mark.parametrize("command", [["staging", "gc", "--older-than", "7d"], ["state", "list"]], ids=" ".join)
@pytest.mark.parametrize(
    ("given", "bucket", "said"),
    [
        ({}, "bucket", "There are no complete credentials for s3://bucket/area."),
        ({"AWS_ACCESS_KEY_ID": "key"}, "bucket", "There are no complete credentials for s3://bucket/area."),
        ({"AWS_PROFILE": "nowhere"}, "bucket", "There are no complete credentials for s3://bucket/area."),
        ({"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s"}, "My!", "s3://My!/area cannot be"),
    ],
    ids=["none", "a half", "no such profile", "no name of a bucket"],
)
def test_what_the_client_of_s3_misses_before_it_asks_is_a_mistake(
    command: list[str], given: dict[str, str], bucket: str, said: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", **given}.items():
        monkeypatch.setenv(name, value)
    code, _, err = run(*command, "--url", f"s3://{bucket}/area")
    assert (code, err.startswith(f"error: {said}")) == (3, True), err


@pytest.mark.usefixtures("new_s3_client")
@pytest.mark.parametrize("command", [["staging", "gc", "--older-than", "7d"], ["state", "list"]], ids=" ".join)
@pytest.mark.parametrize(
    "given",
    [
        {"AWS_ENDPOINT_URL": "localhost:9000"},
        {"AWS_ENDPOINT_URL": "//localhost:9000"},
        {"AWS_ENDPOINT_URL": "http://[::1"},
        {"AWS_DEFAULT_REGION": "the north"},
        {"AWS_CONFIG_FILE": "{broken}"},
        {"AWS_MAX_ATTEMPTS": "many"},
        {"AWS_RETRY_MODE": "never"},
        # Files that are missing here are not files that are missing in the bucket, which would be no state.
        {"AWS_CA_BUNDLE": "/nonexistent", "AWS_ENDPOINT_URL": "https://127.0.0.1:1"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"},
    ],
    ids=str,
)
def test_settings_that_the_client_of_s3_cannot_use_are_a_mistake(
    command: list[str], given: dict[str, str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").write_text("[default\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # The first would be taken before a token.
    key = {} if "AWS_ROLE_ARN" in given else {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s"}
    default = {"AWS_DEFAULT_REGION": "us-east-1", "HOME": "/nonexistent", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    for name, value in {**default, **key, **given}.items():
        monkeypatch.setenv(name, value.replace("{broken}", str(tmp_path / "broken")))
    code, _, err = run(*command, "--url", "s3://bucket/area")
    said = "The client for s3://bucket/area cannot work with its settings."
    assert (code, err.startswith(f"error: {said}")) == (3, True), err
