"""From what a hook raises to a fault: classes and codes along the chain of causes, never a text."""

from __future__ import annotations

import errno
import http.client as http_client
import json
import pkgutil
import smtplib
import socket
import ssl
from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3
from osiris_provider.connectors.faults import (
    CERTIFICATE_WRONG_NAME,
    CLIENT_CERTIFICATE,
    GARBAGE,
    MISCONFIGURED,
    REFUSED,
    RESET,
    TIMED_OUT,
    TLS_FAILED,
    TLS_REQUIRED,
    UNKNOWN_HOST,
)
from osiris_provider.connectors.http import faults as http
from osiris_provider.connectors.http.faults import FORBIDDEN, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import WRONG_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor import HookConnection, HookType, hook_type, hook_types, types
from osiris_provider.hook_doctor.classify import classify, table_fault, unreachable
from osiris_provider.hook_doctor.faults import FILE_UNREADABLE, HOST_IS_NO_NAME, TEST_FAILED
from osiris_provider.hook_doctor.tables import NO_ANSWERS, known_faults, name_of
from osiris_provider.hook_doctor.watch import tls
from osiris_provider.hook_doctor.watch.redirects import RedirectedElsewhereError
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.tls import CERTIFICATE_ALERTS
from urllib3.util.ssl_match_hostname import CertificateError


def fault_of(error: BaseException | None, conn_type: str = "smtp", **fields: Any) -> Fault:
    connection = HookConnection("c", conn_type, **fields)
    return classify(error, hook_type(conn_type), connection, Deadline(2))


def answered(status: int) -> BaseException:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status}", response=response)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (smtplib.SMTPAuthenticationError(535, b"\xff secret"), WRONG_PASSWORD),
        (smtplib.SMTPResponseException(530, "5.7.0"), TLS_REQUIRED),
        (smtplib.SMTPServerDisconnected("closed"), RESET),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), REFUSED),
        (socket.gaierror(socket.EAI_NONAME, "x"), UNKNOWN_HOST),
        (TimeoutError("timed out"), TIMED_OUT),
        (ValueError("535 Authentication failed"), MISCONFIGURED),
        (json.JSONDecodeError("x", "secret", 0), GARBAGE),
    ],
)
def test_the_code_decides(error: BaseException, fault: Fault) -> None:
    assert fault_of(error) == fault
    wrapped = RuntimeError("535 wrong")
    wrapped.__context__ = error
    assert fault_of(wrapped) == fault


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ssl.SSLError(1, "x"), TLS_FAILED),
        (caused(ssl.SSLError(1, "x"), FileNotFoundError("secret")), FILE_UNREADABLE),
        (caused(ConnectionRefusedError(errno.ECONNREFUSED, "x"), FileNotFoundError("secret")), REFUSED),
        (caused(RuntimeError("x"), FileNotFoundError("secret")), FILE_UNREADABLE),
    ],
)
def test_a_file_that_is_not_there_is_no_handshake_that_failed(error: BaseException, fault: Fault) -> None:
    assert fault_of(error) == fault


class CodedError(Exception):
    """Of a library whose exceptions have codes here and there."""

    reply: Any = None

    @property
    def odd(self) -> str:
        raise KeyError(self.reply)


CODES = {7: FORBIDDEN, "x": UNAUTHORIZED}
CODED = HookType(("coded",), "Coded", {"CodedError": CODES}, ("odd", "args.1", "reply.code"))


@pytest.mark.parametrize(
    ("args", "reply", "fault"),
    [
        ((0, 7), None, FORBIDDEN),
        ((7,), None, None),
        ((0, 8), {"code": "x"}, UNAUTHORIZED),
        ((0, [7]), SimpleNamespace(code=7), FORBIDDEN),
        ((), {"other": 7}, None),
    ],
)
def test_a_code_is_where_the_type_says(args: tuple[Any, ...], reply: Any, fault: Fault | None) -> None:
    error = CodedError(*args)
    error.reply = reply
    assert table_fault(error, CODED) == fault
    assert table_fault(caused(RuntimeError(7), error), CODED) == fault


