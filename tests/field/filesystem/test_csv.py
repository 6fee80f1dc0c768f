"""What is in a CSV file comes out of it: no other value, no row less, or an error that says where."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.filesystem import csv_records, csv_source
from osiris_provider.errors import DataError, DriverConfigError, UnknownConnectorError
from osiris_provider.runtime.staging import Staging
from upath import UPath

from tests.field.filesystem.csv_files import stream

UTC = dt.timezone.utc


def read(path: Path, text: str | bytes, **config: Any) -> dict[str, list[Any]]:
    """Return what a file of this text holds, staged as a task would."""
    file = path / "in.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    staging = Staging((path / "staging").as_uri(), UPath)
    staged = staging.write(("dag", "run", "task", "0", "1"), stream(file, **config))
    actual: dict[str, list[Any]] = staging.read(staged)["table"].to_pydict()
    return actual


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few bytes, so that everything is at a border once."""
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 7)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_written_to_while_it_is_read_is_an_error(tmp_path: Path, packed: bool) -> None:
    """What comes may be the begin of a row: 12 of 123."""
    file = tmp_path / ("in.csv.gz" if packed else "in.csv")
    pack = gzip.compress if packed else bytes
    file.write_bytes(pack(b"n\n" + b"1\n" * 100))
    reader = stream(file)
    with file.open("ab") as writer:
        writer.write(pack(b"12"))
    with pytest.raises(UnknownConnectorError, match=r"in\.csv.*: somebody has written to the file while it was read"):
        reader.read_all()


def test_a_file_in_whose_place_another_one_is_put_is_read_to_its_end(tmp_path: Path) -> None:
    file, other = tmp_path / "in.csv", tmp_path / "other.csv"
    file.write_bytes(b"n\n1\n2\n")
    other.write_bytes(b"n\n3\n")
    reader = stream(file)
    other.replace(file)
    assert reader.read_all()["n"].to_pylist() == [1, 2]


