"""What a driver is: the work of one step, given a resolved connection and the results of earlier steps.

A driver never resolves a connection and never sees Airflow. Data comes and goes as Arrow record batches, as a stream.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, runtime_checkable

from pydantic import ValidationError

from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.data import to_reader
from osiris_provider.drivers.datasets import Dataset, at_address, of_uri
from osiris_provider.drivers.incremental.cursor import Incremental, IncrementalState
from osiris_provider.drivers.lazy_pandas import leave_pandas_out
from osiris_provider.drivers.progress import READ, WRITTEN, Progress
from osiris_provider.drivers.step import REFERENCE, RESOLVED, Config, RunContext, Step, check_arguments, of_step
from osiris_provider.drivers.validation import explain, validated
from osiris_provider.errors import ConnectionConfigError, DataError, DriverConfigError, OsirisError
from osiris_provider.messages import errors_of

if TYPE_CHECKING:
    import pyarrow as pa

    from osiris_provider.drivers.incremental.ordering import Kind

log = logging.getLogger(__name__)

_MAX_PROBLEMS = 200


@runtime_checkable
class Driver(Protocol):
    """The contract that every driver keeps, also those of third parties."""

    def run(
        self, *, step_id: str, config: dict[str, Any], inputs: Mapping[str, Mapping[str, Any]], ctx: RunContext
    ) -> dict[str, Any]:
        """Do the work of a step.

        :param step_id: the step, for messages and metrics.
        :param config: the step's config; ``resolved_connection`` holds the connection (CONN-005, 006).
        :param inputs: results of earlier steps by step id, each with ``data`` or ``df``.
        :param ctx: takes metrics.
        :return: ``{"data": …}`` or ``{"df": …}`` with an Arrow table or record batch reader, a pandas or polars
            frame, or a generator of chunks; or figures such as ``{"rows_written": 3}``.
        """


class BaseDriver(ABC, Generic[Config]):
    """Base of this package's drivers: checks config and connection, then does :meth:`execute`.

    :cvar name: under which the driver is registered, such as ``mysql.extractor``.
    :cvar family: of the connection it needs; None if it needs none.
    """

    name: ClassVar[str]
    family: ClassVar[str | None] = None
    config_model: type[Config]

    def run(
        self, *, step_id: str, config: dict[str, Any], inputs: Mapping[str, Mapping[str, Any]], ctx: RunContext
    ) -> dict[str, Any]:
        """Check the step and do its work; see :meth:`Driver.run`.

        :raises DriverConfigError: an argument is of another kind, a config field is missing, unknown or wrong (all are
            named), or the connection is missing or of another family.
        :raises ConnectionConfigError: a connection field is missing or wrong (CONN-007, 008).
        """
        check_arguments(step_id, self.name, config, inputs, ctx)
        leave_pandas_out()
        return self.execute(
            Step(step_id, self._config(step_id, config), self._connection(step_id, config), inputs, ctx)
        )

    @abstractmethod
    def execute(self, step: Step[Config]) -> dict[str, Any]:
        """Do the work of a checked step and return its result."""

    def source(self, config: Config) -> str:
        """Return what is read or written, such as a table's name; config field ``table`` or ``path``, or nothing.

        A cursor value does not count for another source. It must not give a secret away.
        """
        return str(getattr(config, "table", None) or getattr(config, "path", None) or "")

    def dataset(self, config: Config, connection: ResolvedConnection) -> Dataset | None:
        """Return what is read or written as OpenLineage names it, None if nothing is known.

        :param config: of the step.
        :param connection: the resolved connection.
        """
        source = self.source(config)
        if not source:
            return None
        if self.family is None:
            return of_uri(source)
        return at_address(self.family, get_connector(self.family).address_of(connection), source)

    def dataset_of(self, config: Mapping[str, Any]) -> Dataset | None:
        """Return :meth:`dataset` of a step that is not checked yet.

        :param config: as :meth:`run` takes it.
        :raises OsirisError: as :meth:`run`.
        """
        return self.dataset(self._config("", config), self._connection("", config))

    def config_problems(self, config: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
        """Return what is wrong with a config, each with where in the config it stands; nothing is connected to.

        :param config: of a step; its connection is not looked at.
        """
        try:
            validated(self.config_model, _own_fields(config))
        except ValidationError as error:
            # A list of thousands of wrong values is one mistake.
            return list(islice(self._explained(error, config), _MAX_PROBLEMS))
        return []

    def _config(self, step_id: str, config: Mapping[str, Any]) -> Config:
        try:
            return validated(self.config_model, _own_fields(config))
        except ValidationError as error:
            problems = "; ".join(problem for _, problem in self._explained(error, config))
        raise DriverConfigError.in_step(step_id, problems, self.name)

    def _explained(
        self, error: ValidationError, config: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[str | int, ...], str]]:
        known = [*self.config_model.model_fields, *(["connection"] if self.family else [])]
        for item in errors_of(error, config):
            yield item["loc"], explain(item, known)

    def _connection(self, step_id: str, config: Mapping[str, Any]) -> ResolvedConnection:
        connection: Mapping[str, Any] = config.get(RESOLVED) or {}
        if self.family is None:
            return connection if isinstance(connection, ResolvedConnection) else ResolvedConnection(connection)
        if not connection:
            hint = f"write connection: '@{self.family}.alias' in its config"
            message = f"needs a connection: {hint}. ('resolved_connection' is required.)"
            raise DriverConfigError.in_step(step_id, message, self.name)
        if connection.get("family", self.family) != self.family:
            message = f"needs a {self.family} connection, not {connection.get('family')}."
            raise DriverConfigError.in_step(step_id, message, self.name)
        resolved = (
            connection
            if isinstance(connection, ResolvedConnection)
            else ResolvedConnection({"family": self.family, **connection}, get_connector(self.family).model)
        )
        # What is wrong with it is said before any work.
        problem: OsirisError
        try:
            _ = resolved.model
        except ConnectionConfigError as error:
            problem = of_step(error, step_id)
        else:
            return resolved
        raise problem


def _own_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are the driver's own: all but the connection."""
    return {name: value for name, value in config.items() if name not in (RESOLVED, REFERENCE)}


