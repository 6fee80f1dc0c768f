"""What a type declares of its imports is done once, in the process from which its checks are forked."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from typing import Any

import pytest
from osiris_provider.hook_doctor import child, kernel, server
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.server import READY, SHARED, UNSAFE, WARM_SECONDS, Server


def test_a_type_imports_what_its_checks_need_and_nothing_that_none_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def hook_class(conn_type: str) -> Any:
        with pytest.raises(ModuleNotFoundError):
            __import__("left_out.inner")
        seen.append(conn_type)

    declared = HookType(
        ("some_type",), "Some", imports=("colorsys",), without=("left_out",), warm=lambda: seen.append("warm")
    )
    monkeypatch.setattr(child, "hook_type", {"some_type": declared}.__getitem__)
    monkeypatch.setattr(child, "_hook_class", hook_class)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    # So that it is taken out again.
    monkeypatch.setitem(sys.modules, "left_out", None)
    monkeypatch.delitem(sys.modules, "left_out")
    child.warm("some_type")
    assert "colorsys" in sys.modules
    assert seen == ["some_type", "warm"]


def test_a_module_that_is_there_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = HookType(("some_type",), "Some", without=("json",))
    monkeypatch.setattr(child, "hook_type", lambda _: declared)
    monkeypatch.setattr(child, "_hook_class", lambda _: None)
    child.warm("some_type")
    assert sys.modules["json"] is not None


@pytest.mark.parametrize(("threads", "can_fork"), [([1], True), ([2, 2, 1], True), ([2] * 1000, False)])
def test_a_thread_that_an_import_starts_for_a_moment_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, threads: list[int], can_fork: bool
) -> None:
    monkeypatch.setattr(server, "THREAD_END_SECONDS", 0.1)
    monkeypatch.setattr(kernel, "threads", iter(threads).__next__)
    assert server.is_alone() is can_fork


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a server does in this process, in whose place it neither sets alarms and limits nor serves."""
    noted: list[Any] = []

    def run(served: Server) -> None:
        noted.append("serves" if not served.requests.get_inheritable() else "lets others have its socket")
        served.requests.close()
        served.selector.close()

    monkeypatch.setattr(signal, "alarm", noted.append)
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: noted.append(limits))
    monkeypatch.setattr(Server, "run", run)
    return noted


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("shares", [False, True])
def test_the_main_server_leaves_no_core_imports_within_its_time_and_serves_whatever_becomes_of_that(
    shares: bool, fails: bool, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> None:
        steps.append("imports")
        if fails:
            raise ImportError

    def leave(code: int) -> None:
        raise SystemExit(code)

    ours, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    monkeypatch.setattr(child, "load", load)
    monkeypatch.setattr(child, "load_shared", lambda: steps.append("imports for all"))
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys, "argv", ["-c", str(theirs.detach()), *[SHARED] * shares])
    with ours:
        with pytest.raises(SystemExit) as raised:
            server.main()
        assert ours.recv(9) == READY
    assert raised.value.code == 0
    no_core, for_all = (resource.RLIMIT_CORE, (0, 0)), ["imports for all"] * (shares and not fails)
    assert steps == [no_core, WARM_SECONDS, "imports", *for_all, 0, "serves"]


@pytest.mark.parametrize("is_alone", [False, True])
def test_the_server_of_a_type_says_whether_it_can_fork_and_serves_if_it_can(
    is_alone: bool, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warm(conn_type: str) -> None:
        steps.append(conn_type)
        raise ImportError

    monkeypatch.setattr(server, "is_alone", lambda: is_alone)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server._serve_type(theirs, "some_type", lambda *_: None, warm)  # noqa: SLF001 - it serves nothing here
        assert ours.recv(9) == (READY if is_alone else UNSAFE)
    assert steps == [WARM_SECONDS, "some_type", 0, *["serves"] * is_alone]
