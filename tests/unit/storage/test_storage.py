"""Disks that are full, read-only or in somebody's way; old results; directories that vanish."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from osiris_provider.connectors.faults import TIMED_OUT
from osiris_provider.errors import (
    AuthError,
    Fault,
    NetworkError,
    OsirisError,
    PermissionDeniedError,
    UnknownConnectorError,
)
from osiris_provider.runtime.staging import Staging
from osiris_provider.storage.faults import (
    BUSY,
    CLOCK,
    ELSEWHERE,
    EXPIRED_KEY,
    FILE_TOO_LARGE,
    FORBIDDEN,
    MISSING,
    NO_ADDRESS,
    NO_BUCKET,
    OVER_QUOTA,
    REFUSED,
    WRONG_KEY,
    attempt,
    public,
    storage_fault,
)
from osiris_provider.storage.files import VANISHED_TRIES, ReportingFile, make_directories, open_new
from upath import UPath

PATH_PARTS = ("dag", "run", "task", "0", "1")
PARTIAL = f".data.parquet.{'0' * 32}.partial"
DAY = 24 * 3600
VERDICTS = {
    errno.ENOSPC: (UnknownConnectorError, True),
    errno.EDQUOT: (UnknownConnectorError, True),
    errno.EFBIG: (UnknownConnectorError, False),
    errno.EACCES: (PermissionDeniedError, False),
    errno.EPERM: (PermissionDeniedError, False),
    errno.EROFS: (PermissionDeniedError, False),
    errno.ENOTDIR: (UnknownConnectorError, False),
    errno.EIO: (UnknownConnectorError, True),
    errno.ESTALE: (NetworkError, True),
    errno.ECONNRESET: (NetworkError, True),
}
"""The error of this package for each of the system's, and whether a task is tried again."""
CODES: dict[Fault, tuple[str, bool]] = {
    FORBIDDEN: ("AccessDenied AllAccessDisabled", False),
    WRONG_KEY: ("InvalidAccessKeyId InvalidToken SignatureDoesNotMatch", False),
    EXPIRED_KEY: ("ExpiredToken", False),
    CLOCK: ("RequestTimeTooSkewed", False),
    NO_BUCKET: ("NoSuchBucket", False),
    NO_ADDRESS: ("InvalidBucketName", False),
    MISSING: ("NoSuchKey", False),
    ELSEWHERE: ("AuthorizationHeaderMalformed PermanentRedirect", False),
    FILE_TOO_LARGE: ("EntityTooLarge", False),
    OVER_QUOTA: ("QuotaExceeded", True),
    BUSY: ("InternalError ServiceUnavailable SlowDown", True),
    TIMED_OUT: ("RequestTimeout", True),
    REFUSED: ("NeverHeardOf", False),
}
"""What S3's documentation calls errors, by what each means, and whether a task is tried again."""
WRITE_TOO_MUCH = """
import resource, signal, sys
from osiris_provider.runtime.staging import Staging
from tests.unit.storage.test_storage import PATH_PARTS, noise
from upath import UPath
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
Staging(sys.argv[1], UPath).write(PATH_PARTS, noise())
"""


def noise() -> pa.RecordBatchReader:
    """Four megabytes that cannot be compressed."""
    random = np.random.default_rng(0)
    batches = (pa.RecordBatch.from_pydict({"a": random.integers(0, 2**62, 65_536)}) for _ in range(8))
    return pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches)


def files_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink())


def test_a_full_disk_is_told_and_nothing_is_left_on_it(tiny_disk: Path) -> None:
    with pytest.raises(UnknownConnectorError) as raised:
        Staging(tiny_disk.as_uri(), UPath).write(PATH_PARTS, noise())
    assert f"There is no room left at {tiny_disk.as_uri()}. Remove old results" in str(raised.value)
    assert raised.value.is_transient
    assert files_under(tiny_disk) == []
    assert os.statvfs(tiny_disk).f_bavail > 0


def test_a_read_only_disk_is_told(tiny_disk: Path) -> None:
    subprocess.run([shutil.which("mount") or "", "-o", "remount,ro", tiny_disk], check=True)
    with pytest.raises(PermissionDeniedError, match="is read-only"):
        Staging(tiny_disk.as_uri(), UPath).write(PATH_PARTS, noise())


def test_a_device_without_room_is_told() -> None:
    with open("/dev/full", "wb", buffering=0) as device:
        file = ReportingFile(device, "file:///staging")
        with pytest.raises(UnknownConnectorError, match="no room left at file:///staging"):
            file.write(b"data")


