"""Old files in stores of all kinds, and old uploads: what goes, what stays, and what is told."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from osiris_provider.errors import NetworkError, PermissionDeniedError
from osiris_provider.runtime.cleanup import OldFile, remove_old

RESULT = "dag/run/task/0/1/data.parquet"
LIMIT = timedelta(days=1)
UTC = timezone.utc
FORMS: dict[str, Callable[[datetime], Any]] = {
    "with a zone": lambda moment: moment,
    "without": lambda moment: moment.replace(tzinfo=None),
    "text": lambda moment: moment.isoformat().replace("+00:00", "Z"),
    "seconds": lambda moment: moment.timestamp(),
}


class Store:
    """A store with one result and files of others, whose listings have what a test says."""

    protocol = "other"

    def __init__(self, details: dict[str, Any]) -> None:
        self.files = ["area/a.txt", "area/dag/notes.txt", f"area/{RESULT}", "area/notes/of/others.txt"]
        self._details = details
        self._is_listing_fresh = False

    def invalidate_cache(self) -> None:
        self._is_listing_fresh = True

    def ls(self, path: str, detail: bool) -> list[dict[str, str]]:
        assert (path, detail, self._is_listing_fresh) == ("area", True, True)
        names = {name.split("/")[1] for name in self.files}
        return [
            {"name": f"area/{name}", "type": "file" if name.endswith(".txt") else "directory"} for name in sorted(names)
        ]

    def find(self, path: str, detail: bool) -> dict[str, dict[str, Any]]:
        assert detail
        return {name: {"size": 4, **self._details} for name in self.files if name.startswith(f"{path}/")}

    def rm_file(self, path: str) -> None:
        self.files.remove(path)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", ["LastModified", "last_modified", "mtime", "updated", "created"])
def test_age_decides_by_whatever_name(name: str, form: Callable[[datetime], Any]) -> None:
    now = datetime.now(UTC)
    old, young = now - LIMIT - timedelta(minutes=1), now - LIMIT + timedelta(minutes=1)
    store = Store({name: form(young)})
    assert list(remove_old(store, "area", "other://area", LIMIT)) == []
    store = Store({name: form(old)})
    assert list(remove_old(store, "area/", "other://area", LIMIT)) == [OldFile(RESULT, 4, old)]
    assert store.files == ["area/a.txt", "area/dag/notes.txt", "area/notes/of/others.txt"]


def test_files_of_unknown_age_stay_and_are_told() -> None:
    store = Store({"modificationTime": 0, "mtime": None})
    [old] = remove_old(store, "area", "other://area", LIMIT)
    assert (old.path, old.bytes) == (RESULT, 0)
    assert old.problem.startswith(f"The age of other://area/{RESULT} is not known")
    assert f"area/{RESULT}" in store.files


class StoreOfUploads(Store):
    """One that tells of uploads that are not complete, as S3 does."""

    def __init__(self, uploads: dict[str, datetime]) -> None:
        super().__init__({"mtime": datetime.now(UTC)})
        self.uploads = uploads

    def ls(self, path: str, detail: bool) -> list[dict[str, str]]:
        return super().ls(path, detail) if path == "area" else []

    def list_multipart_uploads(self, bucket: str) -> list[dict[str, Any]]:
        assert bucket == "area"
        return [{"Key": key, "Initiated": begun, "UploadId": f"of {key}"} for key, begun in self.uploads.items()]

    def abort_mpu(self, bucket: str, key: str, upload: str) -> None:
        assert (bucket, upload) == ("area", f"of {key}")
        del self.uploads[key]


@pytest.mark.parametrize("root", ["area", "area/", "area/within"])
def test_old_uploads_of_results_below_the_area_are_aborted(root: str) -> None:
    now = datetime.now(UTC)
    old, young = now - LIMIT - timedelta(minutes=1), now - LIMIT + timedelta(minutes=1)
    prefix = "within/" if root == "area/within" else ""
    own, others = f"{prefix}{RESULT}", [f"{prefix}notes.txt", f"other/{RESULT}", "within"]
    store = StoreOfUploads({**dict.fromkeys(others, old), own: old, f"{prefix}dag/run/task/0/2/data.parquet": young})
    expected = [OldFile(RESULT, 0, old)]
    assert list(remove_old(store, root, "other://area", LIMIT, dry_run=True)) == expected
    assert own in store.uploads
    assert list(remove_old(store, root, "other://area", LIMIT)) == expected
    assert list(store.uploads) == [*others, f"{prefix}dag/run/task/0/2/data.parquet"]


def test_a_device_that_fails_halfway_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / RESULT).parent.mkdir(parents=True)
    (tmp_path / RESULT).touch()
    stat = os.stat

    def failing(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        if path == "data.parquet":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", failing)
    with pytest.raises(NetworkError, match=f"The mount of {tmp_path.as_uri()} has gone stale"):
        list(remove_old(LocalFileSystem(), str(tmp_path), tmp_path.as_uri(), LIMIT))


def test_a_folder_that_fails_in_a_way_no_one_knows_is_told_and_the_others_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / RESULT).parent.mkdir(parents=True)
    (tmp_path / RESULT).touch()
    os.utime(tmp_path / RESULT, (0, 0))
    walk = os.fwalk

    def walked(top: str, **options: Any) -> Any:
        options["onerror"](OSError(errno.EDOM, os.strerror(errno.EDOM), "broken"))
        return walk(top, **options)

    monkeypatch.setattr(os, "fwalk", walked)
    told, removed = remove_old(LocalFileSystem(), str(tmp_path), tmp_path.as_uri(), LIMIT)
    assert told.path.endswith("/broken")
    assert f"{tmp_path.as_uri()}/{told.path} failed" in told.problem
    assert (removed.path, removed.problem) == (RESULT, "")


def test_an_area_that_no_task_has_written_to_is_empty_and_one_that_is_denied_is_told() -> None:
    store = StoreOfUploads({})
    for error, refusal in ((FileNotFoundError, None), (PermissionError, PermissionDeniedError)):
        store.ls = partial(fail, error)  # type: ignore[method-assign] # what is asked for first
        if refusal is None:
            assert list(remove_old(store, "area", "other://area", LIMIT)) == []
        else:
            with pytest.raises(refusal):
                list(remove_old(store, "area", "other://area", LIMIT))


@pytest.mark.parametrize(("error", "said"), [(FileNotFoundError, ""), (PermissionError, "Access to other://area/")])
def test_what_cannot_be_removed_is_told_unless_another_has_removed_it(error: type[OSError], said: str) -> None:
    old = datetime.now(UTC) - 2 * LIMIT
    store = Store({"mtime": old})
    store.rm_file = partial(fail, error)  # type: ignore[method-assign] # what removes
    [one] = remove_old(store, "area", "other://area", LIMIT)
    assert (one.path, one.bytes, one.modified) == (RESULT, 4, old)
    assert one.problem.startswith(said)
    assert bool(one.problem) is bool(said)


def test_uploads_that_may_not_be_listed_are_told_and_count_for_nothing() -> None:
    store = StoreOfUploads({})
    store.list_multipart_uploads = partial(fail, PermissionError)  # type: ignore[method-assign] # a right of its own
    [told] = remove_old(store, "area", "other://area", LIMIT)
    assert (told.path, told.bytes) == ("unfinished uploads", 0)
    assert "s3:ListBucketMultipartUploads" in told.problem


def fail(error: type[OSError], *_: object, **__: object) -> Any:
    raise error
