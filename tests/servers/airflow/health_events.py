"""Events of checks, written straight into Airflow's database: a month of a fleet cannot be waited for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from osiris_provider.plugins.health.checks import HEALTHY_HEAD
from osiris_provider.plugins.health.events import EventRow, PeriodCount

from tests.servers.address import Address
from tests.servers.airflow import AirflowServer

ROWS = 10_000
"""Of one statement."""
HEALTHY: Mapping[str, Any] = {
    "ok": True,
    "category": "ok",
    "message": "Connection successful",
    "details": {"server_version": "10.11.19-MariaDB-0+deb12u1", "charset": "utf8mb4"},
}


def report(category: str = "ok", latency_ms: float | None = 12.5, **changes: Any) -> dict[str, Any]:
    """The ``extra`` of a check, as the operator sends it."""
    if category == "ok":
        # In the order of the operator.
        return {"ok": True, "category": "ok", "latency_ms": latency_ms, **HEALTHY, **changes}
    message = f"db.example.com:3306 does not work: {category}."
    details = {"fault": f"some_{category}", "retryable": category != "auth"}
    return {"ok": False, "category": category, "latency_ms": None, "message": message, "details": details, **changes}


@dataclass(frozen=True)
class Event:
    """An event of an asset.

    :param extra: whatever it is.
    """

    at: datetime
    extra: Any = field(default_factory=report)


def write_events(engine: sa.Engine, uri: str, events: Iterable[Event], name: str | None = None) -> int:
    """Write an asset and its events; return the asset's number.

    :param engine: of Airflow's database.
    :param uri: of the asset.
    :param name: of the asset; None is its URI.
    """
    metadata = sa.MetaData()
    asset, asset_event = (sa.Table(table, metadata, autoload_with=engine) for table in ("asset", "asset_event"))
    now = datetime.now(timezone.utc)
    with engine.begin() as connection:
        row = {"name": name or uri, "uri": uri, "group": "asset", "extra": "{}", "created_at": now, "updated_at": now}
        connection.execute(sa.insert(_as_text(asset)).values(row))
        query = sa.select(asset.c.id).where(asset.c.name == row["name"], asset.c.uri == uri)
        number = int(connection.execute(query).scalar_one())
        rows = [_row(number, event) for event in events]
        for start in range(0, len(rows), ROWS):
            connection.execute(sa.insert(_as_text(asset_event)), rows[start : start + ROWS])
    return number


def write_history(engine: sa.Engine, connections: int, days: int) -> None:
    """Write a fleet and its checks in the order of time, as they would have come: it matters for how they are read.

    :param engine: of Airflow's database.
    :param connections: how many.
    :param days: of history, up to now.
    """
    numbered = [(write_events(engine, uri, []), checks) for uri, checks in histories(connections, days)]
    events = [(number, event) for number, checks in numbered for event in checks]
    rows = [_row(number, event) for number, event in sorted(events, key=lambda one: one[1].at)]
    table = _as_text(sa.Table("asset_event", sa.MetaData(), autoload_with=engine))
    with engine.begin() as connection:
        for start in range(0, len(rows), ROWS):
            connection.execute(sa.insert(table), rows[start : start + ROWS])


def counted(rows: Iterable[EventRow]) -> list[PeriodCount]:
    """Return what a database counts of these events.

    :param rows: of one time span.
    """
    seen: dict[int, list[EventRow]] = {}
    for row in rows:
        seen.setdefault(row[0], []).append(row)
    return [
        PeriodCount(number, min(row[1] for row in of_one), len(of_one) if _are_plain(of_one) else None)
        for number, of_one in seen.items()
    ]


def _are_plain(rows: Iterable[EventRow]) -> bool:
    return all(text.startswith(HEALTHY_HEAD) for _, _, text, _ in rows)


def histories(connections: int, days: int, seed: int = 1) -> Iterator[tuple[str, list[Event]]]:
    """Yield URIs and hourly checks of a fleet that has its bad hours.

    :param connections: how many.
    :param days: of history, up to now.
    :param seed: of what is random.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing is guarded by it
    now = datetime.now(timezone.utc)
    for number in range(connections):
        latency, bad = chance.uniform(2, 80), chance.choice(("network", "timeout", "auth"))
        started = chance.randrange(days * 24) if number % 10 == 0 else None
        events = []
        for hour in range(days * 24, 0, -1):
            is_bad = started is not None and started - 5 < hour <= started
            extra = report(bad) if is_bad else report(latency_ms=round(latency * chance.uniform(0.8, 1.6), 1))
            events.append(Event(now - timedelta(hours=hour - 1, seconds=number % 60 + 1), extra))
        yield f"osiris://{('mysql', 'postgres', 'api')[number % 3]}/c{number:03}", events


def engine_of(server: AirflowServer, metadata: Address | None = None) -> sa.Engine:
    """Return an engine of a running Airflow's database.

    :param metadata: as the server was started with.
    """
    if metadata is None:
        return sa.create_engine(f"sqlite:///{server.home / 'airflow.db'}")
    where = (metadata.user, metadata.password, metadata.host, metadata.port, metadata.database)
    return sa.create_engine(sa.engine.URL.create("postgresql+psycopg2", *where))


def _row(asset_id: int, event: Event) -> dict[str, Any]:
    return {
        "asset_id": asset_id,
        "extra": event.extra if isinstance(event.extra, str) else json.dumps(event.extra),
        "timestamp": event.at,
        "source_dag_id": "osiris_health",
        "source_task_id": "doctor",
        "source_run_id": f"scheduled__{event.at:%Y-%m-%dT%H}:00:00+00:00",
        "source_map_index": -1,
    }


def _as_text(table: sa.Table) -> sa.TableClause:
    """Return a table whose JSON columns take text as it is."""
    columns = [
        sa.column(column.name, sa.Text() if isinstance(column.type, sa.JSON) else column.type) for column in table.c
    ]
    return sa.table(table.name, *columns)
