"""Where the results of steps lie between tasks: Parquet files, in a shared directory or an object store.

Knows no Airflow: the caller says how a URL becomes a path (anything with the interface of universal_pathlib's UPath).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from osiris_provider.connections.reference import shown
from osiris_provider.connections.settings import airflow_home, setting
from osiris_provider.drivers.data import (
    ColumnNeedsTextError,
    to_frame,
    to_reader,
)
from osiris_provider.errors import DataError, MissingPackageError
from osiris_provider.runtime.cleanup import OldFile, remove_old
from osiris_provider.runtime.parquet import (
    check_footer,
    damage_of,
    ranges_handler,
    read_parquet,
    undamaged,
    write_parquet,
)
from osiris_provider.runtime.seal import verify
from osiris_provider.storage.faults import attempt, public
from osiris_provider.storage.files import FILE_NAME, atomic_file, file_system, is_local, local_url

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_SEGMENT = 120

SEGMENT = r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*"
"""A name as :func:`safe_segment` writes it."""
_RESULT = re.compile(rf"{SEGMENT}/{SEGMENT}/{SEGMENT}/\d+/\d+/{re.escape(FILE_NAME)}", re.ASCII)
"""The layout: DAG, run, task, map index and try."""

OpenPath = Callable[[str], Any]
"""From a URL to a path object, such as ``airflow.sdk.ObjectStoragePath``."""


@dataclass(frozen=True)
class StagedData:
    """A result that lies in staging; small and JSON-able, so that it can travel through XCom."""

    uri: str
    rows: int
    bytes: int
    columns: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the reference as XCom carries it: ``uri``, ``rows``, ``bytes``, ``columns``."""
        return asdict(self)

    @classmethod
    def parse(cls, value: Any) -> StagedData | None:
        """Return the reference that a dict holds, or None if it holds none.

        :param value: what came through XCom; other keys beside those of the reference are passed over.
        """
        if not isinstance(value, Mapping) or not {"uri", "rows", "bytes", "columns"} <= set(value):
            return None
        uri, rows, size, columns = (value[key] for key in ("uri", "rows", "bytes", "columns"))
        if (type(uri), type(rows), type(size), type(columns)) == (str, int, int, list):
            return cls(uri, rows, size, columns)
        return None


class Staging:
    """A place for results.

    :param url: of a directory that all workers share, or of an object store; ``s3://conn_id@bucket/path`` is fine.
    :param open_path: makes a path of a URL.
    """

    def __init__(self, url: str, open_path: OpenPath) -> None:
        self.url = url.rstrip("/")
        self._open_path = open_path

    def write(self, path_parts: Sequence[str], reader: pa.RecordBatchReader) -> StagedData:
        """Write a stream as one Parquet file; under its final name it is always whole.

        If a column turns out to need text (:class:`ColumnNeedsTextError`), the stream that has it as text is written.

        :param path_parts: names of directories under the staging URL, such as DAG, run and task; made safe here.
        :param reader: is read to its end.
        :raises DataError: Parquet cannot hold such data.
        :raises ConnectorError: the storage is full, denies access, is not reached or fails.
        """
        uri = "/".join([self.url, *map(safe_segment, path_parts), FILE_NAME])
        # With each new start at least one more column is text.
        for _ in reader.schema.names:
            try:
                return self._write_once(uri, reader)
            except ColumnNeedsTextError as error:
                if error.again is None:
                    raise
                again = error.again
            reader = again()
        return self._write_once(uri, reader)

    def _write_once(self, uri: str, reader: pa.RecordBatchReader) -> StagedData:
        with atomic_file(self._open_path(uri), self.url) as file:
            rows, size = write_parquet(file, reader)
        return StagedData(uri, rows, size, list(reader.schema.names))

    def read(self, *staged: StagedData) -> StepInput:
        """Return staged results as one input of a step; nothing is read before it is asked for.

        :param staged: one, or several with the same columns, such as those of mapped tasks.
        :raises DataError: a reference is not to a result in this staging area. It came through XCom, which others can
            write to: it must not lead to another file, nor use another connection.
        """
        for one in staged:
            self._check_inside(one.uri)
        return StepInput(staged, self._open_path)

    def _check_inside(self, uri: str) -> None:
        relative = uri.removeprefix(f"{self.url}/")
        inside = uri.startswith(f"{self.url}/") and _RESULT.fullmatch(relative)
        if inside and is_local(path := self._open_path(uri)):
            root = os.path.realpath(self._open_path(self.url).path)
            inside = os.path.realpath(path.path) == os.path.join(root, relative)
        if inside:
            return
        message = (
            f"The reference {shown(public(uri))} is not to a result in the staging area {public(self.url)}. Give all "
            "workers the same staging_url, and clear the task that wrote it."
        )
        raise DataError(message)

    def remove_old(self, older_than: timedelta, *, dry_run: bool = False) -> Iterator[OldFile]:
        """Remove, and yield, what nothing has written to for some time: ``osiris staging gc`` for a task of a DAG.

        :param older_than: must be longer than the longest run of a DAG with its retries.
        :param dry_run: only tell.
        :raises ConnectorError: the storage is not reached, denies access or has no such bucket.
        """
        path = self._open_path(self.url)
        return remove_old(file_system(path), path.path, self.url, older_than, dry_run=dry_run)


