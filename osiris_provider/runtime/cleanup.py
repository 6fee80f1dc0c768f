"""Removing what old tasks have left in staging, and nothing else."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from osiris_provider.errors import UNKNOWN, ConnectorError
from osiris_provider.storage.faults import MISSING, attempt, public, storage_fault
from osiris_provider.storage.files import FILE_NAME, is_local_file_system

_TRY = r"[^/]+/[^/]+/[^/]+/\d+/\d+"
_TRY_DIRECTORY = re.compile(_TRY)
_RESULT = re.compile(rf"{_TRY}/(?:{re.escape(FILE_NAME)}|\.{re.escape(FILE_NAME)}\.[0-9a-f]{{32}}\.partial)")
"""The layout of staging: DAG, run, task, map index and try. Whatever has another name or place is not ours."""
_OURS = re.compile(r"[A-Za-z0-9._=-]+")
"""What the names of our directories are made of: ``lost+found`` of a volume is none."""
_MODIFIED = ("LastModified", "last_modified", "mtime", "updated", "created")
"""What the file systems call it."""


@dataclass(frozen=True)
class OldFile:
    """A file that is, or would be, removed.

    :param path: below the staging URL.
    :param bytes: its size; 0 for an upload that has never been completed, which has none.
    :param modified: when it was written to last.
    :param problem: why it could not be removed, else empty.
    """

    path: str
    bytes: int
    modified: datetime
    problem: str = ""


def remove_old(fs: Any, root: str, url: str, older_than: timedelta, *, dry_run: bool = False) -> Iterator[OldFile]:
    """Remove results, partial files and uploads that nothing has written to for some time, and yield them.

    A file that cannot be removed, or a directory that cannot be read, is yielded with its problem, and the others are
    still removed. Links are never followed. On a mounted file system directories that have become empty are removed,
    too; a task that writes at the same time makes its own again.

    :param fs: an fsspec file system.
    :param root: the staging directory in it.
    :param url: the staging URL, for errors.
    :param older_than: must be longer than the longest run of a DAG with its retries.
    :param dry_run: only tell.
    :raises ConnectorError: the storage is not reached, denies access or has no such bucket.
    """
    before = time.time() - older_than.total_seconds()
    if is_local_file_system(fs):
        swept = _LocalSweep(os.path.realpath(root), url, before, dry_run).files()
    else:
        swept = _swept_store(fs, root.rstrip("/"), url, before, dry_run)
    # A device may fail at any step.
    while (old := attempt(url, next, swept, None)) is not None:
        yield old


class _LocalSweep:
    """Works with directory descriptors, so that no directory can be exchanged for a link in between."""

    def __init__(self, root: str, url: str, before: float, dry_run: bool) -> None:
        self._root = root
        self._url = url
        self._before = before
        self._dry_run = dry_run
        self._emptied: set[str] = set()
        self._unreadable: list[OSError] = []

    def files(self) -> Iterator[OldFile]:
        if not os.path.lexists(self._root):
            # No task has written yet.
            return
        os.scandir(self._root).close()
        walk = os.fwalk(self._root, topdown=False, onerror=self._unreadable.append)
        for directory, folders, names, descriptor in walk:
            relative = os.path.relpath(directory, self._root)
            yield from self._unread(relative)
            for name in names:
                if _RESULT.fullmatch(f"{relative}/{name}"):
                    yield from self._file(relative, name, descriptor)
            for name in () if self._dry_run else folders:
                self._folder(os.path.normpath(f"{relative}/{name}"), name, descriptor)

    def _file(self, relative: str, name: str, descriptor: int) -> Iterator[OldFile]:
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_mtime < self._before:
                remove = partial(os.unlink, name, dir_fd=descriptor)
                modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
                old = OldFile(f"{relative}/{name}", status.st_size, modified)
                self._emptied.add(relative)
                yield old if self._dry_run else _removed(old, remove, self._url)

    def _folder(self, relative: str, name: str, descriptor: int) -> None:
        """Remove a directory if nothing is in it and this sweep, or a task that died early, has left it so."""
        with suppress(OSError):
            if relative not in self._emptied:
                status = os.stat(name, dir_fd=descriptor)
                if status.st_mtime >= self._before or not _TRY_DIRECTORY.fullmatch(relative):
                    return
            os.rmdir(name, dir_fd=descriptor)
            self._emptied.add(os.path.dirname(relative))

    def _unread(self, relative: str) -> Iterator[OldFile]:
        """Yield the directories within this one that could not be read; those below them had their turn before."""
        errors = list(self._unreadable)
        self._unreadable.clear()
        for error in errors:
            name = str(error.filename)
            if _OURS.fullmatch(name) and not isinstance(error, FileNotFoundError):
                path = os.path.normpath(f"{relative}/{name}")
                problem = (storage_fault(error) or UNKNOWN).error(public(f"{self._url}/{path}"))
                yield OldFile(path, 0, datetime.now(timezone.utc), problem.message)


def _swept_store(fs: Any, root: str, url: str, before: float, dry_run: bool) -> Iterator[OldFile]:
    fs.invalidate_cache()
    for folder in _listed(fs.ls, root, url):
        if folder["type"] != "directory":
            continue
        for path, details in fs.find(folder["name"], detail=True).items():
            relative = path.removeprefix(f"{root}/")
            if not _RESULT.fullmatch(relative):
                continue
            modified = _modified(details)
            if modified is None:
                problem = f"The age of {public(f'{url}/{relative}')} is not known: its file system does not say it."
                yield OldFile(relative, 0, datetime.now(timezone.utc), problem)
            elif modified.timestamp() < before:
                old = OldFile(relative, int(details["size"]), modified)
                yield old if dry_run else _removed(old, partial(fs.rm_file, path), url)
    if hasattr(fs, "list_multipart_uploads"):
        yield from _swept_uploads(fs, root, url, before, dry_run)


def _listed(ls: Callable[..., Any], root: str, url: str) -> Any:
    """Return what is in a directory; nothing, if no one has made it yet."""
    try:
        return attempt(url, ls, root, detail=True)
    except ConnectorError as error:
        if error.fault != MISSING:
            raise
    return []


def _swept_uploads(fs: Any, root: str, url: str, before: float, dry_run: bool) -> Iterator[OldFile]:
    """Abort what a killed task was uploading to S3: it is in no listing, but it is paid for."""
    bucket, _, prefix = root.partition("/")
    try:
        uploads = attempt(url, fs.list_multipart_uploads, bucket)
    except ConnectorError as error:
        # A right of its own, which a key that may do all the rest often lacks.
        problem = f"Unfinished uploads were not looked for, which needs s3:ListBucketMultipartUploads. {error.message}"
        yield OldFile("unfinished uploads", 0, datetime.now(timezone.utc), problem)
        return
    inside = f"{prefix}/" if prefix else ""
    for upload in uploads:
        key, begun = upload["Key"], upload["Initiated"]
        relative = key.removeprefix(inside)
        if key.startswith(inside) and _RESULT.fullmatch(relative) and begun.timestamp() < before:
            old = OldFile(relative, 0, begun)
            yield old if dry_run else _removed(old, partial(fs.abort_mpu, bucket, key, upload["UploadId"]), url)


def _removed(old: OldFile, remove: Callable[[], Any], url: str) -> OldFile:
    try:
        attempt(f"{url}/{old.path}", remove)
    except ConnectorError as error:
        if error.fault != MISSING:
            return OldFile(old.path, old.bytes, old.modified, error.message)
    return old


def _modified(details: dict[str, Any]) -> datetime | None:
    modified = next((details[name] for name in _MODIFIED if details.get(name)), None)
    if isinstance(modified, (int, float)):
        return datetime.fromtimestamp(modified, timezone.utc)
    moment: datetime | None = (
        datetime.fromisoformat(modified.replace("Z", "+00:00")) if isinstance(modified, str) else modified
    )
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=timezone.utc)
