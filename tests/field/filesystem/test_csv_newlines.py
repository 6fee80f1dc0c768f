"""Line breaks that end no row, beside control characters: those that are free stand for the breaks meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from osiris_provider.errors import DataError

from tests.field.filesystem.csv_files import stream

CONTROLS: Final = "".join(map(chr, (*range(1, 9), *range(14, 32))))


def read(path: Path, value: str) -> list[str]:
    """Return the one column of a file with a row of this value."""
    file = path / "in.csv"
    file.write_bytes(f"a\r\n{value}\r\n".encode())
    values: list[str] = stream(file, newline="\r\n").read_all()["a"].to_pylist()
    return values


@pytest.mark.parametrize("free", ["\x01\x02", "\x08\x0e", "\x1e\x1f"])
def test_two_free_characters_are_enough(free: str, tmp_path: Path) -> None:
    value = "x\ny\rz" + "".join(one for one in CONTROLS if one not in free)
    assert read(tmp_path, value) == [value]


def test_one_free_character_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1 has, or one of the rows after it, too many control characters"):
        read(tmp_path, "x\ny\rz" + CONTROLS[1:])
