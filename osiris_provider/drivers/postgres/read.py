"""Running queries on open connections, as streams of record batches."""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from osiris_provider.connectors.interrupt import stop
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.postgres.config import PostgresQueryConfig
from osiris_provider.drivers.postgres.copy_out.blocks import BLOCK_BYTES
from osiris_provider.drivers.postgres.copy_out.stream import Stream, open_stream
from osiris_provider.drivers.postgres.names import check_result_names, quote
from osiris_provider.drivers.postgres.partitions import (
    NotPartitionableError,
    export_snapshot,
    plan_partitions,
    take_snapshot,
)
from osiris_provider.drivers.postgres.session import rolled_back_on_error
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.parallel import lend_new, read_ahead, together
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    from psycopg2 import extensions

log = logging.getLogger(__name__)

_QUOTED = re.compile(r"""--[^\n]*|/\*.*?\*/|'[^']*'|"[^"]*"|\$(\w*)\$.*?\$\1\$""", re.DOTALL)
_HAS_ROWS = re.compile(r"^\s*\(*\s*(SELECT|VALUES|TABLE|WITH|SHOW|EXPLAIN|FETCH)\b|\bRETURNING\b", re.IGNORECASE)
MIN_BLOCK_BYTES = 128 * 1024
"""Of each partition, however many share the memory."""


def read_step(client: extensions.connection, step: Step[PostgresQueryConfig], dialect: Dialect) -> Batches:
    """Run the query of a step and return its batches; the first one, perhaps empty, has the schema.

    :param client: an open connection.
    :param step: says how: over one connection, or in partitions over several.
    :param dialect: of the family.
    """
    if step.config.partition_on is None:
        return _unpartitioned(client, step)
    return _partitioned(client, step, dialect)


def _unpartitioned(client: extensions.connection, step: Step[PostgresQueryConfig]) -> Batches:
    stream = open_config(client, step.config)
    if step.config.query:
        check_result_names(step.id, step.config.query, stream.schema.names)
        _say_unread(step.id, step.config.query)
    log.info("Step %s: reading PostgreSQL through %s", step.id, stream.how)
    _say_filtered(step, stream)
    return batches(stream, step.config.batch_rows)


def _partitioned(client: extensions.connection, step: Step[PostgresQueryConfig], dialect: Dialect) -> Batches:
    config, problem = step.config, ""
    with ExitStack() as opened:
        try:
            clients, streams = _open_partitions(client, step, dialect, opened)
        except NotPartitionableError as error:
            problem = str(error)
        else:
            if streams:
                partitions = [batches(stream, config.batch_rows) for stream in streams]
                yield from read_ahead(partitions, partial(stop, clients))
                return
    if problem:
        log.warning("Step %s: reading over one connection in spite of partition_on: %s", step.id, problem)
    yield from _unpartitioned(client, step)


def _open_partitions(
    client: extensions.connection, step: Step[PostgresQueryConfig], dialect: Dialect, opened: ExitStack
) -> tuple[list[extensions.connection], list[Stream]]:
    """Return the connections and streams of the partitions; none if the range is too narrow for them."""
    connector = get_connector(step.connection["family"])
    clients: list[extensions.connection] = []
    streams: list[Stream] = []
    partitions, session = plan_partitions(client, step.config, dialect)
    with rolled_back_on_error(session):
        if len(partitions) > 1:
            clients = opened.enter_context(lend_new(connector, step.connection, len(partitions)))
            snapshot = export_snapshot(session)
            size = min(max(2 * BLOCK_BYTES // len(partitions), MIN_BLOCK_BYTES), BLOCK_BYTES)

            def open_partition(client: extensions.connection, config: PostgresQueryConfig) -> Stream:
                take_snapshot(client, snapshot)
                return open_config(client, config, size)

            pairs = zip(clients, partitions, strict=True)
            streams = together([partial(open_partition, *pair) for pair in pairs], partial(stop, clients))
            said = (step.id, len(partitions), step.config.partition_on, streams[0].how)
            log.info("Step %s: reading %d partitions by %s, from one snapshot, through %s", *said)
            _say_filtered(step, streams[0])
        session.finish(commit=True)
    return clients, streams


def _say_unread(step_id: str, query: str) -> None:
    """Warn where statements before the last one have rows: the server sends them, and the client keeps the last."""
    *before, _ = [text for text in _QUOTED.sub(" ", query).split(";") if text.strip()] or [""]
    if any(_HAS_ROWS.search(text) for text in before):
        log.warning(
            "Step %s: the query has several statements, and only the rows of the last one are read. Give each of them "
            "a step of its own.",
            step_id,
        )


def _say_filtered(step: Step[PostgresQueryConfig], stream: Stream) -> None:
    if stream.filtered:
        log.warning(
            "Step %s: the user sees only the rows that policies of row-level security show: others may be left out. To "
            "read all, use a role with BYPASSRLS; ALTER ROLE … SET row_security = off makes it an error.",
            step.id,
        )


def open_config(client: extensions.connection, config: PostgresQueryConfig, block_bytes: int = BLOCK_BYTES) -> Stream:
    """Return the stream of what a config asks for; see :func:`open_stream`."""
    return open_stream(
        client,
        config.statement(quote),
        config.params,
        engine=config.engine,
        text_columns=config.text_columns,
        lenient=config.special_values == "null",
        block_bytes=block_bytes,
    )


def batches(stream: Stream, rows: int) -> Batches:
    """Yield the batches of a stream in pieces; the first one has the schema and no rows.

    :param stream: is closed at the end.
    :param rows: the most of a piece.
    """
    import pyarrow as pa

    with stream:
        yield pa.RecordBatch.from_pylist([], schema=stream.schema)
        for batch in stream:
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)
