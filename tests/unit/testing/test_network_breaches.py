"""The contracts of connectors with a peer, or with a password, notice what breaks them."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT
from osiris_provider.errors import UNKNOWN, AuthError, ConnectorError, Fault, NetworkError
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import DeadlineSocket
from osiris_provider.testing import ConnectorContract, CredentialsContract, NetworkContract, network, resources
from osiris_provider.testing import connector as contract
from osiris_provider.testing.secrecy import CANARY

from tests.unit.testing.asking import AskingConnection, AskingConnector, accepting
from tests.unit.testing.breaches import NOTICED, breach, promises_of, put_to

PASSWORD = "s3cret-of-the-peer"
SAID: dict[str, Any] = {"category": "ok", "message": "Connection successful", "latency_ms": 1.5, "details": {}}
CLOCK = SimpleNamespace(now=0.0)
OPEN: list[Any] = []
log = logging.getLogger(__name__)
Members = dict[str, Any]


def classified(fault: Fault | None) -> Members:
    return {"fault_of": lambda *_: fault}


def says(category: str, message: str = "No.", **details: Any) -> Callable[..., Any]:
    """Return a doctor that says the same of all."""
    return lambda *_, **__: (False, {**SAID, "category": category, "message": message, "latency_ms": None} | details)


def late(*_: Any, timeout: float = 2.0) -> Any:
    CLOCK.now += timeout + 0.26
    return says("network")()


def kept_open(_: AskingConnector, model: AskingConnection, deadline: Any) -> Any:
    line = socket.create_connection((model.host, model.port))
    OPEN.append(line)
    line.settimeout(deadline.remaining())
    line.recv(1)
    raise ConnectionResetError(104, "reset")


def unclassified(*_: Any) -> Any:
    raise ConnectionResetError(104, "reset")


def tries_once(self: AskingConnector, connection: Any) -> Any:
    model = self.model.parse(connection)
    return self.translate_errors(connection, lambda: self.open_client(model, Deadline(5)))


def tries_again(self: AskingConnector, connection: Any) -> Any:
    with suppress(ConnectorError):
        tries_once(self, connection).close()
    return tries_once(self, connection)


class LossyError(NetworkError):
    def __reduce__(self) -> Any:
        return NetworkError, ("No.",)


def lossy(self: AskingConnector, connection: Any) -> Any:
    try:
        return AskingConnector.create_client(self, connection)
    except NetworkError as error:
        raise LossyError(str(error), fault=error.fault) from None


NETWORK: list[tuple[str, Members]] = [
    ("test_conn_010_closed_port_is_network", classified(RESET)),
    ("test_conn_010_closed_port_is_network", classified(Fault("refused", "timeout", "No. Wait."))),
    ("test_conn_010_unknown_host_is_network", classified(RESET)),
    ("test_conn_010_unknown_host_is_network", classified(Fault("unknown_host", "auth", "No. Wait."))),
    ("test_conn_010_silent_listener_is_timeout", {"doctor": says("network")}),
    ("test_conn_009_silent_listener_leaves_nothing_open", {"probe": kept_open}),
    ("test_conn_009_rogue_peer_is_answered_in_time", {"doctor": late}),
    ("test_conn_009_rogue_peer_is_answered_in_time", {"doctor": lambda *_, **__: (True, SAID)}),
    ("test_conn_009_rogue_peer_is_answered_in_time", {"doctor": says("auth")}),
    ("test_conn_010_broken_line_is_network", {"doctor": says("timeout")}),
    ("test_conn_014_client_that_fails_leaves_nothing_open", {"open_client": kept_open}),
    ("test_conn_014_client_that_fails_leaves_nothing_open", {"create_client": unclassified}),
    ("test_conn_018_network_errors_are_retried", {"create_client": tries_once}),
    ("test_conn_018_network_errors_are_retried", classified(GARBAGE)),
    ("test_conn_018_network_errors_are_retried", classified(TIMED_OUT)),
    ("test_conn_018_network_errors_are_retried", {"create_client": lossy}),
]


def telling(what: Callable[[Any], object]) -> Callable[..., Any]:
    """Return a doctor that tells something of the connection."""
    return lambda _, connection, timeout=2.0: says("auth", f"No: {what(connection)} in {timeout}")()


def logging_it(_: Any, connection: Any, timeout: float = 2.0) -> Any:
    log.debug("%s in %s", connection["password"], timeout)
    return says("auth")()


def raising(error: Callable[[Any], Exception]) -> Callable[..., Any]:
    def create_client(_: Any, connection: Any) -> Any:
        raise error(connection)

    return create_client


def chained(_: Any, connection: Any) -> Any:
    message = "No."
    raise AuthError(message) from KeyError(len(connection))


def shown(text: Callable[[Any], str]) -> Members:
    """Return a model that shows something of its connection."""
    return {"model": breach(AskingConnection, shown_address=text)}


def with_url(text: Callable[[Any], str]) -> Members:
    def url(model: AskingConnection, *, redacted: bool) -> str:
        return text(model) if redacted in (True, False) else ""

    return {"model": breach(AskingConnection, as_url=url)}


def password_of(model: AskingConnection) -> str:
    return model.password.get_secret_value()


CREDENTIALS: list[tuple[str, Members]] = [
    ("test_conn_010_wrong_credentials_are_auth", {"probe": lambda *_: {}}),
    ("test_conn_010_wrong_credentials_are_auth", {"doctor": says("permission")}),
    ("test_conn_011_doctor_shows_no_secret", {"doctor": telling(lambda given: given["password"])}),
    ("test_conn_011_doctor_shows_no_secret", {"doctor": telling(lambda given: given.get("never_heard_of"))}),
    ("test_conn_011_doctor_shows_no_secret", {"doctor": telling(lambda given: given["port"])}),
    ("test_conn_011_doctor_shows_no_secret", {"doctor": logging_it}),
    ("test_conn_011_errors_show_no_secret", {"create_client": raising(lambda given: ValueError(given["password"]))}),
    ("test_conn_011_errors_show_no_secret", {"create_client": chained}),
    ("test_conn_011_errors_show_no_secret", {"create_client": lambda *_: socket.socket()}),
    ("test_conn_011_reprs_show_no_secret", shown(password_of)),
    ("test_conn_011_reprs_show_no_secret", {"__repr__": lambda _: CANARY}),
    ("test_conn_011_reprs_show_no_secret", {"address_of": lambda _, connection: connection["password"]}),
    ("test_conn_011_open_client_shows_no_secret", {"client": lambda _, connection: connection["password"]}),
    ("test_conn_016_dsn_carries_any_secret", with_url(lambda model: f"asking://{password_of(model)}@h:1")),
    (
        "test_conn_016_redacted_dsn_does_not_depend_on_the_secret",
        with_url(lambda model: f"asking://***{len(password_of(model))}@h:1"),
    ),
    ("test_conn_016_redacted_dsn_does_not_depend_on_the_secret", with_url(lambda _: "asking://h:1")),
    ("test_conn_019_auth_is_not_retryable", {"doctor": says("auth", details={"retryable": True})}),
    ("test_conn_019_auth_is_tried_once", {"create_client": tries_again}),
    ("test_conn_019_auth_is_tried_once", classified(Fault("odd", "permission", "No. Wait."))),
]


def quoting(error: BaseException) -> Fault:
    return UNKNOWN.reworded(f"The peer said {error}. Ask it.")


BOTH: list[tuple[str, Members]] = [
    ("test_conn_011_what_a_peer_says_is_not_shown", {"fault_of": lambda _, error: quoting(error)}),
    ("test_conn_011_what_a_peer_says_is_not_shown", {"doctor": lambda *_, **__: (True, SAID)}),
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with accepting(PASSWORD) as peer:
        yield peer.port


@pytest.fixture
def given(port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[dict[str, Any]]:
    """What the fixtures of the contract give to its tests."""
    monkeypatch.setattr(resources, "SECONDS", 0.05)
    monkeypatch.setattr(network, "connector_class", lambda _: AskingConnector)
    healthy = {"family": "asking", "alias": "test", "host": "127.0.0.1", "port": port, "password": PASSWORD}
    planted = {**healthy, "password": CANARY}
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        silent = {**healthy, "port": server.getsockname()[1]}
        yield {
            "healthy": healthy,
            "planted": planted,
            "wrong_credentials": planted,
            "silent": silent,
            "refused": {**healthy, "port": closed_port()},
            "secrets": frozenset({"password"}),
            "prefix": "-",
            "rogue": "hang_up",
            "monkeypatch": monkeypatch,
            "caplog": caplog,
        }
    while OPEN:
        OPEN.pop().close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def keeps(
    name: str, kind: type[AskingConnector], given: dict[str, Any], kept: type[ConnectorContract] = ConnectorContract
) -> None:
    connector = kind()
    try:
        put_to(kept(), name, {**given, "connector": connector})
    finally:
        connector.close_all()


def test_each_test_of_the_contracts_has_a_connector_that_breaks_it() -> None:
    assert {name for name, _ in NETWORK} == promises_of(NetworkContract)
    assert {name for name, _ in CREDENTIALS} == promises_of(CredentialsContract)
    assert {name for name, _ in BOTH} == promises_of(ConnectorContract)


@pytest.mark.parametrize("name", dict(NETWORK + CREDENTIALS + BOTH))
def test_what_keeps_the_contract_passes(name: str, given: dict[str, Any]) -> None:
    keeps(name, AskingConnector, given)


@pytest.mark.parametrize(("name", "members"), NETWORK + CREDENTIALS + BOTH)
def test_a_breach_is_noticed(
    name: str, members: Members, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if members.get("doctor") is late:
        monkeypatch.setattr(contract, "time", SimpleNamespace(monotonic=lambda: CLOCK.now))
    with pytest.raises(NOTICED):
        keeps(name, breach(AskingConnector, **members), given)


def test_a_check_that_reads_more_than_it_may_is_noticed(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "CHECK_BYTES", 1)
    with pytest.raises(AssertionError, match="bytes were read"):
        keeps("test_conn_009_rogue_peer_is_answered_in_time", AskingConnector, {**given, "rogue": "flood"})


class Lazy(ConnectorContract):
    connects_on_create = False
    logs_in_on_create = False


def unopened(*_: Any) -> DeadlineSocket:
    line = DeadlineSocket()
    line.close()
    return line


@pytest.mark.parametrize(
    "name",
    [
        "test_conn_014_client_that_fails_leaves_nothing_open",
        "test_conn_018_network_errors_are_retried",
        "test_conn_019_auth_is_tried_once",
    ],
)
def test_a_client_that_is_made_without_asking_asks_nothing(name: str, given: dict[str, Any]) -> None:
    keeps(name, breach(AskingConnector, open_client=unopened), given, Lazy)
    with pytest.raises(NOTICED):
        keeps(name, AskingConnector, given, Lazy)
    with pytest.raises(NOTICED):
        keeps(name, breach(AskingConnector, open_client=unopened), given)
