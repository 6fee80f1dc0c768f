"""What the drivers of the SQL families share: their config, their stream, their checks and their errors."""

from __future__ import annotations

from abc import abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from urllib.parse import unquote, urlsplit

from osiris_provider.connections.redact import without_passwords
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.sql.dbapi import lease
from osiris_provider.connectors.sql.faults import BAD_DATA
from osiris_provider.drivers.base import Extractor
from osiris_provider.drivers.datasets import Dataset, table_name
from osiris_provider.drivers.sql.config import QueryConfig
from osiris_provider.drivers.sql.incremental import Dialect, narrowed
from osiris_provider.drivers.step import Step, StepConfig, of_step
from osiris_provider.errors import ConnectionConfigError, DataError, DriverConfigError, OsirisError
from osiris_provider.messages import one_line

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_ROWS = 64
BATCH_BYTES = 32 * 1024 * 1024
"""Rows of the first batch, and how large batches may grow: memory stays flat also where rows are large."""

AnyConfig = TypeVar("AnyConfig", bound=StepConfig)
Query = TypeVar("Query", bound=QueryConfig)
Batches = Iterator["pa.RecordBatch"]


class InputError(Exception):
    """The input of a writer broke; its cause is what the user should see, it is not the server's doing."""


class SQLDriver(Generic[AnyConfig]):
    """What SQL extractors and writers have in common: the client that they borrow, and what becomes of its errors."""

    family: ClassVar[str | None]
    default_schema: ClassVar[str | None] = None
    """Of tables that are named without one, in families whose databases have schemas."""

    def dataset(self, config: AnyConfig, connection: ResolvedConnection) -> Dataset | None:
        """Return the table, or the query; see :meth:`BaseDriver.dataset`."""
        if self.family is None:
            return None
        connector = get_connector(self.family)
        database = self.database(connection.model.as_url(redacted=True))
        within = tuple(name for name in (database, self.default_schema) if name)
        table, query = getattr(config, "table", None), getattr(config, "query", None)
        name = table_name(within, table) if table else ""
        return Dataset(f"{self.family}://{connector.address_of(connection)}", name, query, within)

    def database(self, url: str) -> str:
        """Return the name of the database in the URL of a connection."""
        return unquote(urlsplit(url).path.removeprefix("/"))

    def check(self, step: Step[AnyConfig]) -> None:
        """Check that the connection has what may be left out for a health check, but not for work (CONN-007)."""

    @abstractmethod
    def server_text(self, error: Exception) -> str:
        """Return what the server said, without what the client library adds."""

    @contextmanager
    def borrowed(self, step: Step[AnyConfig]) -> Iterator[Any]:
        """Lend the client of the step's connection; errors of its library become errors that name step and table."""
        problem: OsirisError
        table = getattr(step.config, "table", None)
        try:
            self.check(step)
            with lease(_connector(step), step.connection) as client:
                yield client
        except InputError as error:
            raise error.args[0] from None
        except OsirisError as error:
            error.table = error.table or table
            problem = of_step(error, step.id)
        except Exception as error:  # noqa: BLE001 - whatever a client library raises is classified here
            problem = self._error(step, error)
            problem.table = table
        else:
            return
        try:
            raise problem from None
        finally:
            # Its traceback has this frame, and those with the client: a circle would keep a DuckDB file open.
            del problem

    def _error(self, step: Step[AnyConfig], error: Exception) -> OsirisError:
        import pyarrow as pa

        connector = _connector(step)
        redact = connector.model.redactor(step.connection)
        if isinstance(error, pa.ArrowException | UnicodeError):
            return DataError.in_step(step.id, one_line(redact(str(error))))
        problem = connector.error_of(error, step.connection)
        said = one_line(without_passwords(redact(self.server_text(error))))
        said = f" The server said: {said}" if said else ""
        if problem.fault == BAD_DATA:
            message = f"a value does not fit its column or type.{said}"
            return DataError.in_step(step.id, message, reference=problem.reference)
        return of_step(problem.restated(problem.message + said), step.id)


