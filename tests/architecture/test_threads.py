"""What is true of every thread that the package starts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import osiris_provider
import pytest

PACKAGE = Path(osiris_provider.__file__).parent


def starts_of_threads() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        # Every process of tests asks this while it collects them, and most modules start no thread.
        for node in ast.walk(ast.parse(source)) if b"Thread(" in source else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("threading.Thread"):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


STARTS = list(starts_of_threads())


def test_there_are_threads() -> None:
    assert len(STARTS) > 5


@pytest.mark.parametrize("call", [call for _, call in STARTS], ids=[where for where, _ in STARTS])
def test_no_thread_keeps_a_process_from_ending(call: ast.Call) -> None:
    # A server that says nothing would hold up a worker that is to stop.
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    assert given.get("daemon") == "True"
    assert "target" in given