def test_a_file_that_may_not_grow_is_told_and_not_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_TOO_MUCH, tmp_path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "takes no file as large as this result" in done.stderr.splitlines()[-1]
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("number", VERDICTS, ids=errno.errorcode.get)
def test_errors_of_the_system(number: int) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(OsirisError) as raised:
        attempt("file:///staging", fail)
    kind, retried = VERDICTS[number]
    assert type(raised.value) is kind
    assert raised.value.is_transient == retried
    assert "file:///staging" in str(raised.value)
    assert raised.value.__context__ is None


def test_a_file_system_that_only_reads_is_told() -> None:
    with pytest.raises(UnknownConnectorError, match="/staging is of a kind that cannot list") as raised:
        Staging("http://127.0.0.1:1/staging", UPath).write(PATH_PARTS, noise())
    assert not raised.value.is_transient


def test_what_arrow_does_not_implement_is_no_fault_of_a_store() -> None:
    assert storage_fault(pa.ArrowNotImplementedError("lists of unions")) is None


def test_an_expired_token_is_told_by_its_code() -> None:
    class AnswerError(Exception):
        response = {"Error": {"Code": "ExpiredToken", "Message": "do not show this"}}  # noqa: RUF012 - as botocore has it

    def fail() -> None:
        raise AnswerError

    with pytest.raises(AuthError, match="have expired") as raised:
        attempt("s3://staging", fail)
    assert "do not show this" not in str(raised.value)


@pytest.mark.parametrize("fault", CODES, ids=lambda fault: fault.slug)
def test_the_codes_of_s3_have_a_meaning_each(fault: Fault) -> None:
    codes, helps = CODES[fault]
    for code in codes.split():
        answer = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "PutObject")
        assert storage_fault(answer) == fault
    assert fault.error("s3://bucket").is_transient == helps


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "dag").write_text("not a directory")
    with pytest.raises(UnknownConnectorError, match="needs a directory"):
        Staging(tmp_path.as_uri(), UPath).write(PATH_PARTS, noise())


def test_passwords_in_urls_are_not_shown() -> None:
    assert public("sftp://ann:s3cret@host:22/staging") == "sftp://ann:***@host:22/staging"
    assert public("sftp://ann:s3/cr@t@host:22/staging") == "sftp://ann:***@host:22/staging"
    assert public("zip::ftp://ann:s3cret@host/x") == "zip::ftp://ann:***@host/x"
    assert "s3cret" not in public("zip://a::ftp://ann:s3cret@host/x")
    for clear in ("s3://my_conn@bucket/staging", "file:///data/a:b@c", "http://host:8080/staging"):
        assert public(clear) == clear


def test_a_directory_that_vanishes_while_a_task_begins_is_made_again(tmp_path: Path) -> None:
    staging = Staging(tmp_path.as_uri(), UPath)
    (tmp_path / "something else").touch()
    stop = threading.Event()
    removals = 0
    directory = tmp_path.joinpath("gone", *PATH_PARTS[1:])

    def remove_empty_directories() -> None:
        nonlocal removals
        while not stop.is_set():
            with suppress(OSError):
                for one in (directory, *directory.parents[: len(PATH_PARTS) - 1]):
                    # A removal spoils one try at most; the last one may fall into the next round.
                    if removals < VANISHED_TRIES - 2:
                        one.rmdir()
                        removals += 1

    remover = threading.Thread(target=remove_empty_directories)
    remover.start()
    try:
        for number in range(200):
            removals = 0
            staged = staging.write(("gone", *PATH_PARTS[1:]), pa.table({"a": [number]}).to_reader())
            assert staging.read(staged)["table"].to_pydict() == {"a": [number]}
            Path(staging.read(staged)["path"]).unlink()
    finally:
        stop.set()
        remover.join()


NOBODY = 65534


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that every user can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="osiris-tests-") as directory:
        Path(directory).chmod(0o777)
        yield Path(directory)


@pytest.fixture
def as_another_user() -> Iterator[Callable[[], None]]:
    """Go on without the rights of root, who may read all."""
    was = os.geteuid()

    def change() -> None:
        if was == 0:
            os.seteuid(NOBODY)

    yield change
    os.seteuid(was)


