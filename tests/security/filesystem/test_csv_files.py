"""CSV files that somebody else made, and those that somebody else opens in a spreadsheet."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.filesystem import csv_records, csv_source
from osiris_provider.drivers.filesystem.drivers import CsvExtractor, CsvWriter
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

LIMIT = 1_000_000


def rows(path: Path, **config: Any) -> int:
    config["path"] = str(path)
    reader = CsvExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"]
    return sum(batch.num_rows for batch in reader)


@pytest.mark.parametrize("kind", ["zip", "gz", "zip that lies"])
def test_an_archive_unpacks_to_so_much_and_no_more(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"bomb.csv.{kind[:3].strip()}"
    text = b"a\n" + b"1\n" * (20 * LIMIT)
    if kind == "gz":
        path.write_bytes(gzip.compress(text))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.csv", text)
    if kind.endswith("lies"):
        size = len(text).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, (5).to_bytes(4, "little")))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with pytest.raises(DataError, match=r"bomb\.csv"):
        rows(path, max_unpacked_bytes=LIMIT)
    assert os.listdir(tmp_path / "tmp") == [], "nothing is unpacked to the disk"


def test_a_spreadsheet_finds_no_formula(tmp_path: Path) -> None:
    cells = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "fine"]
    config = {"path": str(tmp_path / "x.csv"), "escape_formulas": True}
    inputs = {"e": {"data": pa.table({"=name": cells})}}
    CsvWriter().run(step_id="w", config=config, inputs=inputs, ctx=RecordingContext())
    header, *actual = (tmp_path / "x.csv").read_bytes().decode().replace("\r=1", " =1").splitlines()
    assert header == '"\'=name"'
    assert [line[1] for line in actual] == ["'"] * 6 + ["f"]


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("x" * 20_000, {}),
        ("x" * 20_000, {"header": False}),
        ("report\n" + "x" * 20_000, {"skip_rows": 1}),
        ("report" + "x" * 20_000, {"skip_rows": 1}),
        ('"' + "x\n" * 10_000, {}),
        ("#" + "x" * 20_000, {"comment": "#"}),
    ],
    ids=["header", "no header", "behind a preamble", "preamble", "quoted", "comment"],
)
def test_a_file_without_rows_is_refused_before_memory_is_full(
    text: str, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_records, "MAX_ROW_BYTES", 5000)
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"row 1 has more than 5,000 bytes; is it a CSV file\?"):
        rows(path, **config)


def test_a_preamble_may_be_longer_than_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_records, "MAX_ROW_BYTES", 5000)
    path = tmp_path / "x.csv"
    for line_end in ("\n", "\r\n", "\r"):
        path.write_bytes((f"report{line_end}" * 2_000 + f"a{line_end}1{line_end}2{line_end}").encode())
        assert rows(path, skip_rows=2_000, columns=["a"]) == 2
