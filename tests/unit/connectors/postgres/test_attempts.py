"""Over which lines and addresses a login to PostgreSQL is tried, and which failure is told: without a server."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.faults import RESET
from osiris_provider.connectors.postgres import libpq
from osiris_provider.connectors.postgres.faults import (
    GSS_REFUSED,
    LOGIN_DENIED,
    NOT_DIRECT,
    NOT_PROVEN,
    fault_of_sqlstate,
)
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.deadline import Deadline, TooMuchDataError

TLS, PLAIN = "require", "disable"
NOTHING, DENIED, WRONG = "", LOGIN_DENIED, "28P01"
"""What comes of an attempt: no code, or one of the server's."""


class Attempts:
    """Stands for libpq, whose logins end as they are meant to, by line or by address."""

    def __init__(self, outcomes: Mapping[str, str | BaseException | None], said: Any = RESET) -> None:
        self._outcomes = outcomes
        self._said = said
        self.tried: list[str] = []
        self.shares: list[float] = []
        self.looked_into: list[str] = []

    def attempt(self, parameters: Parameters, deadline: Deadline) -> Any:
        where = parameters.get("hostaddr") or parameters["sslmode"]
        self.tried.append(where)
        self.shares.append(deadline.seconds)
        outcome = self._outcomes[where]
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is None:
            return parameters
        raise libpq._LoginError(outcome or None, fault_of_sqlstate(outcome, login=True), parameters)  # noqa: SLF001 - as libpq's answers become one

    def diagnose(self, parameters: Parameters, _: Deadline) -> Any:
        self.looked_into.append(parameters["sslmode"])
        if isinstance(self._said, BaseException):
            raise self._said
        return self._said


def log_in(attempts: Attempts, monkeypatch: pytest.MonkeyPatch, *addresses: str, **given: str) -> str:
    """Return what comes of a login: the line that succeeded, or the fault."""
    monkeypatch.setattr(libpq, "_attempt", attempts.attempt)
    monkeypatch.setattr(libpq, "diagnose", attempts.diagnose)
    monkeypatch.setattr(libpq, "_addresses", lambda *_: addresses or [""])
    parameters: Any = Parameters({"host": "h", "port": "1", "user": "u", **given})
    try:
        connection: Any = libpq.log_in(parameters, Deadline(60))
    except DiagnosedError as error:
        return error.fault.slug
    return str(connection.get("hostaddr") or connection["sslmode"])


