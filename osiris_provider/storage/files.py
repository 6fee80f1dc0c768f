"""Files that are written whole or not at all, and files that are read in pieces."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import urlsplit

from osiris_provider.connections.reference import shown
from osiris_provider.connections.settings import file_mode
from osiris_provider.connections.trust import set_mode
from osiris_provider.errors import ConnectionConfigError, MissingPackageError
from osiris_provider.storage.faults import attempt
from osiris_provider.storage.s3 import without_redirects

FILE_NAME = "data.parquet"
"""The name of every result."""
LOCAL_PROTOCOLS = ("", "file", "local")
COMMITTING_PROTOCOLS = ("s3", "s3a", "gs", "gcs")
"""Stores in which a file appears when its upload is complete; a file that is discarded never does."""
PART_BYTES = 16 * 1024 * 1024
"""Bytes that are uploaded at a time. S3 takes 10,000 parts, so a file may have 160 GB."""
READ_AHEAD_BYTES = 8 * 1024 * 1024
"""Bytes that are fetched beyond what is asked for, where a file is read from its begin to its end."""
VANISHED_TRIES = 10
_UNUSABLE = (ImportError, OSError, ValueError, TypeError, AttributeError, NotImplementedError)
"""What file systems raise that are not installed, lack a library, need more than a URL, or know no paths."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_URL = re.compile(r"/.*|(file|local):(/(?!/)|///).*|(?!(file|local):)[A-Za-z][\w+.-]*(::[\w+.-]+)*://.+", re.DOTALL)


def file_system(path: Any) -> Any:
    """Return the fsspec file system of a path.

    :param path: a UPath or an ``ObjectStoragePath``.
    :raises MissingPackageError: nothing that is installed can reach it.
    """
    if is_local(path):
        # Airflow would first import the file systems of all providers: boto3, for Amazon's, takes a tenth of a second.
        from fsspec.implementations.local import LocalFileSystem

        return LocalFileSystem()
    try:
        fs = attempt(str(path), getattr, path, "fs")
    except _UNUSABLE:
        scheme = path.protocol
    else:
        return without_redirects(fs)
    raise missing_package(scheme)


def path_of(url: str, make: Callable[[str], Any]) -> Any:
    """Return the path of a URL.

    :param make: makes a path of a URL: a class of paths.
    :raises ConnectionConfigError: it is no URL, and no absolute path.
    :raises MissingPackageError: nothing that is installed can reach it.
    """
    check_url(url)
    with contextlib.suppress(*_UNUSABLE):
        return make(url)
    raise missing_package(url.partition(":")[0])


def missing_package(scheme: str) -> MissingPackageError:
    """Return the error that says what to install.

    :param scheme: of a URL that nothing can reach.
    """
    known = "Run pip install 'airflow-provider-osiris[s3]'."
    other = "Install its fsspec package and the Airflow provider for it, or correct the URL."
    advice = known if scheme in ("s3", "s3a") else other
    return MissingPackageError(f"Nothing that is installed can reach {scheme}:// URLs. {advice}")


def check_url(url: str) -> None:
    """Check that a URL can be that of a file or a directory: each process would take a relative path for another.

    :raises ConnectionConfigError: it is no URL, and no absolute path.
    """
    with contextlib.suppress(ValueError):
        urlsplit(url)
        # Some file systems drop line breaks and tabs, and others do not.
        if _URL.fullmatch(url) and not _CONTROL.search(url):
            return
    message = (
        f"'{shown(url)}' is neither a URL, such as s3://bucket/path or file:///mnt/staging, nor an absolute path, or "
        "has a line break or another control character in it. "
        "Correct [osiris] staging_url or state_url, or --url."
    )
    raise ConnectionConfigError(message)


def local_url(path: Path) -> str:
    """Return the URL of an absolute path. Nothing in it is quoted: fsspec would take ``%20`` for the name of another.

    :param path: of a directory on a mounted file system.
    """
    return f"file://{path}"


def is_local(path: Any) -> bool:
    """Return whether a path is of a mounted file system.

    :param path: a UPath or an ``ObjectStoragePath``.
    """
    return getattr(path, "protocol", "file") in LOCAL_PROTOCOLS


def is_local_file_system(fs: Any) -> bool:
    """Return whether a file system is a mounted one.

    :param fs: of fsspec.
    """
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    return not protocols.isdisjoint(LOCAL_PROTOCOLS)


class ReportingFile:
    """A file whose failures are raised as errors of this package.

    :param file: any file object.
    :param url: URL to name in errors.
    """

    def __init__(self, file: Any, url: str) -> None:
        self._file = file
        self._url = url

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._file, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: attempt(self._url, attribute, *args, **kwargs)


def make_directories(path: Path, mode: int) -> None:
    """Make a directory and those above it that are missing; users who may read files of a mode may enter them.

    :param mode: of the files to come.
    """
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            # The mode that was asked for, whatever the umask; a set-group-ID bit is inherited and stays.
            inherited = directory.stat().st_mode & stat.S_ISGID
            set_mode(directory, mode | 0o700 | (mode & 0o044) >> 2 | inherited)
    if not path.is_dir():
        # Tell what is in the way.
        path.mkdir()


def open_new(path: Path, mode: int) -> IO[bytes]:
    """Open a file that does not exist yet for writing.

    :param mode: of the file, whatever the umask.
    :raises FileExistsError: there is something of that name, be it a link to nowhere.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    set_mode(path, mode, descriptor)
    return os.fdopen(descriptor, "wb")


class AtomicFile(ABC):
    """A file that appears under its name when the block ends without an exception, and never in part.

    :param path: its final place.
    :param url: URL to name in errors.
    """

    def __init__(self, path: Any, url: str) -> None:
        self._path = path
        self._url = url
        self._fs = file_system(path)
        self._file: Any = None

    def __enter__(self) -> ReportingFile:
        self._file = attempt(self._url, self._open)
        return ReportingFile(self._file, self._url)

    def __exit__(self, error_type: type[BaseException] | None, _: object, trace: TracebackType | None) -> None:
        try:
            if error_type is None:
                attempt(self._url, self._finish)
                self._file = None
        finally:
            if self._file is not None:
                # Whatever else goes wrong while clearing up, the first error is the one to tell.
                with contextlib.suppress(Exception):
                    self._discard()

    @abstractmethod
    def _open(self) -> Any:
        """Open the file for writing, invisible as yet."""

    @abstractmethod
    def _finish(self) -> None:
        """Make it visible."""

    @abstractmethod
    def _discard(self) -> None:
        """Leave nothing of it."""


class CommittedFile(AtomicFile):
    """An upload to an object store, completed or aborted."""

    def _open(self) -> Any:
        # No directory is made: s3fs would create the bucket, if it is missing.
        file = self._fs.open(self._path.path, "wb", autocommit=False, block_size=PART_BYTES)
        # It is committed here, and not by the next caller that uses a transaction of this file system.
        self._fs.transaction.files.remove(file)
        return file

    def _finish(self) -> None:
        self._file.close()
        self._file.commit()

    def _discard(self) -> None:
        # Closing would upload what is buffered.
        self._file.closed = True
        self._file.discard()


class RenamedFile(AtomicFile):
    """A file beside the final one, with a name that no one looks for, renamed at the end."""

    def __init__(self, path: Any, url: str) -> None:
        super().__init__(path, url)
        self._partial = path.parent / f".{path.name}.{uuid.uuid4().hex}.partial"

    def _open(self) -> Any:
        # A process that removes empty directories may be faster than the first file.
        for _ in range(VANISHED_TRIES - 1):
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                return self._try_open()
        return self._try_open()

    def _try_open(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._fs.open(self._partial.path, "wb")

    def _finish(self) -> None:
        self._file.close()
        self._fs.mv(self._partial.path, self._path.path)

    def _discard(self) -> None:
        try:
            self._file.close()
        finally:
            self._partial.unlink(missing_ok=True)


class LocalFile(RenamedFile):
    """The same on a mounted file system, with the mode that ``[osiris] file_mode`` says."""

    def _try_open(self) -> Any:
        mode = file_mode()
        make_directories(Path(self._path.parent.path), mode)
        return open_new(Path(self._partial.path), mode)

    def _finish(self) -> None:
        self._file.close()
        os.replace(self._partial.path, self._path.path)


def atomic_file(path: Any, url: str) -> AtomicFile:
    """Return a file to be written in a ``with`` block: it is there after the block, or nothing is.

    :param path: a UPath or an ``ObjectStoragePath``; an existing file is replaced.
    :param url: URL to name in errors.
    """
    remote = CommittedFile if path.protocol in COMMITTING_PROTOCOLS else RenamedFile
    return attempt(url, LocalFile if is_local(path) else remote, path, url)


def open_ranges(fs: Any, path: str, url: str, *, ahead: bool) -> Any:
    """Open a file for reading ranges of it.

    :param fs: a file system.
    :param path: in that file system.
    :param url: URL to name in errors.
    :param ahead: the file will be read from its begin to its end, so fetch more than is asked for.
    """
    caching = {"cache_type": "readahead", "block_size": READ_AHEAD_BYTES} if ahead else {"cache_type": "none"}
    return ReportingFile(attempt(url, fs.open, path, "rb", **({} if is_local_file_system(fs) else caching)), url)
