"""Reading and writing local files."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field, field_validator

from osiris_provider.drivers.base import Extractor, Step, StepConfig, Writer
from osiris_provider.drivers.data import BATCH_ROWS, row_groups
from osiris_provider.drivers.filesystem.files import FileMode, LocalPath, explained, replacing
from osiris_provider.drivers.sql.base import plain
from osiris_provider.drivers.sql.config import Text
from osiris_provider.drivers.sql.tables import check_names
from osiris_provider.drivers.sql.write import sliced
from osiris_provider.errors import DataError, DriverConfigError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

BLOCK_BYTES = 4 * 1024 * 1024
"""How much of a CSV file is read at a time. The types are those that the first block shows."""

Delimiter = Annotated[str, Field(min_length=1, max_length=1)]


class CsvExtractorConfig(StepConfig):
    """Config of ``filesystem.csv_extractor``.

    ``path`` may end in ``.gz``, or in ``.zip`` with one file inside. ``null_values`` are null if they are not quoted.
    ``column_types`` has Arrow's names of types (``int64``, ``double``, ``string``, ``date32``, ``timestamp[us]`` …,
    also ``decimal(10, 2)``) for columns whose first rows suggest another. Without ``header`` the columns are called
    ``f0``, ``f1`` … unless ``column_names`` says how.
    """

    path: LocalPath
    delimiter: Delimiter = ","
    header: bool = True
    encoding: str = "utf-8"
    null_values: list[str] = Field(default=["", "NA", "NULL"])
    column_names: list[Text] | None = None
    column_types: dict[str, str] = Field(default={})

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            return codecs.lookup(encoding).name
        except LookupError:
            message = f"Python knows no encoding '{encoding}'"
        raise ValueError(message)

    @field_validator("column_types")
    @classmethod
    def _types(cls, types: dict[str, str]) -> dict[str, str]:
        for name, written in types.items():
            if arrow_type(written) is None:
                message = f"Arrow knows no type '{written}' (column {name})"
                raise ValueError(message)
        return types


class CsvWriterConfig(StepConfig):
    """Config of ``filesystem.csv_writer``; a ``path`` that ends in ``.gz`` is compressed unless told otherwise."""

    path: LocalPath
    delimiter: Delimiter = ","
    header: bool = True
    compression: Literal["auto", "gzip", "none"] = "auto"
    file_mode: FileMode = None
    input: str | None = None


class ParquetWriterConfig(StepConfig):
    """Config of ``filesystem.parquet_writer``."""

    path: LocalPath
    compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"
    file_mode: FileMode = None
    input: str | None = None


class CsvExtractor(Extractor[CsvExtractorConfig]):
    """Reads a CSV file as a stream (``filesystem.csv_extractor``)."""

    name = "filesystem.csv_extractor"
    config_model = CsvExtractorConfig

    def extract(self, step: Step[CsvExtractorConfig]) -> Iterator[pa.RecordBatch]:
        """Return the stream; see :meth:`Extractor.extract`."""
        import pyarrow as pa

        with tempfile.TemporaryDirectory(prefix="osiris-csv-") as folder, explained(step, step.config.path):
            reader = _open_csv(step.config, _readable(step.config, Path(folder)))
            check_names(step.id, reader.schema)
            _check_types(step, reader.schema)
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            try:
                yield from reader
            except pa.ArrowInvalid as error:
                problem = _with_names(str(error), reader.schema.names)
            else:
                return
            raise DataError(problem)


class CsvWriter(Writer[CsvWriterConfig]):
    """Writes a CSV file, which appears when it is complete (``filesystem.csv_writer``)."""

    name = "filesystem.csv_writer"
    config_model = CsvWriterConfig

    def write(self, step: Step[CsvWriterConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches; see :meth:`Writer.write`."""
        from pyarrow import csv

        config = step.config
        zipped = config.path.endswith(".gz") if config.compression == "auto" else config.compression == "gzip"
        options = csv.WriteOptions(include_header=config.header, delimiter=config.delimiter)
        check_names(step.id, reader.schema)
        with explained(step, config.path), replacing(config.path, config.file_mode) as file:
            rows = _write_csv(file, reader, options, zipped=zipped)
        return _report(config.path, rows)


