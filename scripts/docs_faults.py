"""docs/faults.md: every fault that there is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from osiris_provider.errors import Fault

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Faults

<!-- all of it: written by scripts/docs from the tables of faults -->

A fault has a stable name, its slug: `details.fault` of doctor's verdict, `error.fault.slug` of a `ConnectorError`. Its
category is one of CONN-010. Whether a retry can help is one property, `error.is_transient`; the sensor, the operators,
the retry policy and the retries inside a driver decide by it. Where a family knows more, it says the same fault in
words of its own.

`untestable` is no failure: nothing was tried, because the type of the connection has no test that is safe to run, or
what was tried says nothing, because its hook needs another connection as well, which a check is not given. Its report
has `ok: false` and category `unknown`, and yet it turns nothing red: the operator and the exit code of
`osiris connections doctor` do not count it as unhealthy, the sensor ends with a warning, and the page of health shows
it as untested.

| slug | category | retry | what it says |
|---|---|---|---|
"""


def faults() -> Iterator[tuple[str, Fault]]:
    """Yield each definition of a fault in the package, with its file and line.

    :raises ValueError: one is not made of literals.
    """
    # Verdicts read back what another process has written.
    for path in sorted({*(ROOT / "osiris_provider").rglob("*.py")} - {ROOT / "osiris_provider/connectors/verdict.py"}):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "Fault(" in text else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                named = {word.arg or "": ast.literal_eval(word.value) for word in node.keywords}
                yield f"{path.relative_to(ROOT)}:{node.lineno}", Fault(*map(ast.literal_eval, node.args), **named)


def page() -> str:
    """Return the page."""
    rows = sorted(((fault.slug, fault) for _, fault in faults()), key=itemgetter(0))
    lines = (f"| `{slug}` | {one.category} | {_retry(one)} | {_words(one)} |\n" for slug, one in rows)
    return HEAD + "".join(lines)


def _retry(fault: Fault) -> str:
    return "helps" if fault.is_transient else "no"


def _words(fault: Fault) -> str:
    return fault.message.replace("{address}", "…").replace("{timeout}", "the timeout")
