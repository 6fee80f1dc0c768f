"""From a path to the UTF-8 bytes of a CSV file, in blocks: unpacked and decoded on the way, never on the disk."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from osiris_provider.drivers.filesystem.config import CsvExtractorConfig
from osiris_provider.errors import DataError, UnknownConnectorError

BLOCK_BYTES = 4 * 1024 * 1024
"""How much of a CSV file is read at a time. The types are those that the first block shows."""

_BYTE_ORDER_MARK = codecs.BOM_UTF8
_ENCRYPTED = 0x1
_DAMAGED = "the archive is damaged or cut off, or it is none; have the file made once more"


def blocks(config: CsvExtractorConfig) -> Iterator[bytes]:
    """Yield the text of a file as UTF-8, without a byte order mark, in blocks.

    :raises DataError: an archive does not hold one file, or unpacks to more than it may.
    :raises UnicodeError: the file is not in its encoding.
    :raises UnknownConnectorError: somebody has written to it meanwhile, which a retry may find at its end.
    """
    with contextlib.ExitStack() as opened, _intact():
        source = opened.enter_context(Path(config.path).open("rb"))
        before = _state(source)
        file, packed = _unpacked(config, source, opened)
        read = _bounded(file, config.max_unpacked_bytes) if packed else iter(lambda: file.read(BLOCK_BYTES), b"")
        first = True
        for block in _recoded(read, config.encoding):
            if block:
                yield block.removeprefix(_BYTE_ORDER_MARK) if first else block
                first = False
        if _state(source) != before:
            message = (
                "somebody has written to the file while it was read, so that a row may be cut, or rows be mixed. "
                "Have it written under another name, and renamed when it is complete"
            )
            raise UnknownConnectorError(message)


@contextlib.contextmanager
def _intact() -> Iterator[None]:
    """Say what an archive is that cannot be unpacked."""
    try:
        yield
    except NotImplementedError:
        problem = "the archive is packed in a way that is not known here, such as Deflate64; pack it with Deflate"
    except (EOFError, zipfile.BadZipFile, zlib.error):
        problem = _DAMAGED
    except OSError as error:
        if error.errno is not None:
            raise
        # Of gzip and bz2.
        problem = _DAMAGED
    else:
        return
    raise DataError(problem)


def _state(file: IO[bytes]) -> tuple[int, int] | None:
    """Return what changes with each write to a file; None if it is a pipe or the like."""
    known = os.fstat(file.fileno())
    return (known.st_size, known.st_mtime_ns) if stat.S_ISREG(known.st_mode) else None


def _unpacked(config: CsvExtractorConfig, file: IO[bytes], opened: contextlib.ExitStack) -> tuple[IO[bytes], bool]:
    path = Path(config.path)
    if path.suffix.lower() == ".zip":
        return opened.enter_context(_only_member(opened.enter_context(zipfile.ZipFile(file)))), True
    if path.suffix.lower() == ".gz":
        return opened.enter_context(cast("IO[bytes]", gzip.GzipFile(fileobj=file))), True
    return file, False


def _only_member(archive: zipfile.ZipFile) -> IO[bytes]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        message = f"the archive has {len(members)} files; give one that has a single CSV file"
        raise DataError(message)
    if members[0].flag_bits & _ENCRYPTED:
        message = "the archive is encrypted; decrypt it first"
        raise DataError(message)
    return archive.open(members[0])


def _bounded(file: IO[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    while block := file.read(BLOCK_BYTES):
        size += len(block)
        if size > limit:
            message = f"the archive unpacks to more than {limit:,} bytes; raise config field max_unpacked_bytes"
            raise DataError(message)
        yield block


def _recoded(read: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("utf-8", "utf-8-sig"):
        yield from read
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in read:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()
