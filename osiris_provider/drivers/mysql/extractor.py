"""Reading MySQL and MariaDB, and what its writer shares."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.base import Step
from osiris_provider.drivers.mysql.read import hang_up, quote, read_all
from osiris_provider.drivers.mysql.snapshot import locked, points_of, take_snapshot
from osiris_provider.drivers.sql.base import Batches, SQLDriver, require_fields
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.partition import split
from osiris_provider.drivers.sql.server import ServerExtractor, ServerQueryConfig

if TYPE_CHECKING:
    from pymysql.connections import Connection

log = logging.getLogger(__name__)


class MySQLQueryConfig(ServerQueryConfig):
    """Config of ``mysql.extractor``. While reading, the session's time zone is UTC.

    :param engine: how the result travels: ``binary`` (a prepared statement), ``cursor`` (text, for statements that
        the server does not prepare), or ``auto``, which takes the first that works. Types and values are the same.
    """

    engine: Literal["auto", "binary", "cursor"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _old_name(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """``special_values`` was called ``zero_dates`` in version 0.1."""
        if "zero_dates" not in fields or "special_values" in fields:
            return fields
        return {("special_values" if name == "zero_dates" else name): value for name, value in fields.items()}


class MySQLDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

    def check(self, step: Step[Any]) -> None:
        """Check the fields; see :meth:`SQLDriver.check`."""
        require_fields(step, ("host", "database", "user", "password"))

    def server_text(self, error: Exception) -> str:
        """Return what the server said; see :meth:`SQLDriver.server_text`."""
        return str(error.args[1]) if len(error.args) > 1 else ""


class MySQLExtractor(MySQLDriver, ServerExtractor[MySQLQueryConfig]):
    """Reads a query or a table as a stream (``mysql.extractor``); rows stay on the server until they are asked for."""

    name = "mysql.extractor"
    family = "mysql"
    config_model = MySQLQueryConfig
    # MariaDB parses no zone; the session's is UTC.
    dialect = Dialect(quote, zone="")

    def stream(self, client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        finished = False
        try:
            parts = self._parts(client, step)
            if len(parts) > 1:
                with self._one_snapshot(client, step, len(parts)) as clients:
                    yield from read_all(clients, parts, step.id)
            else:
                yield from read_all([client], parts, step.id)
            finished = True
        finally:
            if not finished:
                hang_up(client)

    def _parts(self, client: Connection[Any], step: Step[MySQLQueryConfig]) -> list[MySQLQueryConfig]:
        config = step.config
        if config.partition_on is None:
            return [config]
        points = points_of(client, config, config.partition_on, self.dialect)
        client.commit()
        return split(config, config.partition_on, points, self.dialect)

    @contextmanager
    def _one_snapshot(
        self, client: Connection[Any], step: Step[MySQLQueryConfig], number: int
    ) -> Iterator[list[Connection[Any]]]:
        """Open connections that see the same state of the database; the log says so if that cannot be."""
        connector = get_connector(step.connection["family"])
        with ExitStack() as opened:
            clients: list[Connection[Any]] = []
            for _ in range(number):
                clients.append(connector.create_client(step.connection))
                opened.callback(connector.close_client, clients[-1])
            with locked(client, step.config, self.dialect) as problem:
                for one in clients:
                    take_snapshot(one)
            column = step.config.partition_on
            if problem:
                log.warning(
                    "Step %s: reading %d parts by %s, NOT from one snapshot: %s. Rows that are written meanwhile "
                    "may be missing or may be there twice.",
                    step.id,
                    number,
                    column,
                    problem,
                )
            else:
                log.info("Step %s: reading %d parts by %s, from one snapshot", step.id, number, column)
            yield clients