class TestOldResults:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "staging"
        root.mkdir()
        return root

    def put(self, path: Path, age: float = 2 * DAY) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))
        return path

    def remove(self, root: Path) -> list[str]:
        return sorted(old.path for old in Staging(root.as_uri(), UPath).remove_old(timedelta(days=1)))

    def test_age_decides(self, root: Path) -> None:
        self.put(root / "dag/run/task/0/1/data.parquet")
        self.put(root / f"dag/run/task/0/2/{PARTIAL}")
        young = [
            self.put(root / "dag/run/task/0/3/data.parquet", 60),
            self.put(root / f"dag/run/task/0/4/{PARTIAL}", 60),
        ]
        assert self.remove(root) == ["dag/run/task/0/1/data.parquet", f"dag/run/task/0/2/{PARTIAL}"]
        assert files_under(root) == sorted(str(path.relative_to(root)) for path in young)

    def test_directories_that_become_empty_are_removed_and_the_area_stays(self, root: Path) -> None:
        self.put(root / "dag/run/task/0/1/data.parquet")
        (root / "made by hand").mkdir()
        assert self.remove(root)
        assert [path.name for path in root.iterdir()] == ["made by hand"]

    def test_what_a_task_left_that_died_before_its_first_byte_is_removed(self, root: Path) -> None:
        for number, age in (("1", 2 * DAY), ("2", 0)):
            directory = root / "dag/run/task/0" / number
            directory.mkdir(parents=True)
            then = directory.stat().st_mtime - age
            os.utime(directory, (then, then))
        assert self.remove(root) == []
        assert [path.name for path in (root / "dag/run/task/0").iterdir()] == ["2"]

    def test_links_are_not_followed(self, root: Path, tmp_path: Path) -> None:
        outside = self.put(tmp_path / "outside/run/task/0/1/data.parquet")
        (root / "dag").symlink_to(tmp_path / "outside")
        link = root / "other/run/task/0/1/data.parquet"
        link.parent.mkdir(parents=True)
        link.symlink_to(outside)
        os.utime(link, (0, 0), follow_symlinks=False)
        assert self.remove(root) == []
        assert outside.exists()
        assert link.is_symlink()

    def test_the_area_itself_may_be_a_link(self, root: Path, tmp_path: Path) -> None:
        self.put(root / "dag/run/task/0/1/data.parquet")
        (tmp_path / "link").symlink_to(root)
        assert self.remove(tmp_path / "link") == ["dag/run/task/0/1/data.parquet"]

    def test_a_file_is_no_area(self, root: Path) -> None:
        with pytest.raises(UnknownConnectorError, match="needs a directory"):
            self.remove(self.put(root / "file"))

    def test_what_cannot_be_read_keeps_nothing_else_from_being_removed(
        self, open_to_all: Path, as_another_user: Callable[[], None]
    ) -> None:
        as_another_user()
        for name in ("a", "z"):
            self.put(open_to_all / f"{name}/run/task/0/1/data.parquet")
        closed = [self.put(open_to_all / f"{path}/task/0/1/data.parquet").parents[3] for path in ("m/one", "m/two")]
        # As Linux makes it on each volume.
        closed.append(open_to_all / "lost+found")
        closed[-1].mkdir()
        for directory in closed:
            directory.chmod(0)
        old = sorted(Staging(open_to_all.as_uri(), UPath).remove_old(timedelta(days=1)), key=lambda one: one.path)
        for directory in closed:
            directory.chmod(0o700)
        assert [(one.path, one.bytes, bool(one.problem)) for one in old] == [
            ("a/run/task/0/1/data.parquet", 4, False),
            ("m/one", 0, True),
            ("m/two", 0, True),
            ("z/run/task/0/1/data.parquet", 4, False),
        ]
        assert f"Access to {open_to_all.as_uri()}/m/one is denied." in old[1].problem

    def test_an_area_that_cannot_be_read_is_told(self, open_to_all: Path, as_another_user: Callable[[], None]) -> None:
        as_another_user()
        area = open_to_all / "area"
        area.mkdir(0)
        with pytest.raises(PermissionDeniedError, match=f"Access to {area.as_uri()} is denied"):
            self.remove(area)


def test_what_is_new_is_closed_to_others_until_it_has_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[int] = []

    def note(path: Path | int, _mode: int) -> None:
        before.append(stat.S_IMODE(os.stat(path).st_mode))

    monkeypatch.setattr(os, "chmod", note)
    make_directories(tmp_path / "a" / "b", 0o644)
    open_new(tmp_path / "a" / "b" / "c", 0o644).close()
    assert before == [0o700, 0o700, 0o600]
