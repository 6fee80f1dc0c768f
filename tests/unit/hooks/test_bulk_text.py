"""Tab-delimited files of bulk loads and dumps: what stands in them, and how much of one is in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.hooks.bulk.text import batches_in, hexadecimal, rows_in, written


def test_a_batch_has_10000_rows_or_16_mebibytes_and_a_row_more(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"a\tb\n" * 20_001)
    assert [len(batch) for batch in batches_in(path)] == [10_000, 10_000, 1]
    path.write_bytes((b"x" * (4 << 20) + b"\n") * 5)
    assert [len(batch) for batch in batches_in(path)] == [4, 1]
    path.write_bytes(b"")
    assert list(batches_in(path)) == []


def test_a_backslash_stands_before_what_is_special_and_before_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(rb"\0\b\f\v\t\n\r\\\q\NN" + b"\\\n\\\t\t\\N\n")
    assert list(rows_in(path)) == [[b"\0\b\f\v\t\n\r\\qNN\n\t", None]]


def test_bytes_are_hexadecimal() -> None:
    assert [hexadecimal(b"\0\xff"), hexadecimal(b""), hexadecimal(None)] == [b"\\x00ff", b"\\x", None]


def test_a_file_stays_the_same_file_and_is_empty_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"much that was there before")
    inode = path.stat().st_ino
    with written(path) as file:
        file.write(b"new")
    assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)
    with pytest.raises(TypeError), written(path) as file:
        file.writelines([b"half of it", None])  # type: ignore[list-item] # what breaks it off
    assert (path.read_bytes(), path.stat().st_ino) == (b"", inode)
    fresh = tmp_path / "fresh"
    with written(fresh):
        pass
    assert fresh.stat().st_mode & 0o777 == 0o600