class Extractor(BaseDriver[Config]):
    """Base of drivers that read: :meth:`extract` gives a stream, which is counted, timed and logged.

    A config that has a field ``incremental`` (:class:`~osiris_provider.drivers.incremental.cursor.Incremental`) makes
    it read what is new: :meth:`extract` finds in ``step.cursor_range`` what to ask for, all else is done here.

    :cvar read_as_texts: what texts may be (``number``, ``time``) that the source, asked for greater ones, compares as
        texts all the same.
    """

    read_as_texts: ClassVar[frozenset[Kind]] = frozenset()

    def execute(self, step: Step[Config]) -> dict[str, Any]:
        """Return ``{"data": record batch reader}``; the metrics are reported when the stream has been read."""
        progress = Progress(step.id, READ)
        settings = getattr(step.config, "incremental", None)
        reader = to_reader(self.extract(step), step.id) if settings is None else self._extract_new(step, settings)
        return {"data": progress.watch(reader, lambda: progress.finish(step.metric))}

    @abstractmethod
    def extract(self, step: Step[Config]) -> Any:
        """Return what is read, as a stream: anything that :func:`to_reader` takes."""

    def _extract_new(self, step: Step[Config], settings: Incremental) -> pa.RecordBatchReader:
        from osiris_provider.drivers.incremental.tracker import Tracker

        state: IncrementalState | None = getattr(step.ctx, "state", None)
        if state is None:
            message = "config field incremental needs a runner that stores state."
            raise DriverConfigError.in_step(step.id, message)
        redact: Callable[[str], str] = str
        prefix = ""
        if self.family is not None:
            redact = get_connector(self.family).model.redactor(step.connection)
            prefix = f"@{self.family}.{step.connection.get('alias')} "
        tracker = Tracker(step.id, settings, state, f"{prefix}{self.source(step.config)}", redact, self.read_as_texts)
        return tracker.watch(to_reader(self.extract(replace(step, cursor_range=tracker.cursor_range()))))


class Writer(BaseDriver[Config]):
    """Base of drivers that write: :meth:`write` takes a stream, which is counted, timed and logged."""

    def execute(self, step: Step[Config]) -> dict[str, Any]:
        """Write the input and return ``{"rows_written": n}`` and what :meth:`write` adds."""
        progress = Progress(step.id, WRITTEN)
        reader = step.read_input(getattr(step.config, "input", None))
        if not reader.schema.names:
            return self._write_nothing(step, reader, progress)
        written = self.write(step, progress.watch(reader))
        progress.finish(step.metric, written["rows_written"])
        return written

    def _write_nothing(self, step: Step[Config], reader: pa.RecordBatchReader, progress: Progress) -> dict[str, Any]:
        """A source that knows its columns by its rows, such as an API, has no columns if it has no rows."""
        rows = sum(batch.num_rows for batch in reader)
        if rows:
            message = f"the input has {rows:,} rows, but no columns."
            raise DataError.in_step(step.id, message)
        log.warning("Step %s: the input has no rows and no columns: nothing is written.", step.id)
        progress.finish(step.metric, 0)
        return {"rows_written": 0}

    @abstractmethod
    def write(self, step: Step[Config], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches; return ``{"rows_written": n, …}``, small and JSON-able."""
