"""api.extractor asks again when it may help, and waits as long as it is told to (CONN-018, CONN-019)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any

import pytest
from osiris_provider.connectors import retry
from osiris_provider.drivers import get_driver
from osiris_provider.errors import ConnectorError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.secrecy import assert_silent

from tests.integration.http.api_extracts import TOKEN, paged_api, to
from tests.servers.apis.fake_api import FakeApi


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with paged_api() as server:
        yield server


def test_conn_018_throttled_request_is_sent_again_when_asked(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    api.throttled, api.retry_after = 1, "1"
    started = time.monotonic()
    assert len(fetched(api, "me")) == 2
    assert 1 <= time.monotonic() - started < 4


def test_conn_018_retry_after_as_a_date(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=2)
    api.throttled, api.retry_after = 1, format_datetime(moment, usegmt=True)
    started = time.monotonic()
    assert len(fetched(api, "me")) == 2
    # An HTTP date has whole seconds.
    assert 0.5 <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("path", "tries"), [("status/503", 3), ("status/408", 3), ("hang-up", 3), ("status/401", 1), ("status/403", 1)]
)
def test_conn_019_only_what_may_pass_is_tried_again(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, path: str, tries: int
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)
    assert len(fetched(api, path)) == tries


def fetched(api: FakeApi, path: str) -> list[Any]:
    """Run an extractor on a path and return the requests that the server saw."""
    config = {"resolved_connection": to(api), "path": path, "records_as": "object"}
    raised: ConnectorError | None = None
    try:
        get_driver("api.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())
    except ConnectorError as error:
        raised = error
    assert_silent(TOKEN, raised)
    assert getattr(raised, "__context__", None) is None
    return api.requests
