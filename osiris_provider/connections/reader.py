"""From a path to the text of a connections file, or to one clear reason why there is none."""

from __future__ import annotations

import stat
from pathlib import Path

from osiris_provider.errors import ConnectionConfigError

FILE_NAME = "osiris_connections.yaml"
MAX_BYTES = 2 * 1024 * 1024


def read_text(path: Path) -> str:
    """Return the text of a file.

    :param path: a regular file of at most :data:`MAX_BYTES`, in UTF-8.
    :raises ConnectionConfigError: it cannot be read, or is nothing of the kind.
    """
    text, problem = try_read_text(path, f"is a directory; name the file in it, such as {path / FILE_NAME}")
    if problem:
        message = f"Connections file {path} {problem}."
        raise ConnectionConfigError(message, file=str(path))
    return text


def try_read_text(path: Path, directory: str = "is a directory") -> tuple[str, str | None]:
    """Return the text of a file, and why it cannot be had, as the rest of a sentence.

    :param path: a regular file of at most :data:`MAX_BYTES`, in UTF-8.
    :param directory: what to say of a directory.
    """
    data, problem = _read_bytes(path, directory)
    problem = problem or _encoding_problem(data)
    return ("", problem) if problem else (data.decode("utf-8-sig"), None)


def _read_bytes(path: Path, directory: str) -> tuple[bytes, str | None]:
    try:
        problem = _type_problem(path, directory)
        if problem:
            return b"", problem
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return b"", f"cannot be read: {error.strerror}"
    return data, _size_problem(len(data))


def _type_problem(path: Path, directory: str) -> str | None:
    """Look before opening: to open a FIFO would wait for its writer."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        return directory
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    return _size_problem(status.st_size)


def _size_problem(size: int) -> str | None:
    return f"is too large; such a file may have {MAX_BYTES:,} bytes" if size > MAX_BYTES else None


def _encoding_problem(data: bytes) -> str | None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16; save it as UTF-8"
    if b"\0" in data:
        return "is binary; save it as text in UTF-8"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"is not UTF-8 at line {line}; save it as UTF-8"
    return None
