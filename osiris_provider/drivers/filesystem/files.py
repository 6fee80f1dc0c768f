"""What the drivers of local files share: paths, errors, and files that appear only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import AfterValidator

from osiris_provider.connections.settings import file_mode, parse_mode
from osiris_provider.drivers.base import Step, StepConfig
from osiris_provider.drivers.sql.base import InputError, of_step, one_line
from osiris_provider.drivers.sql.config import Text
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.storage.files import make_directories, open_new

_WRONG_PATH = {
    errno.ENOENT: "does not exist",
    errno.EISDIR: "is a directory",
    errno.ENOTDIR: "lies below something that is not a directory",
    errno.EEXIST: "lies below something that is not a directory",
    errno.EACCES: "may not be opened by this user",
    errno.EPERM: "may not be opened by this user",
    errno.EROFS: "is on a read-only file system",
    errno.ENAMETOOLONG: "has a name that is too long",
}


def _local(path: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.]+://", path):
        message = "is the path of a local file, not a URL"
        raise ValueError(message)
    if "\0" in path:
        message = "has a NUL character in it"
        raise ValueError(message)
    return os.path.expanduser(path)


LocalPath = Annotated[Text, AfterValidator(_local)]
"""A path as a config field: local, with ``~`` for the home directory."""


@contextlib.contextmanager
def explained(step: Step[Any], path: str) -> Iterator[None]:
    """Turn what goes wrong with a file into errors that name step and file.

    :param step: the step that works on it.
    :param path: of the file.
    :raises DriverConfigError: the path is wrong.
    :raises DataError: the content is, or there is no room for it.
    """
    import pyarrow as pa

    problem: OsirisError
    try:
        yield
    except InputError as error:
        raise error.args[0] from None
    except OsirisError as error:
        problem = of_step(error, step.id, f"{path}: ")
    except (pa.ArrowException, UnicodeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        problem = DataError(f"Step {step.id}: {path}: {one_line(str(error))}.", step=step.id)
    except OSError as error:
        problem = _file_error(step, path, error)
    else:
        return
    raise problem from None


def _file_error(step: Step[Any], path: str, error: OSError) -> OsirisError:
    wrong = _WRONG_PATH.get(error.errno or 0)
    if wrong:
        return DriverConfigError(f"Step {step.id}: {path} {wrong}. Fix config field path.", step=step.id)
    said = one_line(error.strerror or str(error))
    return DataError(f"Step {step.id}: {path}: {said}. Nothing was written.", step=step.id)


def _mode(text: str | None) -> str | None:
    if text is None or parse_mode(text) is not None:
        return text
    message = "is a mode such as 0600 or 0640, in quotes; the owner reads and writes"
    raise ValueError(message)


FileMode = Annotated[str | None, AfterValidator(_mode)]
"""The mode of a file as a config field; None for ``[osiris] file_mode``."""


class FileWriterConfig(StepConfig):
    """What the configs of all drivers that write a file have.

    :param path: of the file.
    :param file_mode: such as ``0640``; else ``[osiris] file_mode``.
    :param input: which input is written.
    """

    path: LocalPath
    file_mode: FileMode = None
    input: str | None = None


@contextlib.contextmanager
def replacing(path: str, mode: str | None = None) -> Iterator[IO[bytes]]:
    """Lend a new file beside a path; at the end it takes the place of what is there, at once.

    A symbolic link is replaced, not followed: in a directory that others may write to, it could be theirs.

    :param path: of the file; its directory is made if it is missing. After an error everything is as it was.
    :param mode: of the file, such as ``0640``; None for ``[osiris] file_mode``.
    """
    final = Path(os.path.abspath(path))
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    rights = file_mode() if mode is None else int(mode, 8) & 0o666
    make_directories(final.parent, rights)
    partial = final.with_name(f".{final.name[:200]}.{uuid.uuid4().hex}.partial")
    try:
        with open_new(partial, rights) as file:
            yield file
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)