@pytest.mark.parametrize(
    ("host", "category", "is_reworded"),
    [
        ("db.example.com", "network", False),
        ("db example.com", "network", True),
        ("db/example", "unknown", True),
        ("http://db", "unknown", True),
        ("db:5432", "unknown", True),
        ("db..example.com", "unknown", False),
    ],
)
def test_a_host_that_can_be_no_name_is_a_mistake(host: str, category: str, is_reworded: bool) -> None:
    error = socket.gaierror(socket.EAI_NONAME, "x")
    fault = fault_of(error, "no_such", host=host)
    assert (fault.category, fault.message == HOST_IS_NO_NAME) == (category, is_reworded)


def test_the_errors_of_several_addresses_are_looked_at() -> None:
    several = OSError("all failed")
    several.errors = {("::1", 22): ConnectionRefusedError(errno.ECONNREFUSED, "x")}  # type: ignore[attr-defined] # as libraries do
    assert fault_of(several) == REFUSED


POOL: Any = urllib3.HTTPConnectionPool("h")
RESPONSE: Any = SimpleNamespace(tell=int, length_remaining=1)
HTTP: list[tuple[BaseException, Fault]] = [
    (requests.TooManyRedirects("secret"), http.REDIRECT_LOOP),
    (RedirectedElsewhereError(), http.REDIRECTED),
    (requests.exceptions.ProxyError("secret"), http.PROXY_FAILED),
    (requests.exceptions.InvalidURL("secret"), http.BAD_ADDRESS),
    (requests.exceptions.InvalidSchema("secret"), http.BAD_ADDRESS),
    (requests.exceptions.MissingSchema("secret"), http.BAD_ADDRESS),
    (urllib3.exceptions.LocationValueError("secret"), http.BAD_ADDRESS),
    (requests.ConnectTimeout("secret"), TIMED_OUT),
    (requests.ReadTimeout("secret"), TIMED_OUT),
    (urllib3.exceptions.ConnectTimeoutError("secret"), TIMED_OUT),
    (urllib3.exceptions.ReadTimeoutError(POOL, "/", "secret"), TIMED_OUT),
    (http_client.RemoteDisconnected("secret"), RESET),
    (http_client.IncompleteRead(b"secret"), RESET),
    (http_client.BadStatusLine("secret"), GARBAGE),
    (urllib3.exceptions.DecodeError("secret"), GARBAGE),
    (caused(urllib3.exceptions.InvalidChunkLength(RESPONSE, b"x"), ValueError()), GARBAGE),
    (CertificateError("secret"), CERTIFICATE_WRONG_NAME),
    (caused(urllib3.exceptions.NewConnectionError(POOL, "x"), ConnectionRefusedError(errno.ECONNREFUSED, "")), REFUSED),
    (type("NoBrokersAvailable", (Exception,), {})(), REFUSED),
]


@pytest.mark.parametrize(("error", "fault"), HTTP, ids=[type(error).__name__ for error, _ in HTTP])
def test_the_errors_of_http_libraries(error: BaseException, fault: Fault) -> None:
    for conn_type in ("http", "no_such"):
        assert fault_of(error, conn_type) == fault


def test_statuses_of_http() -> None:
    for conn_type in ("http", "no_such"):
        faults = [fault_of(answered(status), conn_type) for status in (401, 403, 503)]
        assert faults == [UNAUTHORIZED, FORBIDDEN, SERVER_ERROR], conn_type


def test_an_answer_that_says_that_all_is_well_is_none_where_another_was_asked_for() -> None:
    assert [NO_ANSWERS[status] for status in (200, 299, 401)] == [GARBAGE, GARBAGE, UNAUTHORIZED]
    assert NO_ANSWERS.get(300) != GARBAGE


def test_requests_that_were_refused_did_not_time_out() -> None:
    import requests

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(requests.ConnectionError) as caught:
            requests.get(f"http://127.0.0.1:{bound.getsockname()[1]}/", timeout=5)
    assert fault_of(caught.value, "http") == REFUSED


