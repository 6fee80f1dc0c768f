"""Reading MySQL and MariaDB, and what its writer shares. What they work with is imported when they do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.interrupt import stop
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.mysql.config import MySQLQueryConfig
from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.sql.base import Batches, SQLDriver, require_fields
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.values.special_values import ServerExtractor
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    from pymysql.connections import Connection

log = logging.getLogger(__name__)


class MySQLDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

    def check(self, step: Step[Any]) -> None:
        """Check the fields; see :meth:`SQLDriver.check`."""
        require_fields(step, ("database", "password"))

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

    def extract(self, step: Step[MySQLQueryConfig]) -> Batches:
        """Return the stream, of a table with its invisible columns too; see :meth:`SQLExtractor.extract`."""
        from osiris_provider.drivers.mysql.tables import columns_beyond_the_star

        if step.config.table and not step.config.columns:
            with self.borrowed(step) as client:
                columns = columns_beyond_the_star(client, step.config.table)
            if columns:
                step = replace(step, config=step.config.model_copy(update={"columns": columns}))
        yield from super().extract(step)

    def stream(self, client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        from osiris_provider.drivers.mysql.read import check_params, hang_up, read_all, read_session

        check_params(client, step.config)
        finished = False
        try:
            with read_session(client):
                partitions = self._partitions(client, step)
                with self._one_snapshot(client, step, len(partitions)) as clients:
                    yield from read_all(clients, partitions if len(clients) > 1 else [step.config], step.id)
            finished = True
        finally:
            if not finished:
                hang_up(client)

    def _partitions(self, client: Connection[Any], step: Step[MySQLQueryConfig]) -> list[MySQLQueryConfig]:
        from osiris_provider.drivers.mysql.partitions import points_of
        from osiris_provider.drivers.sql.partition import split

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
        """Open connections that see the same state of the database; only the one there is if that cannot be."""
        from osiris_provider.drivers.mysql.partitions import begin_together
        from osiris_provider.drivers.mysql.read import begin_reading
        from osiris_provider.drivers.sql.parallel import lend_new, together

        connector = get_connector(step.connection["family"])
        with ExitStack() as opened:
            clients: list[Connection[Any]] = []
            if number > 1:
                clients = opened.enter_context(lend_new(connector, step.connection, number))
                together([partial(begin_reading, one) for one in clients], partial(stop, clients))
            problem = begin_together(client, clients, step.config, self.dialect) if clients else ""
            column = step.config.partition_on
            if problem:
                log.warning(
                    "Step %s: reading over one connection, not in partitions by %s: %s", step.id, column, problem
                )
                opened.close()
            elif clients:
                log.info("Step %s: reading %d partitions by %s, from one snapshot", step.id, number, column)
            yield [client] if problem or not clients else clients
