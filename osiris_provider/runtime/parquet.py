"""A result as a Parquet file: written and read a group of rows at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.data import BATCH_ROWS, GROUP_BYTES, memory_pool, repeated, row_groups
from osiris_provider.errors import DataError
from osiris_provider.runtime.seal import SealedFile, sealed_metadata
from osiris_provider.storage.faults import public
from osiris_provider.storage.files import file_system, open_ranges

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(file: Any, reader: pa.RecordBatchReader) -> tuple[int, int]:
    """Write all batches and return the numbers of rows and bytes.

    :raises DataError: Parquet cannot hold such data.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    duplicates = repeated(reader.schema.names)
    named = ", ".join(duplicates)
    problem = f"The data has more than one column named {named}; give each its own name." if duplicates else ""
    rows = 0
    if not problem:
        try:
            # Dictionaries cost more time than zstd itself and save no space beside it: measured, see the benchmarks.
            options = {"compression": "zstd", "use_dictionary": False, "memory_pool": memory_pool()}
            # Without checksums a bit that changes on a disk is read as another value: most such bits are.
            options["write_page_checksum"] = True
            sealed = SealedFile(file)
            with pq.ParquetWriter(sealed, reader.schema, **options) as writer:
                for table in row_groups(reader):
                    writer.write_table(table, row_group_size=table.num_rows)
                    rows += table.num_rows
                    # Nothing may keep it alive while the next one is collected.
                    del table
                sealed.close_with(writer)
            return rows, int(file.tell())
        except pa.ArrowNotImplementedError as error:
            problem = f"The data cannot be staged as Parquet: {str(error).splitlines()[0]}"
    raise DataError(problem)


def ranges_handler(fs: Any) -> Any:
    """Return pyarrow's view of a file system; it fetches the columns that are asked for, and no byte more."""
    from pyarrow import PythonFile
    from pyarrow.fs import FSSpecHandler

    class Ranges(FSSpecHandler):  # type: ignore[misc] # pyarrow ships no types
        def open_input_file(self, path: str) -> Any:
            return PythonFile(open_ranges(self.fs, path, self.fs.unstrip_protocol(path), ahead=False), mode="r")

    return Ranges(fs)


def _fitting_rows(metadata: Any) -> int:
    """Return of how many rows a batch can be without too many bytes; it may reach over several row groups."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    fitting = (group.num_rows * GROUP_BYTES // max(group.total_byte_size, 1) for group in groups if group.num_rows)
    return max(1, int(min([BATCH_ROWS, *fitting])))


@contextlib.contextmanager
def undamaged(uri: str) -> Iterator[None]:
    """Say which file it is that Arrow cannot read; what the storage itself refuses is an error of this package."""
    try:
        yield
    except (ValueError, NotImplementedError, OSError):
        pass
    else:
        return
    message = f"{public(uri)} is damaged, or no Parquet file. Clear the task that wrote it, so that it runs again."
    raise DataError(message)


def check_footer(path: Any, uri: str) -> None:
    """Compare the footer of a file with its checksum.

    :param uri: to name in errors.
    :raises ConnectorError: the file is not there, or cannot be read.
    :raises DataError: it is no Parquet file, or damaged.
    """
    file = open_ranges(file_system(path), path.path, uri, ahead=False)
    with contextlib.closing(file), undamaged(uri):
        sealed_metadata(file)


def read_parquet(path: Any, uri: str) -> pa.RecordBatchReader:
    """Return what a file holds, as a stream.

    :param uri: to name in errors.
    :raises ConnectorError: the file is not there, or cannot be read.
    :raises DataError: it is no Parquet file, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = open_ranges(file_system(path), path.path, uri, ahead=True)
    with undamaged(uri):
        metadata = sealed_metadata(file)
        parquet = pq.ParquetFile(file, metadata=metadata, pre_buffer=False, page_checksum_verification=True)
    rows = _fitting_rows(metadata)

    def batches() -> Iterator[pa.RecordBatch]:
        missing = metadata.num_rows
        with contextlib.closing(file), undamaged(uri):
            for batch in parquet.iter_batches(batch_size=rows):
                missing -= batch.num_rows
                yield batch
            if missing:
                # Arrow passes over pages of a kind that it does not know, and their headers have no checksums.
                message = f"{missing:,} rows are missing"
                raise ValueError(message)

    return pa.RecordBatchReader.from_batches(parquet.schema_arrow, batches())


def damage_of(path: Any, uri: str) -> DataError | None:
    """Read a file to its end and return the error if it is damaged, None if it is not.

    :param uri: to name in the error.
    :raises ConnectorError: the file is not there, or cannot be read.
    """
    try:
        for _ in read_parquet(path, uri):
            pass
    except DataError as error:
        return error
    return None
