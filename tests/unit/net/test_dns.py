"""Names are resolved by c-ares alone, within the deadline."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
import time
from typing import Any

import pycares.errno
import pytest
from osiris_provider.net import dns
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.dns import Address, NamesUnansweredError, address_text, addresses_of, is_encodable

from tests.faults.name_servers import NAME, NXDOMAIN, REFUSED, SERVFAIL, name_server
from tests.faults.peers import NO_ROUTE


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that the system's resolver, which no deadline ends, was asked for."""
    names: list[str] = []
    real = socket.getaddrinfo

    def spy(host: str, port: int, **options: Any) -> Any:
        if not options.get("flags", 0) & socket.AI_NUMERICHOST:
            names.append(host)
        return real(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    return names


@pytest.mark.parametrize("name", [NAME, "x" * 64 + ".example.com", "a..example.com", "*", "\uff0a"])
def test_a_name_that_dns_does_not_know_is_looked_for_nowhere_else(name: str, asked: list[str]) -> None:
    with name_server(answers=True, code=NXDOMAIN), pytest.raises(socket.gaierror) as raised:
        addresses_of(name, 3306, Deadline(2))
    assert raised.value.errno == socket.EAI_NONAME
    assert asked == []


@pytest.mark.parametrize("code", [SERVFAIL, REFUSED])
def test_a_name_server_that_fails_may_answer_later(code: int, asked: list[str]) -> None:
    with name_server(answers=True, code=code), pytest.raises(socket.gaierror) as raised:
        addresses_of(NAME, 3306, Deadline(2))
    assert raised.value.errno == socket.EAI_AGAIN
    assert asked == []


def test_a_silent_name_server_is_given_up_in_time(asked: list[str]) -> None:
    started = time.monotonic()
    with name_server(answers=False), pytest.raises(NamesUnansweredError):
        addresses_of(NAME, 3306, Deadline(0.3))
    assert time.monotonic() - started < 0.3 + 0.25
    assert asked == []


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_numbers_are_asked_of_nobody(host: str, family: int, asked: list[str]) -> None:
    with name_server(answers=False):
        ((version, address),) = addresses_of(host, 3306, Deadline(1))
    assert (version, address[:2], asked) == (family, (host, 3306), [])


def test_names_of_the_hosts_file_are_found(asked: list[str]) -> None:
    assert ("127.0.0.1", 80) in [address[:2] for _, address in addresses_of("localhost", 80, Deadline(2))]
    assert asked == []


HERE: Address = (socket.AF_INET, ("127.0.0.1", 80))
THERE: Address = (socket.AF_INET, (NO_ROUTE, 80))


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ([HERE, THERE], [HERE]),
        ([THERE, HERE], [HERE]),
        ([HERE, HERE], [HERE, HERE]),
        ([THERE, THERE], [THERE, THERE]),
    ],
)
def test_an_address_without_a_route_is_not_tried_unless_there_is_no_other(
    known: list[Address], left: list[Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without IPv6 knows ``localhost`` by an IPv6 address, too: its error would hide the actual one."""
    monkeypatch.setattr(dns, "_ask", lambda *_: known)
    assert addresses_of(NAME, 80, Deadline(2)) == left


UNANSWERED = ("ARES_ETIMEOUT", "ARES_ECANCELLED", "ARES_EDESTRUCTION")
FAILED = ("ARES_ESERVFAIL", "ARES_EREFUSED", "ARES_ECONNREFUSED", "ARES_EBADRESP")


class Answering:
    """A channel of c-ares that answers with a code at once, or never."""

    def __init__(self, code: int | None) -> None:
        self._code = code
        self.asked: list[Any] = []

    def __call__(self, **options: Any) -> Answering:
        self.asked.append(options)
        return self

    def getaddrinfo(self, name: str, port: int, *, callback: Any, **_: Any) -> None:
        self.asked.append((name, port))
        if self._code is not None:
            callback(None, self._code)

    def close(self) -> None:
        self.asked.append("closed")


@pytest.mark.parametrize("code", [None, *UNANSWERED, *FAILED, "ARES_ENOTFOUND", "ARES_ENODATA", "ARES_EBADNAME"])
def test_what_c_ares_says_is_what_the_system_would(code: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Answering(getattr(pycares.errno, code) if code else None)
    monkeypatch.setattr("pycares.Channel", channel)
    deadline = Deadline(5 if code else 0.05)
    with pytest.raises(OSError, match="name") as raised:
        addresses_of("Bücher.example", 3306, deadline)
    if code is None or code in UNANSWERED:
        assert type(raised.value) is NamesUnansweredError
    else:
        expected = socket.EAI_AGAIN if code in FAILED else socket.EAI_NONAME
        assert (type(raised.value), raised.value.errno) == (socket.gaierror, expected)
    options, asked, closed = channel.asked
    assert (asked, closed, options["tries"]) == (("xn--bcher-kva.example", 3306), "closed", 2)
    # The second try of c-ares takes twice as long as the first.
    assert options["timeout"] * 3 == pytest.approx(deadline.seconds, rel=0.2)


@pytest.mark.parametrize(("host", "fits"), [("db", True), ("x" * 63, True), ("x" * 64, False), ("a..b", False)])
def test_a_name_that_no_resolver_takes_is_known_before(host: str, fits: bool) -> None:
    assert is_encodable(host) is fits


@pytest.mark.parametrize("host", ["localhost", "a..example.com"])
def test_an_answer_is_not_waited_for_when_it_is_there(host: str) -> None:
    deadline = Deadline(3)
    with contextlib.suppress(socket.gaierror):
        addresses_of(host, 80, deadline)
    assert deadline.left() > 0


def test_without_a_file_left_that_is_what_is_said() -> None:
    # What it imports takes files.
    addresses_of("localhost", 3306, Deadline(5))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="open files") as raised:
            addresses_of("localhost", 3306, Deadline(5))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised.value.errno == errno.EMFILE


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%NUMBER", "fe80::1%NAME"])
def test_an_address_as_text_leads_to_the_same(host: str) -> None:
    number, name = socket.if_nameindex()[0]
    text = host.replace("NUMBER", str(number))
    ((_, address),) = addresses_of(text.replace("NAME", name), 3306, Deadline(2))
    assert address_text(address) == text.replace("NAME", str(number))