class SQLExtractor(SQLDriver[Query], Extractor[Query]):
    """Base of the extractors that run a query; a family says how in :meth:`stream`.

    :cvar dialect: of the family's SQL, for incremental reading.
    """

    dialect: ClassVar[Dialect]
    read_as_texts = frozenset({"number", "time"})

    @abstractmethod
    def stream(self, client: Any, step: Step[Query]) -> Batches:
        """Run the query and yield its batches; the first one, perhaps empty, has the schema."""

    def extract(self, step: Step[Query]) -> Batches:
        """Return the stream; see :meth:`Extractor.extract`."""
        if step.cursor_range is not None:
            narrower = {**narrowed(step.config, step.cursor_range, self.dialect), "table": None, "columns": None}
            step = replace(step, config=step.config.model_copy(update=narrower))
        with self.borrowed(step) as client:
            yield from self.stream(client, step)

    def source(self, config: Query) -> str:
        """Return the table's name, or that it is a query; see :meth:`Extractor.source`."""
        return config.table or "query"


def _connector(step: Step[Any]) -> Connector[Any, Any]:
    return get_connector(step.connection["family"])


def given_fields(step: Step[Any]) -> set[str]:
    """Return the declared fields that a step's connection has; an empty text counts."""
    declared = _connector(step).declared()
    return {declared[name].name for name, value in step.connection.items() if name in declared and value is not None}


@contextmanager
def filling_in(errors: type[Exception]) -> Iterator[None]:
    """Say of parameters that do not fit their query that this is so; no library gives such an error a code.

    :param errors: of the library, besides those that Python's own ``%`` raises.
    :raises DriverConfigError: they do not fit.
    """
    try:
        yield
    except UnicodeError:
        raise
    except (LookupError, TypeError, ValueError, errors) as error:
        said = f"there is no value for {error}" if isinstance(error, KeyError) else str(error)
    else:
        return
    message = (
        f"config field params: the query cannot be filled with them: {one_line(said)}. A list has a value for each %s, "
        "a mapping one for each %(name)s; with params, a percent sign of the query itself is written %%."
    )
    raise DriverConfigError(message, field="params")


def require_fields(step: Step[Any], names: Sequence[str]) -> None:
    """Check that a connection has the fields that only work needs, and no health check (CONN-007).

    :param step: the step, whose connection is looked at.
    :param names: the fields.
    :raises ConnectionConfigError: names the field.
    """
    given = given_fields(step)
    for name in names:
        if name not in given:
            message = f"connection field '{name}' is required"
            raise ConnectionConfigError(message, field=name)


def fetch_batches(
    schema: pa.Schema,
    fetch: Callable[[int], Sequence[Sequence[Any]]],
    build: Callable[[Sequence[Sequence[Any]]], pa.RecordBatch],
    limit: int,
) -> Batches:
    """Yield record batches until there are no more rows; their size follows the size of the rows.

    :param schema: of the batches; an empty result yields one empty batch of it.
    :param fetch: takes a number of rows and returns at most as many; none at the end.
    :param build: makes a batch of rows.
    :param limit: rows of a batch.
    """
    import pyarrow as pa

    wanted = min(limit, FIRST_ROWS)
    rows = fetch(wanted)
    if not rows:
        yield pa.RecordBatch.from_pylist([], schema=schema)
    while rows:
        batch = build(rows)
        yield batch
        fitting = batch.num_rows * BATCH_BYTES // max(batch.nbytes, 1)
        wanted = max(1, min(limit, fitting, wanted * 4))
        rows = fetch(wanted)


def json_text(value: Any) -> str | None:
    """Return a nested value as JSON, for columns of lists, structs and maps.

    Decimals and times in it are texts, which keep all of their digits, and bytes are Base64.
    """
    import json

    return None if value is None else json.dumps(value, default=_inner_text, ensure_ascii=False)


def _inner_text(value: Any) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
