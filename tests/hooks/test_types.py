"""Each connection type: a closed port, an unknown host, a silent peer, wrong credentials, and a healthy server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import HookConnection, check_hook, hook_type
from osiris_provider.net.deadline import Deadline

from tests.hooks.case import PASSWORD, WRONG, Case, Served
from tests.hooks.imitations import IMITATIONS
from tests.hooks.real import REAL
from tests.servers.process import HOST

CASES = (*REAL, *IMITATIONS)
SERVED = tuple(case for case in CASES if case.serve is not None)
PATIENCE = 60.0
"""Seconds: what a machine under load needs to import the largest provider."""
DEADLINE = 12.0
GRACE = 0.5


def named(case: Case) -> str:
    return case.conn_type


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[Case], Served]]:
    """Servers by type; each is started when it is first asked for."""
    running: dict[str, tuple[Served, Callable[[], object]]] = {}

    def served(case: Case) -> Served:
        if case.conn_type not in running:
            assert case.serve is not None
            context = case.serve()
            running[case.conn_type] = (context.__enter__(), lambda: context.__exit__(None, None, None))
        return running[case.conn_type][0]

    yield served
    for _, end in running.values():
        end()


def fault_of(connection: HookConnection, seconds: float = PATIENCE) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        check_hook(connection, Deadline(seconds))
    return caught.value


def descendants() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """Accepts every connection and says nothing, whatever it is told."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(50)
        yield listener.getsockname()[1]


def shown(error: ConnectorError) -> str:
    return f"{error!s} {error!r} {error.__dict__!r} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_closed_port(case: Case) -> None:
    with closed_port() as port:
        error = fault_of(case.at(HOST, port))
    assert error.fault.slug == "refused", error
    assert PASSWORD not in shown(error)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_an_unknown_host(case: Case) -> None:
    error = fault_of(case.at("no-such-host.invalid", 4711))
    assert error.fault.slug == "unknown_host", error
    assert PASSWORD not in shown(error)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_silent_peer(case: Case) -> None:
    with silent_port() as port:
        before = descendants()
        seen: list[str] = []
        stop = threading.Event()
        watcher = threading.Thread(target=watch, args=(stop, seen))
        watcher.start()
        began = time.monotonic()
        error = fault_of(case.at(HOST, port), DEADLINE)
        took = time.monotonic() - began
        left = descendants() - before
        stop.set()
        watcher.join()
    assert error.category == "timeout", error
    assert took < DEADLINE + GRACE
    # What is new may be the process that waits for the next check; whoever has checked is gone.
    assert not [pid for pid in left if connected_to(pid, port)]
    assert seen
    assert not [text for text in seen if PASSWORD in text]


def watch(stop: threading.Event, seen: list[str]) -> None:
    """Look at what everybody on this machine may see of our processes, and at their environment."""
    while not stop.wait(0.2):
        for pid in descendants():
            for name in ("cmdline", "environ"):
                with suppress(OSError):
                    seen.append(Path(f"/proc/{pid}/{name}").read_text(errors="replace"))


def connected_to(pid: int, port: int) -> bool:
    try:
        return any(one.raddr and one.raddr.port == port for one in psutil.Process(pid).net_connections("tcp"))
    except psutil.Error:
        return False


@pytest.mark.parametrize("case", SERVED, ids=named)
def test_wrong_credentials(
    case: Case,
    servers: Callable[[Case], Served],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = servers(case)
    before = served.tries()
    error = fault_of(served.refused())
    assert error.category == case.category, error
    assert served.tries() - before == 1
    written = "".join(capfd.readouterr()) + caplog.text + shown(error)
    assert not [secret for secret in (PASSWORD, WRONG) if secret in written]


@pytest.mark.parametrize("case", SERVED, ids=named)
def test_healthy(
    case: Case,
    servers: Callable[[Case], Served],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = servers(case)
    before = served.tries()
    details = check_hook(served.connection, Deadline(PATIENCE))
    assert details.get("proven", True) is case.proven
    assert served.tries() == before
    assert PASSWORD not in "".join(capfd.readouterr()) + caplog.text + str(details)


def test_the_evidence_of_each_type_is_what_its_tests_run_against() -> None:
    real, imitated = ({case.conn_type for case in cases if case.serve} for cases in (REAL, IMITATIONS))
    for conn_type in {case.conn_type for case in CASES}:
        evidence = "real server" if conn_type in real else "imitation" if conn_type in imitated else None
        assert hook_type(conn_type).evidence == (evidence or "by documentation only"), conn_type