def test_without_a_code_one_connect_tells() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert fault_of(None, host="127.0.0.1", port=port) == REFUSED
        bound.listen()
        assert fault_of(None, host="127.0.0.1", port=port) == TEST_FAILED
        assert fault_of(TypeError("x"), host="127.0.0.1", port=port) == MISCONFIGURED
        bound.settimeout(5)
        bound.accept()[0].close()
        bound.settimeout(0.2)
        with pytest.raises(TimeoutError):
            # A mistake in the connection is no reason to connect.
            bound.accept()


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 65_536), ("localhost", 0), ("localhost", -1), ("db..example.com", 80)]
)
def test_no_server_is_at_an_address_that_can_be_none(host: str, port: int) -> None:
    assert unreachable((host, port), Deadline(2)) == MISCONFIGURED


@pytest.mark.parametrize("port", [1, 65_535])
def test_the_first_and_the_last_port_are_some(port: int) -> None:
    assert unreachable(("127.0.0.1", port), Deadline(2)) in (None, REFUSED)


def test_types_are_found_without_a_list_and_declared_once() -> None:
    assert {"http", "smtp", "sqlite"} <= set(hook_types())
    for module in pkgutil.walk_packages(types.__path__, f"{types.__name__}."):
        declared = () if module.ispkg else import_module(module.name).TYPE.conn_types
        assert all(hook_type(name) is import_module(module.name).TYPE for name in declared), module.name


@pytest.mark.parametrize("conn_type", sorted(hook_types()))
def test_what_a_child_answers_is_known_to_the_parent(conn_type: str) -> None:
    declared = hook_type(conn_type)
    known = known_faults(declared)
    # Thousands of codes mean a hundred faults; the same one in other words is equal to it.
    faults = {
        (fault.slug, fault.message): fault
        for entry in declared.codes.values()
        for fault in ([entry] if isinstance(entry, Fault) else entry.values())
    }
    for fault in faults.values():
        answered = known[name_of(fault, declared)]
        assert (answered, answered.message) == (fault, fault.message)


def test_two_wordings_of_a_fault_are_not_mixed_up() -> None:
    declared = hook_type("aws")
    codes = declared.codes["ClientError"]
    assert isinstance(codes, Mapping)
    wrong, late = codes["InvalidClientTokenId"], codes["RequestExpired"]
    assert wrong.slug == late.slug
    assert known_faults(declared)[name_of(wrong, declared)].message == wrong.message
    assert known_faults(declared)[name_of(late, declared)].message == late.message != wrong.message


def test_a_test_that_changes_something_is_never_run() -> None:
    assert not hook_type("pagerduty_events").is_safe
    assert hook_type("pagerduty_events").probe is None


def test_a_type_without_a_declaration_proves_nothing() -> None:
    assert hook_type("no_such") == HookType(("no_such",), "no_such", proves_login=False)


@pytest.mark.parametrize(
    ("reason", "fault", "refined_to"),
    [
        *((reason, TLS_FAILED, CLIENT_CERTIFICATE) for reason in sorted(CERTIFICATE_ALERTS)),
        ("TLSV1_ALERT_UNKNOWN_CA", RESET, CLIENT_CERTIFICATE),
        ("TLSV1_ALERT_PROTOCOL_VERSION", TLS_FAILED, TLS_FAILED),
        ("TLSV1_ALERT_UNKNOWN_CA", REFUSED, REFUSED),
    ],
)
def test_an_alert_about_our_certificate_says_more_than_the_end_of_a_session(
    reason: str, fault: Fault, refined_to: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_alerts", [])
    assert tls.refined(fault) == fault
    monkeypatch.setattr(ssl.SSLContext, "sslsocket_class", ssl.SSLContext.sslsocket_class)
    tls.watch_sessions()
    watched: Any = ssl.SSLContext.sslsocket_class
    watched.on_alert(None, reason)
    assert tls.refined(fault) == refined_to
