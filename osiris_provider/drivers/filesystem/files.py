"""What the drivers of local files share: paths, errors, and files that appear only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from osiris_provider.connections.settings import file_mode
from osiris_provider.drivers.sql.base import InputError
from osiris_provider.drivers.step import Step, of_step
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.messages import one_line
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
    errno.ENODEV: "is a device, a pipe or a socket, and a file would take its place",
    errno.EBUSY: "is mounted by itself, so that no file can take its place; mount its directory",
}


@contextlib.contextmanager
def explained(step: Step[Any], path: str, advice: str) -> Iterator[None]:
    """Turn what goes wrong with a file into errors that name step and file.

    :param step: the step that works on it.
    :param path: of the file.
    :param advice: for what the operating system says of it.
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
    except (pa.ArrowException, UnicodeError) as error:
        problem = DataError.in_step(step.id, f"{path}: {one_line(str(error))}.")
    except OSError as error:
        problem = _file_error(step, path, error, advice)
    else:
        return
    raise problem from None


def _file_error(step: Step[Any], path: str, error: OSError, advice: str) -> OsirisError:
    wrong = _WRONG_PATH.get(error.errno or 0)
    if wrong:
        return DriverConfigError.in_step(step.id, f"{path} {wrong}. Fix config field path.")
    said = one_line(error.strerror or str(error))
    return DataError.in_step(step.id, f"{path}: {said}. {advice}")


def _refuse_special(final: Path) -> None:
    """Refuse what only root could replace, and with it break the machine: ``/dev/null``, ``/dev/stdout`` and the like.

    :raises OSError: there is something else than a file, or a link to a file of this process.
    """
    try:
        mode = final.stat().st_mode
        is_open_file = final.is_symlink() and os.readlink(final).startswith("/proc/")
    except OSError:
        # There is nothing, or what is done next says why.
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(final))
    if is_open_file or not stat.S_ISREG(mode):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), str(final))


@contextlib.contextmanager
def replacing(path: str, mode: str | None = None) -> Iterator[IO[bytes]]:
    """Lend a new file beside a path; at the end it takes the place of what is there, at once.

    A symbolic link is replaced, not followed: in a directory that others may write to, it could be theirs.

    :param path: of the file; its directory is made if it is missing. After an error everything is as it was.
    :param mode: of the file, such as ``0640``; None for ``[osiris] file_mode``.
    """
    final = Path(os.path.abspath(path))
    _refuse_special(final)
    rights = file_mode() if mode is None else int(mode, 8) & 0o666
    make_directories(final.parent, rights)
    # Names are limited in bytes.
    begin = os.fsdecode(os.fsencode(final.name)[:200])
    partial = final.with_name(f".{begin}.{uuid.uuid4().hex}.partial")
    try:
        with open_new(partial, rights) as file:
            yield file
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)
