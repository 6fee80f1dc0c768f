"""CSV files that somebody else made, and those that somebody else opens in a spreadsheet."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.filesystem import csv_records, csv_source
from osiris_provider.drivers.filesystem.csv_reader import SHOWN_NAMES
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


def test_an_archive_may_unpack_to_just_so_much(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a\n1\n2\n"))
    assert rows(path, max_unpacked_bytes=6) == 2
    with pytest.raises(DataError, match="unpacks to more than 5 bytes"):
        rows(path, max_unpacked_bytes=5)


def test_an_archive_that_is_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    content = bytearray(zipped(b"a\n1\n"))
    for flags in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="the archive is encrypted; decrypt it first"):
        rows(path)


def test_a_pipe_is_read_while_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(b"a\n" + b"1\n" * 100_000,))
    writer.start()
    assert rows(path) == 100_000
    writer.join()


def test_a_row_that_swallows_others_is_named_by_its_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_records, "MAX_ROW_BYTES", 5000)
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,2\n3,"4\n' + "5,6\n" * 3000 + '7,"8"\n')
    with pytest.raises(DataError, match="row 2 opens a quote that is never closed"):
        rows(path)
    csv_records.check_size(b"x" * 4999)
    with pytest.raises(csv_records.BrokenRowError, match="more than 5,000 bytes"):
        csv_records.check_size(b"x" * 5000)


@pytest.mark.parametrize("delimiter", list(" +-.:,;|\t"))
def test_values_with_a_delimiter_in_them_come_back(tmp_path: Path, delimiter: str) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - a column without a zone
    values = pa.table({"a": [-1.5, 1e300], "b": [moment, None], "c": ["x", "y z"]})
    config: dict[str, Any] = {"path": str(tmp_path / "x.csv"), "delimiter": delimiter}
    CsvWriter().run(step_id="w", config=config, inputs={"e": {"data": values}}, ctx=RecordingContext())
    config["column_types"] = {"a": "double", "b": "timestamp[us]", "c": "string"}
    actual = CsvExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"].read_all()
    assert actual.to_pydict() == values.to_pydict()


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("x.csv", content)
    return file.getvalue()


@pytest.mark.parametrize("name", ["x.csv.gz", "x.zip"])
def test_an_archive_that_is_cut_off_or_damaged_is_an_error_in_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = b"a,b\n" + b"".join(b"%d,%d\n" % (number, number * number) for number in range(300))
    # Several archives behind each other are one for gzip.
    packed = zipped(text) if name == "x.zip" else gzip.compress(text[:1000]) + gzip.compress(text[1000:])
    path.write_bytes(packed)
    assert rows(path) == 300
    first = len(gzip.compress(text[:1000]))
    flipped = (packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1 :] for at in range(60, first - 10, 7))
    cut = (packed[:at] for at in range(1, len(packed), 7) if name == "x.zip" or at != first)
    for damaged in (*flipped, *cut, b"a,b\n1,2\n", *([packed + b"\n"] if name == "x.csv.gz" else [])):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"^Step r: {path}: the archive is damaged or cut off, or it is none"):
            rows(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_an_archive_of_another_kind_is_read_or_refused_in_words(tmp_path: Path, method: int) -> None:
    path = tmp_path / "x.zip"
    content = zipped(b"a\n1\n" * 1000, method)
    path.write_bytes(content)
    assert rows(path) == 1999
    middle = len(content) // 2 if method == zipfile.ZIP_STORED else 60
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.raises(DataError, match="the archive is damaged"):
        rows(path)
    # As Windows packs what is larger than 2 GB.
    deflate64 = content.replace(b"PK\x03\x04\x14\0\0\0" + bytes([method]), b"PK\x03\x04\x14\0\0\0\x09")
    at = content.index(b"PK\x01\x02") + 10
    path.write_bytes(deflate64[:at] + b"\x09" + deflate64[at + 1 :])
    with pytest.raises(DataError, match="packed in a way that is not known here"):
        rows(path)


@pytest.mark.parametrize(
    "content",
    ["é\n1\n".encode("latin-1"), "\ufeffa\n1\n".encode("utf-16-le"), gzip.compress(b"a\n1\n")],
    # What gzip writes has the time in it, and workers collect at different ones.
    ids=["latin-1", "utf-16", "gzip"],
)
def test_a_first_row_that_is_no_text_is_told_with_what_to_set(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    for config in ({}, {"header": False}):
        with pytest.raises(
            DataError, match=f"^Step r: {path}: the first row is not UTF-8 text; give encoding, such as"
        ):
            rows(path, **config)


@pytest.mark.parametrize(("header", "named"), [("b,a,b,c,a", "'a', 'b'"), (",,a", "''")])
def test_names_that_occur_twice_are_told_apart_from_others(tmp_path: Path, header: str, named: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(DataError, match=f"several columns are named {named}; give names in column_names"):
        rows(path)
    names = ",".join(f"c{number % 11}" for number in range(22))
    path.write_text(f"{names}\n")
    with pytest.raises(DataError) as raised:
        rows(path)
    assert str(raised.value).count("'") == 2 * SHOWN_NAMES


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
