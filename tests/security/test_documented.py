"""docs/security.md is held to the tests of this folder and its rooms."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\|(?P<threat>[^|]+)\|(?P<done>[^|]+)\|(?P<left>[^|]+)\|(?P<test>[^|]+)\|$", re.MULTILINE)
NAMED = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)`")


def _rows() -> list[re.Match[str]]:
    return list(ROW.finditer(TABLE.read_text(encoding="utf-8")))[2:]


def test_each_row_names_a_test_that_exists() -> None:
    for row in _rows():
        named = list(NAMED.finditer(row["test"]))
        assert named, f"no test in the row {row['threat'].strip()!r}"
        for test in named:
            text = (ROOT / test["path"]).read_text(encoding="utf-8")
            assert re.search(rf"^\s*(async )?def {test['name']}\(", text, re.MULTILINE), test[0]


def test_each_row_says_what_is_done_and_what_is_not() -> None:
    for row in _rows():
        assert row["threat"].strip()
        assert row["done"].strip()
        assert row["left"].strip()


def test_each_file_of_the_rooms_has_a_row() -> None:
    named = {test["path"] for row in _rows() for test in NAMED.finditer(row["test"])}
    assert {path.relative_to(ROOT).as_posix() for path in HERE.rglob("test_*.py")} <= named