TEXTS = {
    "leading zero": "00501",
    "quoted number": '"501"',
    "serial number with an E": "0047583311587E590003",
    "exponent without a point": "12E4",
    "hexadecimal": "0x1F",
    "not a number": "NAN",
    "nan": "nan",
    "infinity": "inf",
    "minus infinity": "-Infinity",
    "telephone": "+420777123456",
    "20 digits": "12345678901234567890",
    "negative zero": "-0123",
    "more digits than a double": "12345678901234567.89",
    "more than a double": "1.0e400",
    "less than a double": "1.0e-400",
    "less than a decimal": "1.0e-99999999999999999999",
    "point at the end": "5.",
    "thousands": "1_234",
    "space before": " 5",
    "space behind": "5 ",
    "country": "NA",
    "word": "NULL",
    "no such day": "2026-02-30",
    "day first": "31.12.2026",
    "short time": "10:20",
    "hour 24": "24:00:00",
    "yes": "yes",
    "arabic digit": "\u0661",
    "version": "1.2.3",
    "dash": "-",
    "point": ".",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_no_number_stays_text(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, f"k,a\n1,{text}\n") == {"k": [1], "a": [text.strip('"')]}
    assert read(tmp_path, f"k,a\n1,7\n2,{text}\n")["a"] == ["7", text.strip('"')], "behind a number"
    assert read(tmp_path, f"k,a\n1,{text}\n2,7\n")["a"] == [text.strip('"'), "7"], "before a number"


VALUES: dict[str, tuple[str, Any]] = {
    "integer": ("-42", -42),
    "zero": ("0", 0),
    "largest": ("9223372036854775807", 2**63 - 1),
    "smallest": ("-9223372036854775808", -(2**63)),
    "double": ("1.50", 1.5),
    "double without a zero": (".5", 0.5),
    "17 digits": ("0.30000000000000004", 0.1 + 0.2),
    "exponent": ("1.5e-7", 1.5e-7),
    "true": ("true", True),
    "FALSE": ("FALSE", False),
    "date": ("2026-02-28", dt.date(2026, 2, 28)),
    "time": ("10:20:30", dt.time(10, 20, 30)),
    "time with a fraction": ("10:20:30.25", dt.time(10, 20, 30, 250_000)),
    "timestamp": ("2026-02-28 10:20:30", dt.datetime.fromisoformat("2026-02-28T10:20:30")),
    "timestamp with a fraction": (
        "2026-02-28T10:20:30.123456",
        dt.datetime.fromisoformat("2026-02-28T10:20:30.123456"),
    ),
    "timestamp with a zone": ("2026-02-28T10:20:30+02:00", dt.datetime(2026, 2, 28, 8, 20, 30, tzinfo=UTC)),
    "Z": ("2026-02-28T10:20:30Z", dt.datetime(2026, 2, 28, 10, 20, 30, tzinfo=UTC)),
    "null": ("", None),
    "empty text": ('""', ""),
    "text": ("žluťoučký", "žluťoučký"),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_what_is_a_value_is_read_as_it(tmp_path: Path, text: str, value: Any) -> None:
    assert read(tmp_path, f"k,a\n1,{text}\n2,\n") == {"k": [1, 2], "a": [value, None]}
    assert read(tmp_path, f"k,a\n1,{text}\n", default_type="string")["a"] == [None if text == "" else text.strip('"')]


@pytest.mark.parametrize(
    ("first", "later", "actual"),
    [
        ("1", "1.5", [1.0, 1.5]),
        ("1.5", "2", [1.5, 2.0]),
        ("1", "x", ["1", "x"]),
        ("1", "007", ["1", "007"]),
        ("1", '"2"', ["1", "2"]),
        ("12345678901234567", "1.5", ["12345678901234567", "1.5"]),
        ("2026-01-01", "2026-01-01 10:00:00", ["2026-01-01", "2026-01-01 10:00:00"]),
        ("10:00:00", "10:00:00.5", [dt.time(10), dt.time(10, 0, 0, 500_000)]),
        ("2026-01-01 10:00:00", "2026-01-01 10:00:00Z", ["2026-01-01 10:00:00", "2026-01-01 10:00:00Z"]),
        ("", "7", [None, "7"]),
        ("true", "1", ["true", "1"]),
    ],
)
@pytest.mark.usefixtures("small_blocks")
def test_a_later_block_that_disagrees_changes_the_type_of_all_rows(
    tmp_path: Path, first: str, later: str, actual: list[Any]
) -> None:
    assert read(tmp_path, f"k,a\n1,{first}\n22222,{later}\n")["a"] == actual


@pytest.mark.usefixtures("small_blocks")
def test_who_takes_the_stream_alone_is_told_which_row_disagrees(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("k,a\n11111,1\n22222,2\n33333,x\n")
    with pytest.raises(
        ColumnNeedsTextError, match=r"Step r: .*column a, row 3: 'x' is no int64.*column_types"
    ) as raised:
        stream(tmp_path / "in.csv").read_all()
    assert raised.value.again is not None
    assert raised.value.again().read_all().to_pydict()["a"] == ["1", "2", "x"]


BOTH = pytest.mark.parametrize("size", [1, 3, 7, 64, 2**22])


@BOTH
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a\n1\n\n3\n", [1, None, 3]),
        ("a\n1\n\n", [1, None]),
        ("a\n\n", [None]),
        ('a\nx\n""\n', ["x", ""]),
        ("a\r\n1\r\n\r\n3", [1, None, 3]),
        ("a\r1\r\r3\r", [1, None, 3]),
        ('a\n"x\r\ny"\n"z\n"\n', ["x\r\ny", "z\n"]),
        ('a\n"x\ry"\n', ["x\ry"]),
        ('a\n"x""y"\n""""\n', ['x"y', '"']),
        ('a\n5" pipe\nx""y\n', ['5" pipe', 'x""y']),
        ("a", []),
        ("a\n", []),
        ("a\r\n", []),
        ("\ufeffa\n1", [1]),
        ("sep=;\na\n1\n", [1]),
        ('"sep=;"\r\na\r\n1\r\n', [1]),
    ],
)
def test_no_row_is_lost(tmp_path: Path, text: str, rows: list[Any], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", size)
    assert read(tmp_path, text) == {"a": rows}


@BOTH
def test_no_byte_is_lost_at_the_border_of_two_blocks(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", size)
    cells = ["x\r\n\r\ny" * n for n in range(1, 6)]
    text = "k,a\r\n" + "".join(f'{n},"{cell}"\r\n' for n, cell in enumerate(cells))
    assert read(tmp_path, text) == {"k": [0, 1, 2, 3, 4], "a": cells}


@BOTH
@pytest.mark.parametrize("text", ['a,b\n1,"x\n2,y\n3,z\n', 'a,b\n1,x\n2,"', '"a,b\n1,2\n'])
def test_a_quote_that_is_never_closed_is_an_error(
    tmp_path: Path, text: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", size)
    with pytest.raises(DataError, match=r"Step r: .*row \d+ opens a quote that is never closed"):
        read(tmp_path, text)


def test_a_row_without_end_is_an_error_before_memory_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_records, "MAX_ROW_BYTES", 5000)
    for text in ("a\n1\n" + "x" * 20_000, 'a\n1\n"' + "x\n" * 20_000):
        with pytest.raises(DataError, match=r"row 2 (has more than 5,000 bytes|opens a quote)"):
            read(tmp_path, text)


FIELDS: dict[str, tuple[str, dict[str, Any], dict[str, list[Any]]]] = {
    "columns": ("a,b,c\n1,2,3\n", {"columns": ["c", "a"]}, {"c": [3], "a": [1]}),
    "quote": ("a,b\n'x,y','it''s'\n", {"quote": "'"}, {"a": ["x,y"], "b": ["it's"]}),
    "no quote": ('a,b\n"x,5"\n', {"quote": ""}, {"a": ['"x'], "b": ['5"']}),
    "escape": ('a,b\n"x\\"y,z",p\\,q\n', {"escape": "\\"}, {"a": ['x"y,z'], "b": ["p,q"]}),
    "skip_rows": ("report\nof today, or so\na,b\n1,2\n", {"skip_rows": 2}, {"a": [1], "b": [2]}),
    "comment": ('# don\'t "\na,b\n#x\n1,"\n#2"\n# end', {"comment": "#"}, {"a": [1], "b": ["\n#2"]}),
    "comment behind a quote": ('a,b\n5" pipe,x\n#y\n6,z\n', {"comment": "#"}, {"a": ['5" pipe', "6"], "b": ["x", "z"]}),
    "comment and newline": ("a\n1\r#x\n2\n", {"comment": "#", "newline": "\n"}, {"a": ["1\r#x", "2"]}),
    "limit": ("a,b\n1,2\n3,4\n5,6\n", {"limit": 2}, {"a": [1, 3], "b": [2, 4]}),
    "limit 0": ("a,b\n1,2\n", {"limit": 0}, {"a": [], "b": []}),
    "decimal_point": ("a;b\n1,5;1.234\n", {"delimiter": ";", "decimal_point": ","}, {"a": [1.5], "b": ["1.234"]}),
    "decimal_point declared": (
        "a;b\n1,5;1\n",
        {"delimiter": ";", "decimal_point": ",", "column_types": {"a": "double"}},
        {"a": [1.5], "b": [1]},
    ),
    "newline lf": ("a,b\n1,x\r\n2,y\rz\n", {"newline": "\n"}, {"a": [1, 2], "b": ["x\r", "y\rz"]}),
    "newline crlf": ("a,b\r\n1,x\ny\r\n2,z\rz\r\n", {"newline": "\r\n"}, {"a": [1, 2], "b": ["x\ny", "z\rz"]}),
    "newline cr": ("a,b\r1,x\ny\r2,z\r", {"newline": "\r"}, {"a": [1, 2], "b": ["x\ny", "z"]}),
    "bad_lines": ("a,b\n1,2\n3\n4,5,6\n7,8\n", {"bad_lines": "skip"}, {"a": [1, 7], "b": [2, 8]}),
    "null_values": ("a,b\n-,1\n,NULL\n", {"null_values": ["-", "NULL"]}, {"a": [None, ""], "b": [1, None]}),
    "default_type": ("a,b\n007,1.10\n", {"default_type": "string"}, {"a": ["007"], "b": ["1.10"]}),
    "both": ("a,b\n7,1.0\n", {"default_type": "string", "column_types": {"a": "int32"}}, {"a": [7], "b": ["1.0"]}),
    "sep": ("sep=|\na|b\n1|2\n", {}, {"a": [1], "b": [2]}),
    "sep and the same delimiter": ("sep=|\na|b\n1|2\n", {"delimiter": "|"}, {"a": [1], "b": [2]}),
    "column_names": ("a,b\n1,2\n", {"column_names": ["x", "y"]}, {"x": [1], "y": [2]}),
    "no header": ("1,2\n3,4", {"header": False}, {"f0": [1, 3], "f1": [2, 4]}),
    "base64": ("a\nAP8=\n\n", {"column_types": {"a": "binary"}}, {"a": [b"\x00\xff", None]}),
    "hex": ("a\n00ff\n", {"column_types": {"a": "binary"}, "binary": "hex"}, {"a": [b"\x00\xff"]}),
    "blank lines": ('\n\na,b\n\n1,2\n\n3,"4"\n\n', {}, {"a": [1, 3], "b": ["2", "4"]}),
}


@BOTH
@pytest.mark.parametrize(("text", "config", "actual"), FIELDS.values(), ids=FIELDS)
def test_fields(
    tmp_path: Path,
    text: str,
    config: dict[str, Any],
    actual: dict[str, list[Any]],
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", size)
    assert read(tmp_path, text, **config) == actual


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "iso8859-2", "cp1250"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "zip"])
@pytest.mark.usefixtures("small_blocks")
def test_encodings_at_every_border(tmp_path: Path, encoding: str, ending: str) -> None:
    data = 'jméno,město\n"Žižka\r\n",Plzeň\n'.encode(encoding)
    path = tmp_path / f"x.{ending}"
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.csv", data)
    assert stream(path, encoding=encoding).read_all().to_pydict() == {"jméno": ["Žižka\r\n"], "město": ["Plzeň"]}


def test_skipped_rows_are_counted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n", bad_lines="skip")
    assert "skipped 2 rows of a wrong length; the first is row 2" in caplog.text


ERRORS: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "too many cells": ("a,b\n1,2\n3,4,5\n", {}, "row 2 has 3 cells and not 2"),
    "too few cells": ("a,b\n1,2\n3\n", {}, "row 2 has 1 cells and not 2"),
    "declared": ("a,b\n1,2\n3,x\n", {"column_types": {"b": "int64"}}, "column b.*row 2.*int64.*'x'"),
    "scale": ("a\n1.239\n", {"column_types": {"a": "decimal(5, 2)"}}, "column a.*row 1"),
    "wide scale": ("a\n1\n1.239\n", {"column_types": {"a": "decimal(50, 2)"}}, "column a, row 2"),
    "more digits than declared": (
        "a,b\n1,1\n12345,1\n",
        {"column_types": {"a": "decimal(5, 2)"}},
        "column a, row 2: '12345' is no decimal",
    ),
    "less than declared": ("a\n-1000\n", {"column_types": {"a": "decimal(5, 2)"}}, "column a, row 1: '-1000' is no"),
    "more than a declared double": (
        "a,b\ninf,1\n-Infinity,1\n1e400,1\n",
        {"column_types": {"a": "double"}},
        "column a, row 3: '1e400' is no double",
    ),
    "more than a declared float": (
        "a\n-1e39\n",
        {"column_types": {"a": "float"}},
        "column a, row 1: '-1e39' is no float",
    ),
    "more than a declared half": (
        "a\n70000\n",
        {"column_types": {"a": "float16"}},
        "column a, row 1: '70000' is no half",
    ),
    "with a comma": (
        "a;b\n1,5;x\n1,5e400;y\n",
        {"delimiter": ";", "decimal_point": ",", "column_types": {"a": "double"}},
        "column a, row 2: '1,5e400' is no double",
    ),
    "whole numbers that a double does not have": (
        "a\n9007199254740992\n123456789012345680\n1e300\n\n9007199254740993\n",
        {"column_types": {"a": "double"}},
        "column a, row 5: '9007199254740993' is no double",
    ),
    "whole numbers that a float does not have": (
        "a\n16777218\n16777217\n",
        {"column_types": {"a": "float"}},
        "column a, row 2: '16777217' is no float",
    ),
    "less than a declared double": (
        "a\n0\n-0.0e5\n0000000\n-1e-400\n",
        {"column_types": {"a": "double"}},
        "column a, row 4: '-1e-400' is no double",
    ),
    "a declared hexadecimal": (
        "a,b\n31,0x1F\n0x1F,x\n",
        {"column_types": {"a": "int64"}},
        "column a, row 2: '0x1F' is no int64",
    ),
    "in capitals": ("a\n31\n0X1F\n", {"column_types": {"a": "int64"}}, "column a, row 2: '0X1F' is no int64"),
    "base64": ("a\n" + 6 * "AP8=\n" + "???\nAP8=\n", {"column_types": {"a": "binary"}}, "column a, row 7"),
    "encoding": (b"a\nx\n\xe9\n", {}, "column a.*encoding"),
    "sep": ("sep=;\na\n", {"delimiter": ","}, "sep=;"),
    "empty": ("", {}, "Empty"),
    "blank": ("\n\n", {}, "Empty"),
    "nothing behind the skipped": ("a\nb\n", {"skip_rows": 5}, "Empty"),
    "twice": ("a,a\n1,2\n", {}, "several columns are named 'a'"),
}


@pytest.mark.parametrize(("text", "config", "said"), ERRORS.values(), ids=ERRORS)
def test_errors_say_where(tmp_path: Path, text: str | bytes, config: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)Step r: .*in\.csv: .*{said}"):
        read(tmp_path, text, **config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"columns": ["aa"]}, "no column 'aa'"),
        ({"columns": ["a", "a"]}, "twice"),
        ({"column_types": {"b": "string"}}, "no column 'b'"),
        ({"default_type": "nothing"}, "nothing"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"delimiter": "5"}, "delimiter"),
        ({"delimiter": "§"}, "delimiter"),
        ({"quote": ","}, "different characters"),
        ({"escape": "ab"}, "escape"),
        ({"newline": "x"}, "newline"),
        ({"bad_lines": "ignore"}, "bad_lines"),
        ({"encoding": "base64"}, "encoding"),
        ({"limit": -1}, "limit"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    with pytest.raises(DriverConfigError, match=rf"(?s)Step r.*{said}"):
        read(tmp_path, "a\n1\n", **config)


def test_an_archive_is_not_unpacked_without_end(tmp_path: Path) -> None:
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb") as file:
        file.write(b"a\n" + b"1\n" * 2_000_000)
    (tmp_path / "x.csv.gz").write_bytes(data.getvalue())
    with pytest.raises(DataError, match=r"unpacks to more than 1,000,000 bytes.*max_unpacked_bytes"):
        stream(tmp_path / "x.csv.gz", max_unpacked_bytes=1_000_000).read_all()
    assert stream(tmp_path / "x.csv.gz").read_all().num_rows == 2_000_000
