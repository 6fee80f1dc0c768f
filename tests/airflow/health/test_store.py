"""What the page of health asks each database for: what is counted there is what is read here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from osiris_provider.plugins.health import events
from osiris_provider.plugins.health.checks import HEALTHY, condition_of, glance_at
from osiris_provider.plugins.health.events import EventStore
from osiris_provider.plugins.health.history import HealthHistory
from sqlalchemy.orm import Session

from tests.conftest import fresh_database
from tests.servers.airflow.health_events import report

NOW = datetime(2026, 11, 28, 14, 30, tzinfo=timezone.utc)
ODD: tuple[Any, ...] = (
    [], "ok", 7, {}, {"ok": True}, {"ok": "true", "category": "ok"}, {"ok": True, "category": "okay"},
    {"category": "ok", "ok": True}, {"ok": True, "category": "ok"}, {"ok": 1, "category": "ok"},
    {"ok": {"ok": True, "category": "ok"}, "category": ["ok"]}, {"ok": True, "category": "auth", "latency_ms": 1},
)  # fmt: skip
"""What may stand in ``extra`` besides reports."""


@pytest.fixture(params=["sqlite", "postgres", "mariadb", "mysql_server"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with the two tables of Airflow that the page reads."""
    from airflow.models.asset import AssetEvent, AssetModel

    with _engine(request, tmp_path) as engine:
        AssetModel.metadata.create_all(engine, tables=[AssetModel.__table__, AssetEvent.__table__])
        yield engine
        engine.dispose()


@contextmanager
def _engine(request: pytest.FixtureRequest, directory: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        yield sa.create_engine(f"sqlite:///{directory / 'airflow.db'}")
        return
    driver = "postgresql+psycopg2" if request.param == "postgres" else "mysql+pymysql"
    with fresh_database(request.getfixturevalue(request.param)) as where:
        url = sa.engine.URL.create(driver, where.user, None, where.host, where.port, where.database)
        # PyMySQL takes text as Latin-1.
        password = where.password if request.param == "postgres" else where.password.encode()
        yield sa.create_engine(url, connect_args={"password": password})


def _write(session: Session, number: int, extras: list[Any]) -> None:
    """Write a connection with a check each hour, the last one at ``NOW``."""
    from airflow.models.asset import AssetEvent, AssetModel

    session.add(AssetModel(id=number, name=f"c{number}", uri=f"osiris://mysql/c{number}", group="asset"))
    for ago, extra in enumerate(reversed(extras)):
        session.add(AssetEvent(asset_id=number, extra=extra, timestamp=NOW - timedelta(hours=ago)))


def test_the_database_counts_as_healthy_what_is(engine: sa.Engine) -> None:
    extras = [report(), report("auth"), report(latency_ms=None), *ODD]
    with Session(engine) as session:
        for number, extra in enumerate(extras, 1):
            _write(session, number, [extra])
        session.commit()
        store = EventStore(session)
        counts = {one.asset_id: one for one in store.counts(NOW, NOW + timedelta(hours=1))}
        assert store.counts(NOW - timedelta(hours=1), NOW) == []
    assert {one.first for one in counts.values()} == {NOW}
    healthy = {number for number, one in counts.items() if one.healthy is not None}
    truly = {number for number, extra in enumerate(extras, 1) if condition_of(extra) == HEALTHY}
    # What it is not sure of is read.
    assert {1, 3} <= healthy <= truly


def test_a_month_is_the_same_however_much_of_it_is_counted(engine: sa.Engine) -> None:
    healthy, sick = [report() for _ in range(24 * 9)], [report("network"), *ODD, report("auth")]
    with Session(engine) as session:
        _write(session, 1, healthy)
        _write(session, 2, [*healthy[:30], *sick, *healthy])
        _write(session, 3, [report("auth")] * 40)
        session.commit()
        days, complete = HealthHistory().read(EventStore(session), NOW, 60)
        rows = list(EventStore(session).between(NOW - timedelta(days=40), NOW + timedelta(days=1)))
    assert complete
    for number in (1, 2, 3):
        counted = [day[number].counts for day in days.values() if number in day]
        seen = [glance_at(text) for asset_id, _, text, _ in rows if asset_id == number]
        actual = [one[0] for one in seen if one is not None]
        assert sum(one.checks for one in counted) == len(actual)
        assert sum(one.healthy for one in counted) == actual.count(HEALTHY)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_each_connection_has_its_own_events(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.asset import AssetEvent, AssetModel

    with Session(engine) as session:
        _write(session, 1, [report(), report("network"), report("auth")])
        _write(session, 2, [report("auth"), report()])
        _write(session, 3, [])
        for number, other in enumerate(("s3://bucket/mysql/c4", "osiris://mysql/c1/recovered", "osiris://mysql"), 4):
            session.add(AssetModel(id=number, name=f"c{number}", uri=other, group="asset"))
            session.add(AssetEvent(asset_id=number, extra=report(), timestamp=NOW))
        session.commit()
        store = EventStore(session)
        day = (NOW - timedelta(days=1), NOW + timedelta(hours=1))
        assert {row[0] for row in store.between(*day)} == {one.asset_id for one in store.counts(*day)} == {1, 2}
        watched = {one.alias: one for one in store.watched()}
        assert {alias: one.first for alias, one in watched.items()} == {
            "c1": NOW - timedelta(hours=2),
            "c2": NOW - timedelta(hours=1),
        }
        newest = store.checks([one.last_id for one in watched.values()])
        assert {number: (check.at, check.condition.category) for number, check in newest.items()} == {
            1: (NOW, "auth"),
            2: (NOW, "ok"),
        }
        assert [one.alias for one in store.watched(2)] == ["c2"]
        checks, complete = store.history(1, NOW - timedelta(hours=1))
        assert ([check.condition.category for check in checks], complete) == (["network", "auth"], True)
        monkeypatch.setattr(events, "MAX_HISTORY", 2)
        checks, complete = store.history(1, NOW - timedelta(days=1))
        assert ([check.condition.category for check in checks], complete) == (["network", "auth"], False)
