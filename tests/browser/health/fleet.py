"""A fleet with a month behind it, for the page of health: each connection has a story."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.servers.airflow.health_events import Event, report

Story = Callable[[float], dict[str, Any]]
"""What a check finds, by how many hours ago it was."""

HOSTILE = '<img src=x onerror="document.title=`owned`"><script>document.title=`owned`</script>'
"""A message of a peer; shown as it is written."""
HOURS = 30 * 24


def wrong(category: str, fault: str, message: str) -> dict[str, Any]:
    """What a check finds that is not well."""
    details = {"fault": fault, "retryable": category in ("network", "timeout")}
    return report(category, message=message, details=details)


def stories(now: datetime) -> dict[str, Story]:
    """The story of each connection, by the URI of its asset.

    :param now: in UTC.
    """
    chance = random.Random(7)  # noqa: S311 - nothing is guarded by it

    def well(latency: float, **details: str) -> dict[str, Any]:
        return report(latency_ms=round(latency * chance.uniform(0.85, 1.35), 1), details=details)

    maria, psql = {"server_version": "10.11.19-MariaDB"}, {"server_version": "17.6"}
    password = wrong(
        "auth",
        "wrong_password",
        "shop-db.example.com:3306 does not accept this user and password. Check both; "
        "the server does not say which of them is wrong.",
    )
    silent = wrong(
        "timeout", "silent", "pay.example.com:443 did not answer within 2 s. Check whether it is overloaded."
    )
    refused = wrong(
        "network", "refused", "replica.example.com:5432 refuses the connection. Check host, port and firewall."
    )
    denied = wrong("permission", "no_scope", "crm.example.com does not let this key read. Grant it the right.")
    untestable = wrong(
        "unknown", "untestable", "Connections of type pagerduty_events have no test that changes nothing."
    )
    expiry = {"what": "TLS certificate of dwh.example.com:5432", "at": (now + timedelta(days=12, hours=5)).isoformat()}
    return {
        "osiris://mysql/shop": lambda ago: password if ago < 3.5 or 210 < ago < 213 else well(9, **maria),
        "osiris://supabase/crm": lambda ago: denied if ago < 118 else well(140),
        "osiris://postgres/replica": lambda ago: refused if ago < 0.9 or 400 < ago < 440 else well(6, **psql),
        "osiris://api/payments": lambda ago: silent if ago < 1.9 or int(ago) % 53 == 0 else well(220),
        "osiris://airflow/pagerduty": lambda _: untestable,
        "osiris://postgres/warehouse": lambda _: {**well(7), "details": {**psql, "expires": [expiry]}},
        "osiris://mysql/orders": lambda ago: well(11, server_version=f"10.11.{19 if ago < 300 else 18}-MariaDB"),
        "osiris://shopify/main": lambda ago: well(180 + 60 * math.sin(ago / 24 * 2 * math.pi)),
        "osiris://duckdb/analytics": lambda _: well(1.4),
        "osiris://api/weather": lambda ago: silent if 30 < ago < 34 else well(95),
        "osiris://mysql/billing": lambda _: well(8, **maria),
        "osiris://airflow/aws_default": lambda _: {**well(310), "details": {"proven": False}},
    }


def story_events(now: datetime) -> Iterator[tuple[str, list[Event]]]:
    """Yield URIs and checks, one an hour.

    :param now: in UTC.
    """
    for uri, story in stories(now).items():
        yield uri, [Event(now - timedelta(hours=ago - 1, minutes=4), story(ago - 0.93)) for ago in range(HOURS, 0, -1)]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(timezone.utc)
