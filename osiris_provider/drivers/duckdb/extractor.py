"""Reading and transforming with DuckDB, and what its writer shares."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.duckdb.client import next_batch, waited
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.data import ColumnNeedsTextError, to_reader
from osiris_provider.drivers.duckdb.config import ProcessorConfig
from osiris_provider.drivers.duckdb.inputs import allow_only, distinct, offer, plain_names, source_of
from osiris_provider.drivers.duckdb.types import checked, expressions, quote, wide_integers, with_orders
from osiris_provider.drivers.progress import PROCESSED, Progress
from osiris_provider.drivers.sql.base import BATCH_BYTES, Batches, SQLDriver
from osiris_provider.drivers.sql.config import SpecialValues, TypedQueryConfig
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.values.special_values import ServerExtractor, check_text_columns
from osiris_provider.drivers.step import Step
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from osiris_provider.drivers.query_check import QueryCheck

VECTOR: Final = 2048
"""Rows that DuckDB computes at a time. A batch of more may be of any size, where texts are long."""
_NO_CONNECTION = "a database in memory"

log = logging.getLogger(__name__)


class DuckDBDriver(SQLDriver[Any]):
    """What the drivers have in common."""

    default_schema = "main"

    def database(self, url: str) -> str:
        """Return the name that DuckDB gives the database of a file; see :meth:`SQLDriver.database`."""
        return Path(super().database(url)).stem

    def server_text(self, error: Exception) -> str:
        """Return what the server said; see :meth:`SQLDriver.server_text`."""
        import duckdb

        # At a commit that is a key of a row.
        return "" if isinstance(error, duckdb.TransactionException) else str(error)


class DuckDBExtractor(DuckDBDriver, ServerExtractor[TypedQueryConfig]):
    """Reads a query or a table as a stream (``duckdb.extractor``)."""

    name = "duckdb.extractor"
    family = "duckdb"
    config_model = TypedQueryConfig
    dialect = Dialect(quote, "qmark")

    def stream(self, client: DuckDBPyConnection, step: Step[TypedQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        config = step.config
        with own_cursor(client) as cursor:
            yield from _batches(cursor, step, config.statement(quote), config.text_columns, config.special_values)
            _say_unread(cursor, step.id, config.query or "")


def _say_unread(cursor: DuckDBPyConnection, step_id: str, query: str) -> None:
    """Warn where statements before the last one have rows: DuckDB gives those of the last."""
    before = cursor.extract_statements(query)[:-1] if ";" in query else []
    if any(statement.expected_result_type == [_query_result()] for statement in before):
        log.warning(
            "Step %s: the query has several statements, and only the rows of the last one are read. Give each of them "
            "a step of its own.",
            step_id,
        )


def _query_result() -> Any:
    import duckdb

    return duckdb.ExpectedResultType.QUERY_RESULT


class DuckDBProcessor(DuckDBDriver, BaseDriver[ProcessorConfig]):
    """Runs SQL over the results of earlier steps (``duckdb.processor``).

    Needs no connection; with one, the query sees the tables of that database too.
    """

    name = "duckdb.processor"
    config_model = ProcessorConfig

    def execute(self, step: Step[ProcessorConfig]) -> dict[str, Any]:
        """Return ``{"data": record batch reader}``; the metrics count the rows of the result."""
        progress = Progress(step.id, PROCESSED)
        reader = to_reader(self._stream(dataclasses.replace(step, connection=_database_of(step))))
        return {"data": progress.watch(reader, lambda: progress.finish(step.metric))}

    def check_query(
        self, query: str, tables: Mapping[str, Sequence[str] | None], params: Any, *, alone: bool
    ) -> QueryCheck:
        """Check a query without data; see :class:`~osiris_provider.drivers.query_check.ChecksQuery`."""
        from osiris_provider.drivers.duckdb.query_check import check_query

        plain = {spelling: tables[name] for spelling, name in plain_names(tables).items()}
        return check_query(query, {**plain, **tables}, params, alone=alone)

    @contextlib.contextmanager
    def _database(self, step: Step[ProcessorConfig]) -> Iterator[DuckDBPyConnection]:
        with self.borrowed(step) as client:
            try:
                yield client
            finally:
                if step.connection.get("alias") == _NO_CONNECTION:
                    # No one else can ask for it.
                    get_connector("duckdb").close_client(client)

    def _stream(self, step: Step[ProcessorConfig]) -> Batches:
        with (
            self._database(step) as client,
            own_cursor(client) as cursor,
            tempfile.TemporaryDirectory(prefix="osiris-inputs-") as folder,
        ):
            inputs = {
                name: source_of(step, name, Path(folder) / f"{number}.parquet")
                for number, name in enumerate(distinct(step))
            }
            is_alone = step.connection.get("alias") == _NO_CONNECTION
            if is_alone:
                allow_only(cursor, [source for source in inputs.values() if isinstance(source, Path)])
            for name, source in inputs.items():
                offer(cursor, step.id, name, source, is_alone=is_alone)
            for plain, name in plain_names(step.inputs).items():
                cursor.execute(f"CREATE TEMP VIEW {quote(plain)} AS FROM {quote(name)}")
            try:
                yield from _batches(cursor, step, step.config.query.rstrip("; \n\t"), (), "error")
            except ColumnNeedsTextError as error:
                name = quote(error.columns[0])
                problem = f"{error.message.partition('. ')[0]}. Select {name}::VARCHAR in the query."
            else:
                _say_unread(cursor, step.id, step.config.query)
                return
            raise DataError(problem)


@contextlib.contextmanager
def own_cursor(client: DuckDBPyConnection) -> Iterator[DuckDBPyConnection]:
    """Lend a connection to the same database, with temporary views of its own."""
    with contextlib.closing(client.cursor()) as cursor:
        # Otherwise a misspelt table may turn out to be a variable of this module.
        cursor.execute("SET python_enable_replacements = false")
        yield cursor


def _batches(
    cursor: DuckDBPyConnection,
    step: Step[Any],
    statement: str,
    text_columns: Collection[str],
    special_values: SpecialValues,
) -> Batches:
    import pyarrow as pa

    from osiris_provider.drivers.sql.tables import check_names
    from osiris_provider.drivers.sql.write import filled

    relation, names, types = _described(cursor, step, statement)
    check_text_columns(text_columns, names)
    check_names(step.id, pa.schema([(name, pa.null()) for name in names]))
    numbers = wide_integers(names, types, text_columns)
    rows = 0
    reader = _reader(cursor, relation, step, statement, expressions(names, types, text_columns))
    schema = _with_numbers(pa.RecordBatch.from_pylist([], schema=reader.schema), numbers).schema
    yield pa.RecordBatch.from_pylist([], schema=with_orders(schema, types))
    read = iter(lambda: next_batch(cursor, reader), None)
    for batch in filled(read, step.config.batch_rows, size=BATCH_BYTES):
        yield checked(_with_numbers(batch, numbers), rows, special_values)
        rows += batch.num_rows


def _described(cursor: DuckDBPyConnection, step: Step[Any], statement: str) -> tuple[Any, list[str], list[Any]]:
    """Return a statement as a relation, if that does not run it, and the names and types of its columns."""
    import duckdb
    import pyarrow as pa

    from osiris_provider.drivers.sql.tables import check_names

    params = step.config.params
    if params is not None and not hasattr(duckdb.DuckDBPyRelation, "to_arrow_reader"):
        # Older versions run a statement with parameters at once, and keep all of its rows.
        with contextlib.suppress(duckdb.ParserException):
            columns = cursor.execute(f"DESCRIBE {statement}", params).fetchall()
            return None, [name for name, *_ in columns], [cursor.type(dtype) for _, dtype, *_ in columns]
    relation = cursor.sql(statement, params=params)
    if relation is None:
        # A statement that returns no rows has no columns either, which check_names explains.
        check_names(step.id, pa.schema([]))
    return relation, relation.columns, relation.types


def _reader(
    cursor: DuckDBPyConnection, relation: Any, step: Step[Any], statement: str, selected: list[str] | None
) -> pa.RecordBatchReader:
    """Run a statement so that its rows are made while they are read; which way does that changed between versions."""
    listed = ", ".join(selected or ())
    rows = min(step.config.batch_rows, VECTOR)
    if hasattr(relation, "to_arrow_reader"):
        chosen = relation.project(listed) if selected else relation
        # DuckDB computes in there, and signals would wait for it.
        return waited(cursor, lambda: chosen.to_arrow_reader(rows))
    text = f"SELECT {listed} FROM ({statement})" if selected else statement  # noqa: S608 - every name is quoted
    executed: Any = cursor.execute(text, step.config.params)
    return executed.fetch_record_batch(rows)


def _with_numbers(batch: pa.RecordBatch, names: Collection[str]) -> pa.RecordBatch:
    """Return a batch with whole numbers of up to 39 digits, which came as text, as such."""
    import pyarrow as pa

    for name in names:
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, name, batch.column(index).cast(pa.decimal256(39, 0)))
    return batch


def _database_of(step: Step[ProcessorConfig]) -> ResolvedConnection:
    settings = {"memory": step.config.memory, "threads": step.config.threads}
    given = {name: value for name, value in settings.items() if value is not None}
    if not step.connection:
        # A database of its own, which is locked down when its inputs are known.
        name = f":memory:{uuid.uuid4().hex}"
        fields = {"family": "duckdb", "alias": _NO_CONNECTION, "path": name, "external_access": True, **given}
        return ResolvedConnection(fields)
    if step.connection.get("family") != "duckdb":
        message = f"needs a duckdb connection or none, not {step.connection.get('family')}."
        raise DriverConfigError.in_step(step.id, message)
    if given:
        message = f"config field {' and '.join(given)}: set it in the connection."
        raise DriverConfigError.in_step(step.id, message)
    return step.connection
