"""Each connection type: a closed port, an unknown host, a silent peer, wrong credentials, and a healthy server."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from osiris_provider.hook_doctor import HookConnection, hook_type, hook_types
from osiris_provider.hook_doctor.processes import servers as hook_servers

from tests.hooks.asked import asked, secrets_of
from tests.hooks.case import PASSWORD, Case, Served
from tests.hooks.servers.authority import believed
from tests.hooks.servers.imitations import IMITATIONS
from tests.hooks.servers.real import REAL
from tests.servers.process import HOST

CASES = (*REAL, *IMITATIONS)
APART = ("sqlite", "pagerduty_events")
"""Types for which there are no such situations; each has tests of its own, and says why."""
MAX_WAIT = 60.0
"""Seconds: a machine under load takes its time."""
SHORT = 4.0
"""Seconds for a peer that says nothing."""


def named(case: Case) -> str:
    return case.name


@pytest.fixture(scope="module", autouse=True)
def authority() -> Iterator[None]:
    with believed():
        yield


@pytest.fixture(scope="module", params=CASES, ids=named)
def case(request: pytest.FixtureRequest) -> Case:
    """A type; all its situations come after each other, while its provider is imported."""
    case: Case = request.param
    return case


@pytest.fixture(scope="module")
def served(case: Case, authority: None) -> Iterator[Served]:
    del authority
    with case.serve() as served:
        yield served


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """Accepts every connection and says nothing, whatever it is told; somebody must have come."""
    with socket.create_server((HOST, 0), backlog=50) as listener:
        yield listener.getsockname()[1]
        listener.setblocking(False)
        listener.accept()[0].close()


def test_a_closed_port(case: Case) -> None:
    with closed_port() as port:
        verdict = asked(case, case.at(HOST, port), MAX_WAIT)
    assert verdict.fault == "refused", verdict


def test_an_unknown_host(case: Case) -> None:
    verdict = asked(case, case.at("no-such-host.invalid", 4711), MAX_WAIT)
    assert verdict.fault == "unknown_host", verdict


def test_a_silent_peer(case: Case) -> None:
    with silent_port() as port:
        verdict = asked(case, case.at(HOST, port), SHORT)
    assert verdict.category == "timeout", verdict
    # Its import starts no thread: it is done once, and not within each check.
    assert case.conn_type not in hook_servers()._threaded  # noqa: SLF001 - nothing else says it


def test_wrong_credentials_are_tried_once(
    case: Case,
    served: Served,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = served.tries()
    verdict = asked(case, served.refused(), MAX_WAIT)
    assert verdict.category == case.category, verdict
    assert served.tries() - before == 1
    written = "".join(capfd.readouterr()) + caplog.text
    assert not [secret for secret in secrets_of(served.connection) if secret in written]


def test_healthy(
    case: Case,
    served: Served,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = served.tries()
    verdict = asked(case, served.connection, MAX_WAIT)
    assert (verdict.category, verdict.proven) == ("ok", case.proven), verdict
    assert served.tries() == before
    written = "".join(capfd.readouterr()) + caplog.text
    assert not [secret for secret in secrets_of(served.connection) if secret in written]


def sqlite_at(path: Path) -> tuple[Case, HookConnection]:
    case = Case("sqlite", lambda: pytest.fail("there is no server"))
    return case, HookConnection("file", "sqlite", str(path))


def test_a_file_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER)")
    verdict = asked(*sqlite_at(path), MAX_WAIT)
    assert (verdict.category, verdict.proven) == ("ok", False), verdict


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("id,amount\n" * 200)
    verdict = asked(*sqlite_at(path), MAX_WAIT)
    assert verdict.fault == "misconfigured", verdict


def test_a_file_that_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        verdict = asked(*sqlite_at(path), MAX_WAIT)
    assert verdict.fault == "lock_timeout", verdict


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    verdict = asked(*sqlite_at(tmp_path / "missing.db"), MAX_WAIT)
    assert verdict.fault == "misconfigured", verdict
    assert os.listdir(tmp_path) == []


def test_pagerduty_is_sent_nothing() -> None:
    case = Case("pagerduty_events", lambda: pytest.fail("there is no server"))
    with socket.create_server((HOST, 0)) as proxy, pytest.MonkeyPatch.context() as patch:
        # Whatever leaves for the internet comes by here.
        patch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.getsockname()[1]}")
        hook_servers().close()
        verdict = asked(case, HookConnection("duty", "pagerduty_events", None, None, PASSWORD), MAX_WAIT)
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    hook_servers().close()
    assert verdict.fault == "untestable", verdict


def test_every_declared_type_is_tried_or_says_why_not() -> None:
    tried = {case.conn_type for case in CASES}
    assert tried | set(APART) == set(hook_types())
    assert [name for name, declared in hook_types().items() if declared.apart] == sorted(APART, reverse=True)


def test_the_evidence_of_each_type_is_what_its_tests_run_against() -> None:
    for cases, evidence in ((REAL, "real server"), (IMITATIONS, "imitation")):
        assert {hook_type(case.conn_type).evidence for case in cases} == {evidence}
