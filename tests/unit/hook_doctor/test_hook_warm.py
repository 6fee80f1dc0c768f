"""What a type declares of its imports is done once, in the process from which its checks are forked."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from osiris_provider.hook_doctor import child, kernel, server
from osiris_provider.hook_doctor.base import HookType


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
