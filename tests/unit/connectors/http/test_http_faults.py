"""Faults of HTTP by class and code, and Retry-After in all its forms."""

from __future__ import annotations

import datetime as dt
import http.client
import inspect
import ssl
from email.utils import format_datetime

import pytest
import requests
import urllib3
from osiris_provider.connectors import shopify, supabase
from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT, TLS_VERSION
from osiris_provider.connectors.http import faults
from osiris_provider.connectors.http.faults import HTTP_STATUS, http_fault, status_fault, tunnel_fault
from osiris_provider.connectors.http.retry_after import retry_after_seconds
from osiris_provider.errors import UNKNOWN, Fault
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


def of_tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "words in any language")
    error.reason = reason
    return error


def proxied(error: Exception) -> Exception:
    return urllib3.exceptions.ProxyError("proxy", error)


REFUSED_TUNNEL = OSError("Tunnel connection failed: 407 No")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (of_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), faults.CLIENT_CERTIFICATE),
        (of_tls("WRONG_VERSION_NUMBER"), faults.NO_TLS),
        (of_tls("UNSUPPORTED_PROTOCOL"), TLS_VERSION),
        (proxied(of_tls("WRONG_VERSION_NUMBER")), faults.PROXY_TLS),
        (proxied(ConnectionRefusedError(111, "refused")), faults.PROXY_FAILED),
        # What a server says of a tunnel is no proxy's, and a class of OSError says what it is by its code.
        (REFUSED_TUNNEL, None),
        (proxied(ConnectionResetError("Tunnel connection failed: 407 No")), faults.PROXY_FAILED),
        (requests.exceptions.InvalidProxyURL(), faults.BAD_PROXY),
        (urllib3.exceptions.ProxySchemeUnknown("socks9"), faults.BAD_PROXY),
        (requests.exceptions.InvalidURL(), faults.BAD_ADDRESS),
        (requests.exceptions.InvalidSchema(), faults.BAD_ADDRESS),
        (requests.exceptions.MissingSchema(), faults.BAD_ADDRESS),
        (urllib3.exceptions.LocationValueError(), faults.BAD_ADDRESS),
        (requests.exceptions.TooManyRedirects(), faults.REDIRECT_LOOP),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), TIMED_OUT),  # type: ignore[arg-type] # of no pool
        # The more special one counts.
        (urllib3.exceptions.ProtocolError("x", http.client.IncompleteRead(b"")), RESET),
        (requests.exceptions.ConnectionError(http.client.BadStatusLine("x")), GARBAGE),
        (RuntimeError("x", faults.HttpFaultError(faults.WEB_PAGE)), faults.WEB_PAGE),
    ],
)
def test_conn_010_what_is_said_of_an_error(error: Exception, fault: Fault | None) -> None:
    actual = http_fault(error)
    assert (actual, actual and actual.message) == (fault, fault and fault.message)


def test_conn_010_a_tunnel_that_a_proxy_refuses_says_why() -> None:
    assert tunnel_fault([KeyError(), REFUSED_TUNNEL]) is faults.PROXY_AUTH
    assert tunnel_fault([OSError("No tunnel"), ConnectionResetError("Tunnel connection failed: 407 No")]) is None


@pytest.mark.parametrize(
    ("status", "slug"),
    [(199, "unexpected_status"), (300, "redirected"), (499, "refused_request"), (600, "unexpected_status")],
)
def test_conn_010_a_status_without_a_meaning_of_its_own_goes_by_its_class(status: int, slug: str) -> None:
    fault = status_fault(status)
    assert fault is not None
    assert fault.slug == slug


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
