"""Where results and state lie, what reaches them, and what an error of a step may show."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from osiris_provider.errors import (
    ConnectionConfigError,
    DataError,
    MissingPackageError,
    OsirisError,
    UnknownConnectorError,
)
from osiris_provider.runtime.results import without_secrets
from osiris_provider.runtime.staging import Staging, staging_url
from osiris_provider.runtime.state import state_url
from osiris_provider.storage.files import check_url, missing_package, open_ranges, path_of
from upath import UPath

SECRET = "canary-4711"
CONNECTION = {"family": "mysql", "alias": "shop", "host": "db", "user": "ann", "password": SECRET}


@pytest.fixture(autouse=True)
def airflow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for name in ("STAGING_URL", "STATE_URL"):
        monkeypatch.delenv(f"AIRFLOW__OSIRIS__{name}", raising=False)
    return tmp_path


def test_results_lie_in_airflow_home_unless_a_place_is_set(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert staging_url() == f"file://{airflow_home}/osiris_staging"
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", "s3://bucket/a")
    assert staging_url() == "s3://bucket/a"


def test_results_lie_in_a_home_of_any_name(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = airflow_home / "a b%20é#?;"
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    staged = Staging(staging_url(), UPath).write(["dag"], pa.table({"a": [1]}).to_reader())
    assert (home / "osiris_staging/dag/data.parquet").stat().st_size == staged.bytes
    assert list(airflow_home.iterdir()) == [home]


def test_a_relative_airflow_home_is_below_the_working_directory(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(airflow_home)
    monkeypatch.setenv("AIRFLOW_HOME", "home")
    assert staging_url() == f"file://{airflow_home}/home/osiris_staging"


def test_state_lies_below_the_results_unless_a_place_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_url() == f"{staging_url()}/.osiris-state"
    monkeypatch.setenv("AIRFLOW__OSIRIS__STAGING_URL", "s3://bucket/a//")
    assert state_url() == "s3://bucket/a/.osiris-state"
    monkeypatch.setenv("AIRFLOW__OSIRIS__STATE_URL", "s3://other")
    assert state_url() == "s3://other"


@pytest.mark.parametrize(
    ("scheme", "advice"),
    [
        ("s3", "pip install 'airflow-provider-osiris[s3]'"),
        ("s3a", "pip install 'airflow-provider-osiris[s3]'"),
        ("gs", "Install its fsspec package and the Airflow provider for it"),
        ("s4", "Install its fsspec package and the Airflow provider for it"),
    ],
)
def test_what_is_missing_is_named(scheme: str, advice: str) -> None:
    message = str(missing_package(scheme))
    assert f"{scheme}:// URLs" in message
    assert advice in message


@pytest.mark.filterwarnings("ignore:UPath")
@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("s4://bucket", MissingPackageError, "can reach s4:// URLs"),
        # Installed, but not what it needs, or with more settings than a URL has.
        ("git://repository", MissingPackageError, "can reach git:// URLs"),
        ("reference://x", MissingPackageError, "can reach reference:// URLs"),
        ("generic://x", MissingPackageError, "can reach generic:// URLs"),
        ("dir://x", MissingPackageError, "can reach dir:// URLs"),
        ("data://x/y", UnknownConnectorError, "cannot list, write or remove files"),
        ("http://127.0.0.1:1/x", UnknownConnectorError, "cannot list, write or remove files"),
        ("zip://missing.zip", UnknownConnectorError, "needs a directory"),
        ("bucket/path", ConnectionConfigError, "neither a URL"),
    ],
)
def test_staging_where_no_result_can_lie_is_an_error_in_words(url: str, error: type[OsirisError], words: str) -> None:
    staging = Staging(url, partial(path_of, make=UPath))
    with pytest.raises(error, match=words):
        staging.write(["dag"], pa.table({"a": [1]}).to_reader())


class Recording(MemoryFileSystem):  # type: ignore[misc] # fsspec ships no types
    """A store of no disk that notes how a file is asked for."""

    cachable = False

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            return super().open(path, mode, **options)
        self.asked = options
        return super().open(path, mode)


@pytest.mark.parametrize(
    ("ahead", "asked"),
    [(True, {"cache_type": "readahead", "block_size": 8 << 20}), (False, {"cache_type": "none"})],
)
def test_what_is_read_from_begin_to_end_is_fetched_ahead_and_nothing_else(ahead: bool, asked: dict[str, Any]) -> None:
    store = Recording()
    store.pipe_file("/ranges", b"0123456789")
    file = open_ranges(store, "/ranges", "memory://ranges", ahead=ahead)
    assert file.read(4) == b"0123"
    assert store.asked == asked


def test_a_file_of_a_disk_needs_no_cache(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12")
    for ahead in (True, False):
        file = open_ranges(LocalFileSystem(), str(tmp_path / "x"), "file:///x", ahead=ahead)
        assert file.read() == b"12"
        file.close()


def failing(error: BaseException, cause: BaseException | None = None) -> Any:
    def work() -> None:
        raise error from cause

    return work


def test_work_that_succeeds_returns_what_it_returns() -> None:
    assert without_secrets(CONNECTION, lambda: 7) == 7


@pytest.mark.parametrize(
    ("connection", "error"),
    [
        (CONNECTION, DataError(f"of this package, which redacts by itself {SECRET}")),
        (CONNECTION, ValueError("says nothing")),
        (CONNECTION, KeyboardInterrupt(SECRET)),
        (None, ValueError(f"of no connection {SECRET}")),
    ],
)
def test_an_error_that_shows_no_secret_stays_what_it_is(
    connection: dict[str, Any] | None, error: BaseException
) -> None:
    with pytest.raises(type(error)) as raised:
        without_secrets(connection, failing(error))
    assert raised.value is error


@pytest.mark.parametrize("cause", [None, KeyError(SECRET)])
def test_an_error_that_shows_a_secret_is_another_without_it(cause: BaseException | None) -> None:
    error = ValueError(f"cannot log in with {SECRET}" if cause is None else "cannot log in")
    with pytest.raises(UnknownConnectorError) as raised:
        without_secrets(CONNECTION, failing(error, cause))
    assert isinstance(raised.value, OsirisError)
    shown = "cannot log in with ***" if cause is None else "cannot log in"
    assert str(raised.value) == f"The driver failed with ValueError: {shown}"
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "/mnt/x",
        "file:///mnt/x",
        "file:/mnt/x",
        "local:///x",
        "s3://bucket",
        "s3://conn@bucket/x",
        "simplecache::s3://b",
    ],
)
def test_urls_and_absolute_paths_are_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize("character", ["\n", "\t", "\r", "\0", "\x1f", "\x7f"])
def test_a_url_has_no_control_characters(character: str) -> None:
    # Airflow's paths drop some of them and fsspec's do not: these are two directories.
    for url in (f"/mnt/x{character}", f"s3://bucket/a{character}b", f"file:///mnt{character}/x"):
        with pytest.raises(ConnectionConfigError, match="has a line break or another control character"):
            check_url(url)


def test_what_is_neither_is_shown_without_its_password() -> None:
    with pytest.raises(ConnectionConfigError, match="is neither a URL") as raised:
        check_url(f"s3://ann:{SECRET}@[bucket")
    assert SECRET not in str(raised.value)