@pytest.mark.parametrize(
    ("outcomes", "tried", "result", "looked_into"),
    [
        ({TLS: None}, [TLS], TLS, []),
        ({TLS: NOTHING, PLAIN: None}, [TLS, PLAIN], PLAIN, []),
        ({TLS: DENIED, PLAIN: None}, [TLS, PLAIN], PLAIN, []),
        # A server that has decided is not asked over another line.
        ({TLS: WRONG}, [TLS], "wrong_password", []),
        # What tells most is told.
        ({TLS: DENIED, PLAIN: WRONG}, [TLS, PLAIN], "wrong_password", []),
        ({TLS: DENIED, PLAIN: NOTHING}, [TLS, PLAIN], "login_denied", []),
        ({TLS: DENIED, PLAIN: DENIED}, [TLS, PLAIN], "login_denied", []),
        ({TLS: NOTHING, PLAIN: WRONG}, [TLS, PLAIN], "wrong_password", []),
        # TLS has failed: it is looked into, as the user may be meant to come that way.
        ({TLS: NOTHING, PLAIN: DENIED}, [TLS, PLAIN], "login_denied", [TLS]),
        # On a plain line a password may have been kept back.
        ({TLS: NOTHING, PLAIN: NOTHING}, [TLS, PLAIN], "reset", [PLAIN]),
    ],
)
@pytest.mark.parametrize("mode", [{}, {"sslmode": "prefer"}])
def test_conn_010_what_is_told_of_two_lines(
    outcomes: Mapping[str, str | None],
    tried: list[str],
    result: str,
    looked_into: list[str],
    mode: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = Attempts(outcomes)
    assert log_in(attempts, monkeypatch, **mode) == result
    assert (attempts.tried, attempts.looked_into) == (tried, looked_into)


@pytest.mark.parametrize(
    ("outcomes", "result", "looked_into"),
    [
        ({PLAIN: None}, PLAIN, []),
        ({PLAIN: DENIED, TLS: None}, TLS, []),
        ({PLAIN: NOTHING, TLS: WRONG}, "wrong_password", []),
        # It is TLS that the server refuses to this user, and not the plain line that has failed.
        ({PLAIN: NOTHING, TLS: DENIED}, "login_denied", []),
        ({PLAIN: NOTHING, TLS: NOTHING}, "reset", [PLAIN]),
    ],
)
def test_conn_010_what_is_told_where_the_plain_line_comes_first(
    outcomes: Mapping[str, str | None], result: str, looked_into: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts(outcomes)
    assert log_in(attempts, monkeypatch, sslmode="allow") == result
    assert (attempts.tried, attempts.looked_into) == (list(outcomes), looked_into)


@pytest.mark.parametrize("error", [ssl.SSLError(1, "of TLS"), ConnectionResetError(104, "gone")])
def test_conn_010_why_tls_failed_is_told_where_the_plain_line_is_not_open(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts({TLS: NOTHING, PLAIN: DENIED}, error)
    if isinstance(error, ssl.SSLError):
        with pytest.raises(ssl.SSLError):
            log_in(attempts, monkeypatch)
    else:
        assert log_in(attempts, monkeypatch) == "login_denied"


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        ({PLAIN: DENIED, TLS: None}, "tls_required"),
        ({PLAIN: DENIED, TLS: WRONG}, "tls_required"),
        ({PLAIN: DENIED, TLS: DENIED}, "login_denied"),
        ({PLAIN: DENIED, TLS: NOTHING}, "login_denied"),
        ({PLAIN: DENIED, TLS: TimeoutError()}, "login_denied"),
        ({PLAIN: DENIED, TLS: DiagnosedError(NOT_PROVEN)}, "login_denied"),
    ],
)
def test_conn_010_tls_is_required_where_a_login_gets_further_with_it(
    outcomes: Mapping[str, Any], result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Connection(Parameters):
        def close(self) -> None:
            """Say goodbye."""

    attempts = Attempts(outcomes)
    tried = attempts.attempt
    monkeypatch.setattr(attempts, "attempt", lambda *given: Connection(tried(*given)))
    assert log_in(attempts, monkeypatch, sslmode="disable") == result
    assert attempts.tried == [PLAIN, TLS]


@pytest.mark.parametrize("said", [GSS_REFUSED, NOT_PROVEN])
def test_conn_010_what_a_look_at_the_line_says_is_told(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts({TLS: NOTHING}, said)
    assert log_in(attempts, monkeypatch, sslmode="require") == said.slug
    assert attempts.looked_into == [TLS]


ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.mark.parametrize(
    ("outcomes", "tried", "result"),
    [
        ({ONE: None}, [ONE], ONE),
        ({ONE: ConnectionRefusedError(), TWO: TimeoutError(), THREE: None}, [ONE, TWO, THREE], THREE),
        ({ONE: NOTHING, TWO: None}, [ONE, TWO], TWO),
        ({ONE: NOTHING, TWO: NOTHING, THREE: NOTHING}, [ONE, TWO, THREE], "reset"),
        ({ONE: ConnectionRefusedError(), TWO: WRONG}, [ONE, TWO], "wrong_password"),
        ({ONE: WRONG}, [ONE], "wrong_password"),
        ({ONE: DENIED}, [ONE], "login_denied"),
    ],
)
def test_only_an_address_that_is_dead_is_a_reason_to_try_the_next(
    outcomes: Mapping[str, Any], tried: list[str], result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts(outcomes)
    assert log_in(attempts, monkeypatch, ONE, TWO, THREE, sslmode="require") == result
    assert attempts.tried == tried
    # Each has its share of the time that is left.
    expected = [20.0, 30.0, 60.0][: len(tried)]
    assert attempts.shares == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("outcomes", "tried"),
    [({ONE: TooMuchDataError("too much")}, [ONE]), ({ONE: NOTHING, TWO: ConnectionRefusedError()}, [ONE, TWO])],
)
def test_what_the_last_address_raises_passes_and_so_does_what_sends_without_end(
    outcomes: Mapping[str, Any], tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts(outcomes)
    with pytest.raises(type(outcomes[tried[-1]])):
        log_in(attempts, monkeypatch, ONE, TWO, sslmode="require")
    assert attempts.tried == tried


DIRECT, STANDBY = {"sslnegotiation": "direct"}, {"target_session_attrs": "standby"}


@pytest.mark.parametrize(
    ("given", "state", "helps", "result"),
    [
        ({}, {"ended": True}, {}, "reset"),
        ({}, {"ended": False}, {}, "server_not_proven"),
        (DIRECT, {"ended": False}, {"sslnegotiation": "postgres"}, NOT_DIRECT.slug),
        ({"sslnegotiation": "postgres"}, {"ended": False}, {}, "server_not_proven"),
        (STANDBY, {"ended": False}, {"target_session_attrs": "any"}, "wrong_server"),
        ({"target_session_attrs": "any"}, {"ended": False}, {}, "server_not_proven"),
        ({}, {"asks_for_gss": True}, {"gssencmode": "disable"}, "gss_refused"),
        ({"gssencmode": "require"}, {"asks_for_gss": True, "ended": False}, {}, "server_not_proven"),
        # Where something else may be wrong it is no impostor.
        (DIRECT, {"ended": False}, {"nothing": ""}, "reset"),
        (STANDBY, {"ended": False}, {"nothing": ""}, "reset"),
        ({**DIRECT, **STANDBY}, {"ended": False}, {"target_session_attrs": "any"}, "wrong_server"),
    ],
)
def test_conn_010_what_a_server_is_not_up_to_is_what_a_login_works_without(
    given: dict[str, str],
    state: dict[str, bool],
    helps: dict[str, str],
    result: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = Attempts({})

    def attempt(parameters: Parameters, _: Deadline) -> Any:
        if helps and helps.items() <= parameters.items():
            return SimpleNamespace(close=lambda: None)
        raise libpq._LoginError(None, None, parameters, **state)  # noqa: SLF001 - as libpq's answers become one

    monkeypatch.setattr(attempts, "attempt", attempt)
    assert log_in(attempts, monkeypatch, sslmode="require", **given) == result


def test_conn_008_a_parameter_that_libpq_does_not_take_is_a_mistake_of_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = Attempts({})

    def attempt(parameters: Parameters, _: Deadline) -> Any:
        raise libpq._LoginError(None, None, parameters, begun=False)  # noqa: SLF001 - as libpq's answers become one

    monkeypatch.setattr(attempts, "attempt", attempt)
    with pytest.raises(ConnectionConfigError, match="PGSERVICE"):
        log_in(attempts, monkeypatch, sslmode="require")


def test_who_may_have_the_password_itself_is_not_asked_over_tls_that_no_one_has_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = Attempts({PLAIN: DENIED})
    assert log_in(attempts, monkeypatch, sslmode="disable", require_auth="password") == "login_denied"
    assert attempts.tried == [PLAIN]


REACHED = {"hostaddr": ONE, "sslmode": TLS, "require_auth": "md5,scram-sha-256"}


@pytest.mark.parametrize(
    ("known", "lacks_proof", "version", "reached"),
    [
        (REACHED, False, 170000, REACHED),
        (REACHED, True, 170000, {**REACHED, "require_auth": "md5"}),
        (REACHED, True, 159999, REACHED),
        ({"sslmode": PLAIN, "hostaddr": "", "require_auth": None}, False, 170000, {"sslmode": PLAIN}),
        ({"sslmode": PLAIN}, True, 170000, {"sslmode": PLAIN, "require_auth": "!scram-sha-256"}),
    ],
)
def test_conn_017_the_second_login_goes_the_way_of_the_first_and_gives_away_no_more(
    known: dict[str, str | None],
    lacks_proof: bool,
    version: int,
    reached: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("psycopg2.extensions.libpq_version", lambda: version)
    beside = {"host": "h", "user": "u", "channel_binding": "require"}
    line = SimpleNamespace(messages=SimpleNamespace(lacks_proof=lacks_proof))
    connection: Any = SimpleNamespace(get_dsn_parameters=lambda: {**beside, **known}, line=line)
    assert libpq.as_reached(connection) == reached


@pytest.mark.parametrize(
    ("given", "addresses"),
    [
        ({"host": "h", "hostaddr": ONE}, [ONE]),
        ({"host": "/run", "hostaddr": ONE}, [ONE]),
        ({"host": "/run"}, [""]),
        ({"host": "@abstract"}, [""]),
        ({"host": "h"}, [TWO, "fe80::1%3"]),
    ],
)
def test_the_addresses_of_a_host_are_those_of_its_name(
    given: dict[str, str], addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [(socket.AF_INET, (TWO, 5432)), (socket.AF_INET6, ("fe80::1", 5432, 0, 3))]
    deadline = Deadline(60)
    monkeypatch.setattr(libpq, "addresses_of", lambda *asked: {("h", 5432, deadline): known}[asked])
    assert libpq._addresses(Parameters({"port": "5432", **given}), deadline) == addresses  # noqa: SLF001 - before a line is chosen
