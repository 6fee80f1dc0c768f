"""CSV files in blocks: no more of them is read than is asked for, and what a later one says of a column's type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.filesystem import csv_source
from osiris_provider.errors import DataError

from tests.field.filesystem.csv_files import stream


@pytest.mark.parametrize(
    ("first", "config"),
    [
        (["a\n1\n"], {}),
        (["sep=;\na\n1\n"], {}),
        (["rep", "ort\n", "a\n1\n"], {"skip_rows": 1}),
        (["report\n", "\n", "a\n1\n"], {"skip_rows": 2}),
        (["report\r", "\na\r\n1\r\n"], {"skip_rows": 1}),
        (["\n\n", "a\n1\n"], {}),
        (["#x\n", "a\n1\n"], {"comment": "#"}),
        (["1\n"], {"header": False, "column_names": ["a"]}),
    ],
)
def test_the_first_rows_are_there_before_the_others_are_read(
    first: list[str], config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[int] = []

    def blocks(_: object) -> Iterator[bytes]:
        yield from map(str.encode, first)
        for number in range(2, 5):
            later.append(number)
            yield f"{number}\n".encode()

    monkeypatch.setattr("osiris_provider.drivers.filesystem.csv_reader.blocks", blocks)
    reader = stream(tmp_path / "x.csv", **config)
    assert reader.schema.names == ["a"]
    assert later == []
    assert [batch.to_pydict() for batch in reader] == [{"a": [number]} for number in range(1, 5)]


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_behind_the_most_rows_nothing_is_read(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 4)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n5\n")
    reader = stream(tmp_path / "x.csv", limit=limit)
    if limit < 3:
        assert reader.read_all().to_pylist() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}][:limit]
    else:
        with pytest.raises(DataError, match="row 3 has 1 cells and not 2"):
            reader.read_all()


@pytest.mark.parametrize(
    ("later", "said", "row"),
    [
        ('3,"4"\n', "from row 2 on: a cell is quoted, and so is text and no int64", None),
        ('3,4\n5,"6"\n', "from row 3 on: a cell is quoted, and so is text and no int64", None),
        ("3,x\n", "row 2: 'x' is no int64", 2),
        ("3,4\n5,x\n", "row 3: 'x' is no int64", 3),
    ],
)
def test_why_a_column_needs_another_type_is_true(
    later: str, said: str, row: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 4)
    (tmp_path / "x.csv").write_text(f"k,a\n1,2\n{later}")
    with pytest.raises(ColumnNeedsTextError, match=f"column a, {said}, as the first rows suggest") as raised:
        stream(tmp_path / "x.csv").read_all()
    assert (raised.value.row, raised.value.columns) == (row, ["a"])


@pytest.mark.parametrize("size", [4, 1000])
@pytest.mark.parametrize("wrong", ["0x1F", "x", "1.5"])
def test_rows_that_are_left_out_are_counted(
    wrong: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", size)
    (tmp_path / "x.csv").write_text(f"a,b\n0\n1,2\n3\n\n4,5\n6\n7,{wrong}\n8\n")
    with pytest.raises(DataError, match="row 6") as raised:
        stream(tmp_path / "x.csv", bad_lines="skip", column_types={"b": "int64"}).read_all()
    assert raised.value.row in (6, None)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("size", [4, 1000])
@pytest.mark.parametrize("bad_lines", ["skip", "error"])
def test_a_row_of_a_wrong_length_that_is_no_text_is_said_to_be_none(
    bad_lines: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", size)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n\n3,4\né,5,6\n", encoding="latin-1")
    with pytest.raises(DataError, match="row 3 is not UTF-8 text; give encoding, such as latin-1"):
        stream(tmp_path / "x.csv", bad_lines=bad_lines).read_all()
