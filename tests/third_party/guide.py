"""The files of docs/adding-a-family.md."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.documents import blocks_of


def write_guide(directory: Path) -> None:
    """Write what the guide shows: a distribution, its test, and a connections file.

    :param directory: that is there.
    """
    for block in blocks_of("docs/adding-a-family.md"):
        assert block.path, "every block of the guide names its file"
        (directory / block.path).parent.mkdir(exist_ok=True)
        (directory / block.path).write_text(block.code, encoding="utf-8")