class ParquetWriter(Writer[ParquetWriterConfig]):
    """Writes a Parquet file, which appears when it is complete (``filesystem.parquet_writer``)."""

    name = "filesystem.parquet_writer"
    config_model = ParquetWriterConfig

    def write(self, step: Step[ParquetWriterConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches; see :meth:`Writer.write`."""
        config = step.config
        check_names(step.id, reader.schema)
        with explained(step, config.path), replacing(config.path, config.file_mode) as file:
            rows = _write_parquet(file, reader, config.compression)
        return _report(config.path, rows)


def arrow_type(name: str) -> pa.DataType | None:
    """Return the Arrow type of a name, or None if there is none.

    :param name: such as ``int64`` or ``decimal(10, 2)``.
    """
    import pyarrow as pa

    decimal = re.fullmatch(r"decimal\((\d+), ?(\d+)\)", name)
    try:
        return pa.decimal128(int(decimal[1]), int(decimal[2])) if decimal else pa.type_for_alias(name)
    except ValueError:
        return None


def _open_csv(config: CsvExtractorConfig, path: Path) -> pa.CSVStreamingReader:
    from pyarrow import csv

    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(
            block_size=BLOCK_BYTES,
            # As fast here, and errors tell the row.
            use_threads=False,
            column_names=config.column_names,
            skip_rows=1 if config.header and config.column_names else 0,
            autogenerate_column_names=not config.header and not config.column_names,
        ),
        parse_options=csv.ParseOptions(delimiter=config.delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            null_values=config.null_values,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types={name: arrow_type(written) for name, written in config.column_types.items()},
        ),
    )


def _readable(config: CsvExtractorConfig, folder: Path) -> Path:
    """Return a path that Arrow reads by itself: what it cannot unpack or decode is unpacked into ``folder``.

    Arrow would call back into Python for that, from threads of its own that may outlive the interpreter.
    """
    path = Path(config.path)
    with contextlib.ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(path.open("rb"))
        packed = path.suffix.lower() == ".zip"
        if packed:
            file = _only_member(opened.enter_context(zipfile.ZipFile(file)))
        elif config.encoding == "utf-8":
            return path
        elif path.suffix.lower() == ".gz":
            file = cast("IO[bytes]", opened.enter_context(gzip.GzipFile(fileobj=file)))
        target = folder / "plain.csv"
        with target.open("wb") as copy:
            recoded: Any = codecs.EncodedFile(file, "utf-8", config.encoding) if config.encoding != "utf-8" else file
            shutil.copyfileobj(recoded, copy)
    return target


def _only_member(archive: zipfile.ZipFile) -> IO[bytes]:
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) != 1:
        message = f"the archive has {len(members)} files; give one that has a single CSV file"
        raise DataError(message)
    return archive.open(members[0])


def _with_names(text: str, names: list[str]) -> str:
    """Return what Arrow says of a value that does not fit, with the column's name for its number."""
    said = plain(re.sub(r"CSV column #(\d+)", lambda found: f"column {names[int(found[1])]}", text))
    return f"{said}. The first rows suggest the types; give others in column_types, such as {{column: string}}."


def _check_types(step: Step[CsvExtractorConfig], schema: pa.Schema) -> None:
    import pyarrow as pa

    garbled = [field.name for field in schema if pa.types.is_binary(field.type)]
    garbled = [name for name in garbled if name not in step.config.column_types]
    if garbled:
        message = f"column {', '.join(garbled)} is not UTF-8 text; give encoding, such as latin-1"
        raise DataError(message)
    for name in step.config.column_types:
        if name not in schema.names:
            near = did_you_mean(name, schema.names)
            message = f"Step {step.id}: config field column_types: {step.config.path} has no column '{name}'.{near}"
            raise DriverConfigError(message, step=step.id)


def _write_csv(file: IO[bytes], reader: pa.RecordBatchReader, options: csv.WriteOptions, *, zipped: bool) -> int:
    from pyarrow import csv

    rows = 0
    with (
        # Arrow compresses at level 9, which takes several times as long for a percent or two.
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6) if zipped else contextlib.nullcontext(file) as target,
        csv.CSVWriter(target, reader.schema, write_options=options) as writer,
    ):
        for batch in sliced(reader, BATCH_ROWS):
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_parquet(file: IO[bytes], reader: pa.RecordBatchReader, compression: str) -> int:
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(file, reader.schema, compression=compression) as writer:
        for table in row_groups(sliced(reader, BATCH_ROWS)):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _report(path: str, rows: int) -> dict[str, Any]:
    return {"rows_written": rows, "path": path, "bytes": os.path.getsize(path)}
