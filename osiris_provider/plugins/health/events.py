"""The events of checks in Airflow's database; read, never written.

``asset_event`` has an index on asset and time. Each statement asks for the rows of a time span, or for the newest few
of each asset. Of ``extra`` the database looks at how its text begins, and no further: what is odd there must not break
a query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from osiris_provider._airflow.health_asset import parse_health_asset_uri
from osiris_provider.plugins.health.checks import HEALTHY_HEAD, Check, Run, parse_check

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.orm import Session

MAX_HISTORY = 20_000
"""Checks of one connection that its page reads, the newest: two weeks of a check a minute."""

MAX_IDS = 500
"""Rows asked for by number in one statement: databases have a limit."""

EventRow = tuple[int, datetime, str, int]
"""Asset, time, ``extra`` and number of an event."""


class PeriodCount(NamedTuple):
    """The events of one asset in a time span.

    :param first: when the earliest was.
    :param healthy: how many there are, if all report a healthy connection beyond doubt; None if some may not.
    """

    asset_id: int
    first: datetime
    healthy: int | None


@dataclass(frozen=True)
class WatchedConnection:
    """A connection that has events.

    :param asset_id: of its asset in Airflow.
    :param first: when its earliest event was that the database still has.
    :param last_id: number of its newest event.
    """

    asset_id: int
    family: str
    alias: str
    first: datetime
    last_id: int


class EventStore:
    """What the page asks Airflow's database for.

    :param session: of SQLAlchemy.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def watched(self, asset_id: int | None = None) -> list[WatchedConnection]:
        """Return the connections that have events.

        :param asset_id: only the one of this asset.
        """
        from airflow.models.asset import AssetEvent, AssetModel
        from sqlalchemy import select

        of_asset = AssetEvent.asset_id == AssetModel.id
        earliest = select(AssetEvent.timestamp).where(of_asset).order_by(AssetEvent.timestamp).limit(1)
        newest = select(AssetEvent.id).where(of_asset).order_by(AssetEvent.timestamp.desc()).limit(1)
        columns = (AssetModel.id, AssetModel.uri, earliest.scalar_subquery(), newest.scalar_subquery())
        statement = select(*columns).where(_is_ours(AssetModel.uri))
        if asset_id is not None:
            statement = statement.where(AssetModel.id == asset_id)
        rows = self._session.execute(statement)
        parsed = [(number, parse_health_asset_uri(uri), first, last) for number, uri, first, last in rows]
        return [
            WatchedConnection(number, *named, first, last) for number, named, first, last in parsed if named and first
        ]

    def between(self, start: datetime, end: datetime, assets: Collection[int] | None = None) -> Iterator[EventRow]:
        """Return the events of a time span, by asset and time.

        :param start: the first moment.
        :param end: the first moment after it.
        :param assets: numbers of those that are wanted, at least; None is all.
        """
        from airflow.models.asset import AssetEvent, AssetModel
        from sqlalchemy import Text, cast, select

        # Beyond what a statement may list, all are read.
        few = assets is not None and len(assets) <= MAX_IDS
        wanted = sorted(assets or ()) if few else select(AssetModel.id).where(_is_ours(AssetModel.uri))
        statement = (
            select(AssetEvent.asset_id, AssetEvent.timestamp, cast(AssetEvent.extra, Text), AssetEvent.id)
            .where(AssetEvent.asset_id.in_(wanted), AssetEvent.timestamp >= start, AssetEvent.timestamp < end)
            .order_by(AssetEvent.asset_id, AssetEvent.timestamp, AssetEvent.id)
        )
        yield from map(tuple, self._session.execute(statement))

    def counts(self, start: datetime, end: datetime) -> list[PeriodCount]:
        """Return how many events each asset has in a time span, of those that have any.

        :param start: the first moment.
        :param end: the first moment after it.
        """
        from airflow.models.asset import AssetEvent, AssetModel
        from sqlalchemy import case, func, select

        # Of one asset at a time: so every database goes by the index, however many other events there are.
        period = (AssetEvent.asset_id == AssetModel.id, AssetEvent.timestamp >= start, AssetEvent.timestamp < end)
        plain = case((_is_plainly_healthy(AssetEvent.extra, self._session.get_bind().dialect), 1), else_=0)
        earliest = select(func.min(AssetEvent.timestamp)).where(*period)
        healthy = select(case((func.min(plain) == 1, func.count()))).where(*period)
        columns = (AssetModel.id, earliest.scalar_subquery(), healthy.scalar_subquery())
        rows = self._session.execute(select(*columns).where(_is_ours(AssetModel.uri)))
        return [PeriodCount(asset_id, first, count) for asset_id, first, count in rows if first is not None]

    def checks(self, ids: Sequence[int]) -> dict[int, Check]:
        """Return checks by their assets.

        :param ids: numbers of events, of different assets.
        """
        from airflow.models.asset import AssetEvent
        from sqlalchemy import select

        newest = {}
        for start in range(0, len(ids), MAX_IDS):
            some = AssetEvent.id.in_(ids[start : start + MAX_IDS])
            rows = self._session.execute(select(*_columns()).where(some))
            newest.update({asset_id: check for asset_id, check in map(_check, rows) if check is not None})
        return newest

    def history(self, asset_id: int, start: datetime) -> tuple[list[Check], bool]:
        """Return the checks of one connection, the earliest first, and whether these are all.

        :param asset_id: of its asset.
        :param start: no earlier ones.
        """
        from airflow.models.asset import AssetEvent
        from sqlalchemy import select

        rows = self._session.execute(
            select(*_columns())
            .where(AssetEvent.asset_id == asset_id, AssetEvent.timestamp >= start)
            .order_by(AssetEvent.timestamp.desc(), AssetEvent.id.desc())
            .limit(MAX_HISTORY)
        ).all()
        checks = [check for _, check in map(_check, reversed(rows)) if check is not None]
        return checks, len(rows) < MAX_HISTORY


@contextmanager
def open_events() -> Iterator[EventStore]:
    """Open Airflow's database to read events."""
    from airflow.utils.session import create_session

    with create_session() as session:
        yield EventStore(session)


def _is_ours(uri: Any) -> Any:
    """Return the condition that an asset may be of a connection; its URI is parsed afterwards."""
    return uri.like("osiris://%/%") & uri.notlike("osiris://%/%/%")


def _is_plainly_healthy(extra: Any, dialect: Dialect) -> Any:
    """Return the condition that an event reports a healthy connection, as :func:`condition_of` would find."""
    from sqlalchemy import Text, and_, cast, func
    from sqlalchemy.dialects.mysql.base import MySQLDialect

    if isinstance(dialect, MySQLDialect):
        # It keeps JSON in an order of its own, and refuses what is none.
        of_value = {name: cast(func.json_extract(extra, f"$.{name}"), Text) for name in ("ok", "category")}
        return and_(of_value["ok"] == "true", of_value["category"] == '"ok"')
    return func.substr(cast(extra, Text), 1, len(HEALTHY_HEAD)) == HEALTHY_HEAD


def _columns() -> tuple[Any, ...]:
    from airflow.models.asset import AssetEvent as Event
    from sqlalchemy import Text, cast

    source = (Event.source_dag_id, Event.source_run_id, Event.source_task_id, Event.source_map_index)
    return (Event.asset_id, Event.timestamp, cast(Event.extra, Text), *source)


def _check(row: Any) -> tuple[int, Check | None]:
    asset_id, at, text, dag_id, run_id, task_id, map_index = row
    return asset_id, parse_check(at, text, Run(dag_id, run_id, task_id, -1 if map_index is None else map_index))
