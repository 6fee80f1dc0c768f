"""Reading and writing local files."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import logging
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar

from osiris_provider.drivers.base import Extractor, Writer
from osiris_provider.drivers.data import BATCH_ROWS, ColumnNeedsTextError, row_groups, to_reader
from osiris_provider.drivers.filesystem.config import (
    CsvExtractorConfig,
    CsvWriterConfig,
    FileWriterConfig,
    ParquetWriterConfig,
)
from osiris_provider.drivers.filesystem.csv_reader import CsvReader
from osiris_provider.drivers.filesystem.csv_text import check_types, escaped, to_text
from osiris_provider.drivers.filesystem.files import explained, replacing
from osiris_provider.drivers.progress import READ, Progress
from osiris_provider.drivers.sql.tables import check_names
from osiris_provider.drivers.sql.values.normalize import normalized_batches, normalized_schema
from osiris_provider.drivers.sql.write import sliced
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


FileConfig = TypeVar("FileConfig", bound=FileWriterConfig)


class CsvExtractor(Extractor[CsvExtractorConfig]):
    """Reads a CSV file as a stream (``filesystem.csv_extractor``)."""

    name = "filesystem.csv_extractor"
    config_model = CsvExtractorConfig

    def extract(self, step: Step[CsvExtractorConfig]) -> Iterator[pa.RecordBatch]:
        """Return the stream; see :meth:`Extractor.extract`.

        :raises ColumnNeedsTextError: while it is read: a later value is not of the type that the first rows suggest.
        """
        return self._stream(step, {})

    def _stream(self, step: Step[CsvExtractorConfig], known: Mapping[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        reader = CsvReader(step.config, known)
        try:
            with explained(step, step.config.path, "Look at the health of the device and of its mount."):
                yield from reader.batches()
        except ColumnNeedsTextError as error:
            error.again = partial(self._again, step, reader.wider, error.message)
            raise

    def _again(
        self, step: Step[CsvExtractorConfig], known: Mapping[str, pa.DataType], reason: str
    ) -> pa.RecordBatchReader:
        log.warning("%s Starting over with another type.", reason)
        progress = Progress(step.id, READ)
        return progress.watch(to_reader(self._stream(step, known)), lambda: progress.finish(step.metric))


class FileWriter(Writer[FileConfig]):
    """Base of the drivers that write a file, which appears when it is complete."""

    def write(self, step: Step[FileConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches; see :meth:`Writer.write`."""
        path = step.config.path
        check_names(step.id, reader.schema)
        with explained(step, path, "Nothing was written."), replacing(path, step.config.file_mode) as file:
            rows = self.write_file(file, reader, step.config)
        return {"rows_written": rows, "path": path, "bytes": os.path.getsize(path)}

    @abstractmethod
    def write_file(self, file: IO[bytes], reader: pa.RecordBatchReader, config: FileConfig) -> int:
        """Write all batches to an open file and return the number of rows."""


class CsvWriter(FileWriter[CsvWriterConfig]):
    """Writes a CSV file (``filesystem.csv_writer``)."""

    name = "filesystem.csv_writer"
    config_model = CsvWriterConfig

    def write_file(self, file: IO[bytes], reader: pa.RecordBatchReader, config: CsvWriterConfig) -> int:
        """Write the cells as text; see :meth:`FileWriter.write_file`."""
        return _write_csv(file, reader, config)


class ParquetWriter(FileWriter[ParquetWriterConfig]):
    """Writes a Parquet file (``filesystem.parquet_writer``)."""

    name = "filesystem.parquet_writer"
    config_model = ParquetWriterConfig

    def write_file(self, file: IO[bytes], reader: pa.RecordBatchReader, config: ParquetWriterConfig) -> int:
        """Write row groups; see :meth:`FileWriter.write_file`."""
        return _write_parquet(file, reader, config.compression)


def _write_csv(file: IO[bytes], reader: pa.RecordBatchReader, config: CsvWriterConfig) -> int:
    import pyarrow as pa
    from pyarrow import csv

    schema = normalized_schema(reader.schema)
    check_types(schema)
    names = [escaped(name) for name in schema.names] if config.escape_formulas else schema.names
    # Numbers and times are not quoted otherwise, and may have such a character in them.
    quoting = "all_valid" if config.delimiter in " +-.:" else "needed"
    options = csv.WriteOptions(include_header=config.header, delimiter=config.delimiter, quoting_style=quoting)
    batches = normalized_batches(sliced(reader, BATCH_ROWS), schema)
    first = pa.RecordBatch.from_pylist([], schema=schema)
    zipped = config.path.lower().endswith(".gz") if config.compression == "auto" else config.compression == "gzip"
    rows = 0
    with contextlib.ExitStack() as opened:
        # Arrow compresses at level 9, which takes several times as long for a percent or two.
        target = opened.enter_context(gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6)) if zipped else file
        writer: Any = None
        for batch in itertools.chain([first], batches):
            texts = to_text(batch, rows, config.binary, escape_formulas=config.escape_formulas).rename_columns(names)
            if writer is None:
                writer = opened.enter_context(csv.CSVWriter(target, texts.schema, write_options=options))
            writer.write_batch(texts)
            rows += batch.num_rows
    return rows


def _write_parquet(file: IO[bytes], reader: pa.RecordBatchReader, compression: str) -> int:
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(file, reader.schema, compression=compression) as writer:
        for table in row_groups(sliced(reader, BATCH_ROWS)):
            writer.write_table(table)
            rows += table.num_rows
            # Nothing may keep it alive while the next one is collected.
            del table
    return rows
