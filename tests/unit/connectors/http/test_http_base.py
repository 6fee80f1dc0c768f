"""What the HTTP families make of an answer: a value, no content, or a fault with its address and its wait."""

from __future__ import annotations

from collections.abc import Callable
from http.client import BadStatusLine
from typing import Any

import pytest
import requests
from osiris_provider.connectors.api import ApiConnection, ApiConnector
from osiris_provider.connectors.http.base import probe_difference
from osiris_provider.connectors.http.connection import IN_CLEAR
from osiris_provider.connectors.http.faults import BAD_REQUEST, HttpFaultError
from osiris_provider.connectors.http.oauth import TokenFaultError
from osiris_provider.connectors.http.session import Answer, HttpSession
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.tls import DeadlineContext, tls_context

from tests.faults.peers import closed_port
from tests.unit.connectors.http.scripted import HOST, Said, session_of, transport_of

API = ApiConnector()
URL = f"{HOST}/v1/users"
JSON = {"Content-Type": "application/json"}


def fetched(*answers: Said, **options: Any) -> tuple[Any, Answer, bool]:
    return API.fetch(session_of(*answers), "GET", "users?page=1", **options)


@pytest.mark.parametrize("status", [200, 201, 203])
def test_a_result_is_its_json(status: int) -> None:
    value, answer, is_empty = fetched(Said(status, b'{"id": 1}', JSON))
    assert (value, answer.status, is_empty) == ({"id": 1}, status, False)


@pytest.mark.parametrize(("status", "also"), [(204, ()), (205, ()), (404, (404,)), (200, (200,))])
def test_an_answer_without_content_is_none(status: int, also: tuple[int, ...]) -> None:
    value, answer, is_empty = fetched(Said(status, b"<html>"), also=also)
    assert (value, answer.status, is_empty) == (None, status, True)


LINES = "application/x-ndjson application/NDJSON application/jsonl application/x-jsonlines application/json-lines"


@pytest.mark.parametrize(
    ("content_type", "lines", "value"),
    [
        *[(name, None, [{"id": 1}]) for name in LINES.split()],
        (" application/x-ndjson ; charset=utf-8", None, [{"id": 1}]),
        ("application/json", None, {"id": 1}),
        ("application/jsonl-like", None, {"id": 1}),
        ("application/x-ndjson", False, {"id": 1}),
        ("application/json", True, [{"id": 1}]),
    ],
)
def test_one_text_a_line_goes_by_the_content_type_unless_the_caller_knows(
    content_type: str, lines: bool | None, value: Any
) -> None:
    assert fetched(Said(200, b'{"id": 1}\n', {"Content-Type": content_type}), lines=lines)[0] == value


WAIT = {"Retry-After": "7"}
REFUSED = [
    (Said(202, b"{}"), "pending", None),
    (Said(202, b"{}", WAIT), "pending", 7),
    (Said(429, b"", WAIT), "throttled", 7),
    (Said(503, b""), "server_error", None),
    (Said(403, b"", WAIT), "throttled", 7),
    (Said(403, b""), "forbidden", None),
    (Said(401, b"", WAIT), "unauthorized", 7),
    (Said(404, b""), "not_found", None),
    (Said(200, b"<!doctype html>"), "web_page", None),
    (Said(200, b"{", {"Content-Type": "text/html"}), "web_page", None),
    (Said(200, b"{"), "broken_json", None),
    (Said(200, b"{}{}", {"Content-Type": "text/html"}), "several_texts", None),
    (Said(200, b"\xff" * 9), "bad_encoding", None),
]


@pytest.mark.parametrize(("answer", "slug", "wait"), REFUSED)
def test_any_other_answer_is_a_fault_at_its_url(answer: Said, slug: str, wait: float | None) -> None:
    with pytest.raises(HttpFaultError, match=f"^{slug}$") as raised:
        fetched(answer)
    # Its query may hold anything.
    assert (raised.value.url, raised.value.retry_after) == (URL, wait)


