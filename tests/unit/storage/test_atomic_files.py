"""Files are there when they are complete: on a disk with the mode that is set, in a store by one step."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from osiris_provider.connections import trust
from osiris_provider.errors import PermissionDeniedError, UnknownConnectorError
from osiris_provider.storage.faults import MISSING
from osiris_provider.storage.files import VANISHED_TRIES, RenamedFile, ReportingFile, atomic_file, make_directories
from upath import UPath

URL = "s3://bucket/data.parquet"


class Upload:
    """A file of a store that notes what becomes of it."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.events: list[str] = []
        self.closed = False
        self._problem = problem

    def write(self, data: bytes) -> None:
        self.events.append(f"write {data.decode()}")

    def close(self) -> None:
        self.events.append("close")

    def commit(self) -> None:
        self.events.append("commit")
        if self._problem:
            raise self._problem

    def discard(self) -> None:
        self.events.append("discard" if self.closed else "discard, and upload what is left")


def store_of(upload: Upload, protocol: str = "s3") -> Any:
    """Return a path of a store that lends this file."""
    files = [upload]
    asked: dict[str, Any] = {}

    def lend(path: str, mode: str, **options: Any) -> Upload:
        asked.update(options, path=path, mode=mode)
        return upload

    store = SimpleNamespace(open=lend, transaction=SimpleNamespace(files=files), protocol=protocol, asked=asked)
    return SimpleNamespace(protocol=protocol, path="bucket/data.parquet", fs=store)


def write(path: Any, problem: Exception | None = None) -> None:
    """Write a letter, and then fail with a problem, if there is one."""
    with atomic_file(path, URL) as file:
        file.write(b"x")
        if problem:
            raise problem


@pytest.mark.parametrize("protocol", ["s3", "s3a", "gs", "gcs"])
def test_an_upload_is_committed_when_all_is_written(protocol: str) -> None:
    upload = Upload()
    path = store_of(upload, protocol)
    with atomic_file(path, URL) as file:
        file.write(b"x")
        assert path.fs.transaction.files == [], "no other transaction commits it"
    assert upload.events == ["write x", "close", "commit"]
    assert path.fs.asked == {"path": path.path, "mode": "wb", "autocommit": False, "block_size": 16 << 20}


def test_an_upload_that_fails_is_aborted_and_not_completed() -> None:
    upload = Upload()
    with pytest.raises(ZeroDivisionError):
        write(store_of(upload), ZeroDivisionError())
    assert upload.events == ["write x", "discard"]
    upload = Upload(PermissionError("no"))
    with pytest.raises(PermissionDeniedError, match=URL):
        write(store_of(upload))
    assert upload.events == ["write x", "close", "commit", "discard"]


def test_a_file_of_a_disk_gets_its_name_when_all_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[tuple[bytes, bool]] = []
    replace = os.replace

    def watched(partial: str, final: str) -> None:
        named.append((Path(partial).read_bytes(), Path(final).exists()))
        replace(partial, final)

    monkeypatch.setattr(os, "replace", watched)
    write(UPath(tmp_path / "x"))
    assert named == [(b"x", False)]
    with pytest.raises(ZeroDivisionError):
        write(UPath(tmp_path / "y"), ZeroDivisionError())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_in_a_store_that_only_renames_a_file_appears_at_the_end() -> None:
    store = MemoryFileSystem()
    with atomic_file(UPath("memory://renamed/a/x"), URL) as file:
        file.write(b"x")
        (partial,) = store.find("/renamed")
        assert partial.startswith("/renamed/a/.x.")
    with pytest.raises(ZeroDivisionError):
        write(UPath("memory://renamed/b/x"), ZeroDivisionError())
    assert store.find("/renamed") == ["/renamed/a/x"]
    assert store.cat_file("/renamed/a/x") == b"x"


def test_in_a_store_with_directories_they_are_there_before_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        with RenamedFile(UPath(tmp_path / "a" / "b" / "x"), URL) as file:
            file.write(b"x")
        assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("file_mode", "directory"),
    [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o660, 0o770), (0o664, 0o775), (0o666, 0o777)],
)
def test_users_who_may_read_the_files_may_enter_their_directories(
    file_mode: int, directory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__FILE_MODE", f"{file_mode:04o}")
    tmp_path.chmod(0o2700)
    write(UPath(tmp_path / "a" / "b" / "x"))
    assert stat.S_IMODE((tmp_path / "a" / "b" / "x").stat().st_mode) == file_mode
    for new in ("a", "a/b"):
        assert stat.S_IMODE((tmp_path / new).stat().st_mode) == 0o2000 | directory
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o2700, "what was there stays as it is"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_share_without_modes_is_written_to_with_one_warning(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(trust, "_warned", set())
    for name in "xy":
        write(UPath(tmp_path / "a" / name))
        assert (tmp_path / "a" / name).read_bytes() == b"x"
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path / 'a'} cannot get mode 0700")


def test_a_mode_that_cannot_be_set_for_another_reason_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(PermissionDeniedError, match="is read-only"):
        write(UPath(tmp_path / "x"))


def test_a_file_in_the_place_of_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(FileExistsError):
        make_directories(tmp_path / "x", 0o600)


@pytest.mark.parametrize("vanished", [1, VANISHED_TRIES - 1, VANISHED_TRIES])
def test_a_directory_may_vanish_so_often(vanished: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Path] = []

    def vanish(path: Path, mode: int) -> None:
        make_directories(path, mode)
        tries.append(path)
        if len(tries) <= vanished:
            path.rmdir()

    monkeypatch.setattr("osiris_provider.storage.files.make_directories", vanish)
    path = tmp_path / "a" / "x"
    if vanished < VANISHED_TRIES:
        write(UPath(path))
        assert path.read_bytes() == b"x"
    else:
        with pytest.raises(UnknownConnectorError) as raised:
            write(UPath(path))
        assert raised.value.fault == MISSING
    assert len(tries) == min(vanished + 1, VANISHED_TRIES)


def test_what_is_no_call_is_what_the_file_says(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as opened:
        file = ReportingFile(opened, "file:///x")
        assert file.closed is False
        assert file.name == opened.name
        assert file.write(b"12") == 2
