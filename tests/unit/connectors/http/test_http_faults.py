"""Faults of HTTP by class and code, and Retry-After in all its forms."""

from __future__ import annotations

import datetime as dt
import http.client
import inspect
from email.utils import format_datetime

import pytest
import requests
import urllib3
from osiris_provider.connectors import shopify, supabase
from osiris_provider.connectors.http.faults import HTTP_STATUS, http_fault, status_fault
from osiris_provider.connectors.http.retry_after import retry_after_seconds
from osiris_provider.errors import UNKNOWN
from osiris_provider.net.deadline import TooMuchDataError

# Abstract, a warning, or about a mistake in a call: nothing that a peer does makes requests raise these.
NOT_FROM_A_PEER = {
    "RequestException",
    "HTTPError",
    "ConnectionError",
    "SSLError",
    "ProxyError",
    "URLRequired",
    "InvalidProxyURL",
    "InvalidHeader",
    "InvalidJSONError",
    "JSONDecodeError",
    "StreamConsumedError",
    "RetryError",
    "UnrewindableBodyError",
    "ChunkedEncodingError",
    "ContentDecodingError",
}


def test_every_exception_of_requests_has_a_fault() -> None:
    classes = [cls for _, cls in inspect.getmembers(requests.exceptions, inspect.isclass)]
    own = [cls for cls in classes if issubclass(cls, requests.exceptions.RequestException)]
    assert len(own) > 20
    for cls in own:
        if cls.__name__ not in NOT_FROM_A_PEER:
            assert http_fault(cls()) not in (None, UNKNOWN), cls


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (http.client.RemoteDisconnected("closed"), "reset"),
        (http.client.BadStatusLine("SSH-2.0"), "garbage"),
        (http.client.LineTooLong("header"), "garbage"),
        (http.client.IncompleteRead(b"abc", 10), "reset"),
        (urllib3.exceptions.DecodeError("gzip"), "garbage"),
        (urllib3.exceptions.InvalidHeader("two lengths"), "garbage"),
        (urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "reset")), "reset"),
        (urllib3.exceptions.ProtocolError("aborted", TimeoutError()), "timed_out"),
        (urllib3.exceptions.ProtocolError("aborted", TooMuchDataError()), "too_much_data"),
        (urllib3.exceptions.ProtocolError("ended early"), "reset"),
        (urllib3.exceptions.ProxyError("proxy", OSError("Tunnel connection failed: 407 Нет")), "proxy_auth"),
        (urllib3.exceptions.ProxyError("proxy", OSError("Tunnel connection failed: 403 Нет")), "proxy_denied"),
        (urllib3.exceptions.ProxyError("proxy", OSError("Tunnel connection failed: 502 Нет")), "proxy_failed"),
        (urllib3.exceptions.ProxyError("proxy", TimeoutError()), "timed_out"),
        (ConnectionRefusedError(111, "refused"), "refused"),
        (requests.exceptions.ReadTimeout(), "timed_out"),
    ],
)
def test_conn_010_by_class(error: Exception, slug: str) -> None:
    actual = http_fault(error)
    assert actual is not None
    assert actual.slug == slug


def test_conn_010_other_errors_are_not_guessed_at() -> None:
    assert http_fault(KeyError("x")) is None


def test_conn_010_every_status_has_a_verdict() -> None:
    for status in range(100, 1000):
        for table in (HTTP_STATUS, supabase.STATUSES, shopify.STATUSES):
            fault = status_fault(status, table)
            assert (fault is None) is (200 <= status < 300)
    assert status_fault(401) is HTTP_STATUS[401]


def test_conn_010_an_answer_that_the_law_forbids_is_no_mistake_in_the_request() -> None:
    fault = status_fault(451)
    assert (fault and fault.slug, fault and fault.category) == ("legal_reasons", "permission")


@pytest.mark.parametrize("value", ["120", " 120 ", "120.0"])
def test_conn_018_retry_after_in_seconds(value: str) -> None:
    assert retry_after_seconds({"Retry-After": value}) == 120


@pytest.mark.parametrize("sent", [None, "", "today", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_conn_018_retry_after_as_a_date(sent: str | None) -> None:
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=100)
    dated = {} if sent is None else {"Date": sent}
    actual = retry_after_seconds({"Retry-After": format_datetime(moment, usegmt=True), **dated})
    assert actual is not None
    assert 97 < actual <= 100
    for past in ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 -0000"):
        assert retry_after_seconds({"Retry-After": past, **dated}) == 0


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_conn_018_retry_after_as_a_date_counts_by_the_clock_of_the_peer(zone: str) -> None:
    """That of this machine may be wrong, and would have the peer asked at once, or after hours."""
    headers = {"Date": f"Wed, 21 Oct 2015 07:28:00 {zone}", "Retry-After": f"Wed, 21 Oct 2015 07:28:30 {zone}"}
    assert retry_after_seconds(headers) == 30


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1e9", "²", "Wed, 99 Oct 2015 07:28:00 GMT", "9" * 400])
def test_conn_018_retry_after_that_says_nothing(value: str | None) -> None:
    assert retry_after_seconds({} if value is None else {"Retry-After": value}) is None