def staging_url() -> str:
    """Return ``[osiris] staging_url``, else the URL of ``osiris_staging`` in ``AIRFLOW_HOME``."""
    return setting("staging_url") or local_url((airflow_home() / "osiris_staging").absolute())


class StepInput(Mapping[str, Any]):
    """The result of an earlier step, as a driver sees it; each key is read when it is asked for, not before.

    ======== ==========================================================================
    data     a fresh ``pyarrow.RecordBatchReader`` each time
    df       a pandas frame
    table    a ``pyarrow.Table``
    dataset  a ``pyarrow.dataset.Dataset``, for columns and filters
    path     the file's path; only for one local file, which is compared with its checksum first
    uri      the file's URL; only for one file
    rows     how many
    columns  their names
    ======== ==========================================================================

    :param staged: the references.
    :param open_path: makes a path of a URL.
    """

    def __init__(self, staged: Sequence[StagedData], open_path: OpenPath) -> None:
        # A source that knows its columns by its rows has none if it has no rows: others of the same task do.
        self._staged = staged = [one for one in staged if one.columns] or staged
        self._open_path = open_path
        self._is_lent = False
        self._readers: dict[str, Callable[[], Any]] = {
            "data": self._data,
            "df": self._frame,
            "table": lambda: self._data().read_all(),
            "dataset": self._dataset,
            "rows": lambda: sum(one.rows for one in staged),
            "columns": lambda: list(staged[0].columns) if staged else [],
        }
        if len(staged) == 1:
            self._readers["uri"] = lambda: staged[0].uri
            if is_local(open_path(staged[0].uri)):
                self._readers["path"] = self._path

    def __getitem__(self, key: str) -> Any:
        return self._readers[key]()

    def __contains__(self, key: object) -> bool:
        return key in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __repr__(self) -> str:
        return f"StepInput({', '.join(public(one.uri) for one in self._staged)})"

    def damage(self) -> DataError | None:
        """Return the error for a result that was lent as a dataset and is damaged; None if there is none."""
        lent = self._staged if self._is_lent else ()
        return next(filter(None, (damage_of(self._open_path(one.uri), one.uri) for one in lent)), None)

    def _data(self) -> pa.RecordBatchReader:
        readers = (read_parquet(self._open_path(one.uri), one.uri) for one in self._staged)
        return next(readers) if len(self._staged) == 1 else to_reader(readers)

    def _path(self) -> str:
        uri = self._staged[0].uri
        path = str(self._open_path(uri).path)
        # Who reads it by other means than Arrow, such as DuckDB, verifies no checksums.
        with undamaged(uri):
            attempt(uri, verify, path)
        return path

    def _frame(self) -> Any:
        problem = ""
        try:
            import pandas  # noqa: F401 - only to say clearly that it is missing
        except ImportError:
            problem = "pandas is not installed; run: pip install 'airflow-provider-osiris[pandas]', or read key data."
        if problem:
            raise MissingPackageError(problem)
        return to_frame(self._data().read_all())

    def _dataset(self) -> Any:
        import pyarrow.dataset as ds
        from pyarrow.fs import PyFileSystem

        paths = [self._open_path(one.uri) for one in self._staged]
        files = PyFileSystem(ranges_handler(file_system(paths[0]))) if not all(map(is_local, paths)) else None
        uri = self._staged[0].uri
        verifying = ds.ParquetFileFormat(page_checksum_verification=True)
        for one, path in zip(self._staged, paths, strict=True):
            check_footer(path, one.uri)
        with undamaged(uri):
            dataset = attempt(uri, ds.dataset, [path.path for path in paths], filesystem=files, format=verifying)
        # It has the columns of its first file, and would leave out what others have.
        alike = len(paths) == 1 or all(one.physical_schema.equals(dataset.schema) for one in dataset.get_fragments())
        self._is_lent = alike
        return dataset if alike else ds.dataset(self._data().read_all())


def safe_segment(name: str) -> str:
    """Return a name as one segment of a path or object key: no separators, no leading dot, not too long.

    Different names stay different: whatever had to be changed gets a hash of the original.

    :param name: any text, such as a run id.
    """
    safe = re.sub(r"[^A-Za-z0-9._=-]", "_", name).lstrip(".")[:LONGEST_SEGMENT]
    if safe == name and name:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{safe}-{digest}"