def test_an_answer_has_as_much_as_the_message_says(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    def ask(_: str, __: str, limit: int) -> Answer:
        limits.append(limit)
        return Answer(200, JSON, b"{}", complete=False, url=f"{URL}?key=k")

    session = session_of()
    monkeypatch.setattr(session, "ask", ask)
    with pytest.raises(HttpFaultError, match="answer_too_large") as raised:
        API.fetch(session, "GET", "users")
    assert (limits, raised.value.url) == ([64 * 1024 * 1024], URL)
    assert "64 MiB" in raised.value.fault.message


def asked(status: int, headers: dict[str, str] | None = None) -> Callable[[], Answer]:
    return lambda: session_of(Said(status, b"", headers or {})).ask("GET", "", 9)


def test_a_wrong_credential_that_is_refused_proves_the_right_one() -> None:
    for status in (401, 403, 404, 500):
        probe_difference(asked(status), lambda answer: answer.is_success)

    def sent_away() -> Answer:
        raise HttpFaultError(BAD_REQUEST)

    probe_difference(sent_away, lambda _: True)


def test_a_line_that_is_broken_off_twice_for_want_of_credentials_proves_them() -> None:
    answers: list[Answer | Exception] = [RESET, asked(200)(), RESET, RESET, TimeoutError()]

    def ask() -> Answer:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    # The first line was kept open from before, and the server had closed it.
    with pytest.raises(HttpFaultError, match="credentials_not_checked"):
        probe_difference(ask, lambda answer: answer.is_success)
    probe_difference(ask, lambda answer: answer.is_success)
    with pytest.raises(TimeoutError):
        probe_difference(ask, lambda answer: answer.is_success)


def test_a_wrong_credential_that_is_accepted_or_not_looked_at_proves_nothing() -> None:
    with pytest.raises(HttpFaultError, match="credentials_not_checked"):
        probe_difference(asked(200), lambda answer: answer.is_success)
    with pytest.raises(HttpFaultError, match="bad_request"):
        probe_difference(asked(200), lambda answer: answer.is_success, BAD_REQUEST)
    with pytest.raises(HttpFaultError, match="throttled") as raised:
        probe_difference(asked(429, WAIT), lambda answer: answer.is_success)
    assert raised.value.retry_after == 7


TO = {"family": "api", "alias": "t", "base_url": f"{HOST}/v1", "token": "s3cret-token"}


@pytest.mark.parametrize(
    ("raised", "address", "wait"),
    [
        (HttpFaultError(BAD_REQUEST, 7, URL), URL, 7),
        (HttpFaultError(BAD_REQUEST, None, f"{URL}/s3cret-token"), "***", None),
        (HttpFaultError(BAD_REQUEST), f"{HOST}/v1", None),
        (TokenFaultError(BAD_REQUEST, 7, "http://login.host"), "http://login.host", 7),
        (TokenFaultError(BAD_REQUEST, None, "http://login.host/s3cret-token"), "***", None),
    ],
)
def test_an_error_names_what_was_asked_and_no_secret(raised: HttpFaultError, address: str, wait: float | None) -> None:
    wrapped = RuntimeError("of the client library")
    wrapped.__cause__ = raised
    error = API.error_of(wrapped, TO)
    assert str(error).startswith(f"@api.t: {address} does not understand the request.")
    assert (error.fault, error.retry_after) == (BAD_REQUEST, wait)
    assert (error.reference, error.cause) == ("@api.t", "RuntimeError")
    assert API.address_of_fault(wrapped, TO) == (address if isinstance(raised, TokenFaultError) else f"{HOST}/v1")


RESET = requests.ConnectionError(ConnectionResetError(104, "reset"))
GARBAGE = requests.ConnectionError(BadStatusLine("220 smtp"))
NOT_ASKED = None
VAGUE: list[tuple[str, Any, tuple[bool, bool] | None, bool, str]] = [
    ("http", RESET, (True, False), False, "tls_required"),
    ("http", GARBAGE, (True, False), False, "tls_required"),
    ("HTTP", Said(400), (True, True), False, "tls_required"),
    ("http", Said(400), (False, False), False, "bad_request"),
    ("http", Said(401), NOT_ASKED, False, "unauthorized"),
    ("https", Said(400), (True, True), False, "client_certificate_required"),
    ("HTTPS", Said(400), (True, True), True, "bad_request"),
    ("https", Said(400), (True, False), False, "bad_request"),
    ("https", RESET, NOT_ASKED, False, "reset"),
    ("https", GARBAGE, NOT_ASKED, False, "garbage"),
    ("http", TokenFaultError(BAD_REQUEST), NOT_ASKED, False, "bad_request"),
]


@pytest.mark.parametrize(("scheme", "answer", "told", "has_certificate", "slug"), VAGUE)
def test_conn_010_a_server_that_makes_nothing_of_a_request_is_asked_whether_tls_is_why(
    scheme: str,
    answer: Any,
    told: tuple[bool, bool] | None,
    has_certificate: bool,
    slug: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shaken: list[tuple[str, float]] = []

    def shake_hands(url: str, deadline: Deadline) -> tuple[bool, bool] | None:
        shaken.append((url, deadline.seconds))
        return told

    connector, base_url = ApiConnector(), f"{scheme}://api.host"
    monkeypatch.setattr("osiris_provider.connectors.http.tls.shake_hands", shake_hands)
    monkeypatch.setattr(connector, "_session", lambda *_: session_of(answer, base_url=base_url))
    model = ApiConnection.parse({"base_url": base_url, **({"ssl_cert": "/c.pem"} if has_certificate else {})})
    with pytest.raises((HttpFaultError, requests.ConnectionError)) as raised:
        connector.probe(model, Deadline(60))
    assert connector.classify(raised.value).slug == slug
    if told is None:
        assert shaken == []
    else:
        # It has half of what is left.
        ((url, seconds),) = shaken
        assert (url, round(seconds)) == (base_url, 30)
    over = Deadline(60)

    def late(*_: Any) -> HttpSession:
        over.end()
        return session_of(answer, base_url=base_url)

    monkeypatch.setattr(connector, "_session", late)
    shaken.clear()
    with pytest.raises((HttpFaultError, requests.ConnectionError)):
        connector.probe(model, over)
    assert shaken == []


@pytest.mark.parametrize(
    ("url", "fields", "says"),
    [
        ("http://api.host", {"token": "t"}, True),
        ("https://api.host", {"token": "t"}, False),
        ("http://localhost", {"token": "t"}, False),
        ("http://api.host", {}, False),
        ("https://api.host", {"token_url": "http://login.host", "client_id": "i", "client_secret": "s"}, True),
        ("https://api.host", {"token_url": "https://login.host", "client_id": "i", "client_secret": "s"}, False),
    ],
)
def test_conn_017_a_healthy_connection_whose_credentials_can_be_read_on_the_way_says_so(
    url: str, fields: dict[str, Any], says: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = ApiConnector()
    monkeypatch.setattr(connector, "_session", lambda *_: session_of(Said(), Said(401), base_url=url))
    details = connector.probe(ApiConnection.parse({"base_url": url, **fields}), Deadline(60))
    assert details == {"status": 200, **({"note": IN_CLEAR} if says else {})}


@pytest.mark.parametrize(
    ("fields", "remarks"),
    [
        ({"base_url": "http://api.host", "token": "t"}, ["base_url"]),
        ({"base_url": "http://api.host", "token": ""}, []),
        ({"base_url": "http://api.host", "token": None}, []),
        ({"base_url": "http://api.host"}, []),
        ({"base_url": "http://api.host", "new": "x"}, []),
        ({"base_url": "https://api.host", "token": "t", "token_url": "http://a", "user": "http://a"}, ["token_url"]),
        ({"base_url": 7, "token": "t", "new": "http://a"}, []),
    ],
)
def test_which_addresses_get_credentials_in_clear(fields: dict[str, Any], remarks: list[str]) -> None:
    assert list(ApiConnector.remarks(fields)) == [(name, IN_CLEAR) for name in remarks]


def test_a_session_says_who_asks_and_what_it_reads() -> None:
    with API.create_client({**TO, "timeout": 7}) as session:
        assert session.timeout == (7, 7)
        session.mount("http://", transport_of(session_of(Said())))
        session.get("users")
        sent = transport_of(session).sent[0].headers
    assert sent["User-Agent"].startswith("airflow-provider-osiris/")
    assert (sent["Accept"], sent["Accept-Encoding"]) == ("application/json", "gzip, deflate")
    assert not API.is_alive(session)
    with API.create_client({**TO, "timeout": 70}) as session:
        assert (session.timeout, API.is_alive(session)) == ((10, 70), True)
        API.close_client(session)
        assert session.closed


def test_a_client_has_a_tls_context_of_its_own_and_checks_share_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, bool]] = []

    def trusting(bundle: str | None, *, shared: bool = False) -> DeadlineContext:
        asked.append((bundle, shared))
        return tls_context(verify=False)

    monkeypatch.setattr("osiris_provider.connectors.http.tls.trusting", trusting)
    API.create_client({**TO, "base_url": "HTTPS://api.host", "ca_bundle": "/ca.pem"}).close()
    API.create_client(TO).close()
    with closed_port() as port:
        assert API.doctor({**TO, "base_url": f"https://127.0.0.1:{port}"}, 5)[1]["details"]["fault"] == "refused"
    assert asked == [("/ca.pem", False), (None, True)]
