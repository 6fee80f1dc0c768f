"""Which tests can notice a change: those that run its line."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from tests.mutants.mutate import Mutant
from tests.mutants.record import ROOT, Record

PACKAGE = ROOT / "osiris_provider"
TYPES = PACKAGE / "hook_doctor/types"
HOOKS = "tests/hooks"
"""The tests of these types; they need their providers, and run in the virtual environment of scripts/test-hooks."""
HOOKS_PYTHON = ROOT / ".hooks-venv/bin/python"
OWN = "tests/unit/test_mutants.py"
"""The tests of these changes themselves, which need a repository."""
OF_ALL = ["tests/unit/test_provider_info.py", "tests/architecture", "tests/security/test_documented.py"]
"""Tests that read the package as a whole, and see names and values of any module without running a line of it."""
STAGES = (3.0, 30.0, 300.0)
"""Seconds after which a lot of tests ends, and the next one begins; most changes are noticed by the first."""


def noticing(record: Record, module: Path, mutant: Mutant) -> list[list[str]]:
    """Return the tests that can notice a change of a module, in lots, in the order to run them.

    :param record: which tests run which lines.
    """
    tests = _running(record, module, mutant) | _about(module)
    tests = {test for test in tests if not test.startswith(OWN)}
    return [*_in_lots(record, module, tests), OF_ALL, *_of_type(module)]


def _running(record: Record, module: Path, mutant: Mutant) -> set[str]:
    """Return the tests that run a change.

    What is in no function, such as a constant, is run when the module is imported, whoever does it: for that these are
    the tests that run any function of the module.
    """
    source = module.read_bytes()
    last = source[: mutant.bounds[1]].count(b"\n") + 1
    functions = [
        each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    bodies = [set(range(each.body[0].lineno, (each.end_lineno or 0) + 1)) for each in functions]
    around = [body for body in bodies if mutant.line in body]
    # Of a call of several lines it may be another line that is run.
    for lines in ({*range(mutant.line, last + 1)}, *sorted(around, key=len)) if around else ():
        if tests := record.tests(module, lines):
            return tests
    return record.tests(module, set().union(*bodies)) or _running_users(record, module)


def _running_users(record: Record, module: Path) -> set[str]:
    """Return the tests that run whatever names a module: of one that runs in a process of its own nothing is noted."""
    users = [path for path in PACKAGE.rglob("*.py") if path != module and f".{module.stem}" in path.read_text()]
    return {
        test for path in users for test in record.tests(path, set(range(1, 1 + len(path.read_bytes().splitlines()))))
    }


def _in_lots(record: Record, module: Path, tests: set[str]) -> list[list[str]]:
    """Return tests in lots: first those called after the module, soon done, and of many files.

    Tests that would come after the last of :data:`STAGES` are left out.
    """
    of_file: Counter[str] = Counter()
    ranked = []
    for seconds, test in sorted((record.cost(test), test) for test in tests):
        file = test.partition("::")[0]
        of_file[file] += 1
        is_named = Path(file).stem.startswith(f"test_{module.stem.strip('_')}")
        ranked.append((0 if is_named else 1 + of_file[file] // 10, seconds, test))
    lots: dict[float, list[str]] = {stage: [] for stage in STAGES}
    spent = 0.0
    for _, seconds, test in sorted(ranked):
        spent += seconds
        next((lots[stage] for stage in STAGES if spent <= stage), []).append(test)
    # The tests of a file follow each other, so that its servers are started once.
    return [sorted(lot) for lot in lots.values() if lot]


def _about(module: Path) -> set[str]:
    """Return the files of tests that name a module or are called after it.

    What is kept, as by ``functools.cache``, is run for the first test that asks, and for none of those after it.
    """
    relative = module.relative_to(PACKAGE)
    name = ".".join(["osiris_provider", *relative.with_suffix("").parts]).removesuffix(".__init__")
    package, _, last = name.rpartition(".")
    package, last = re.escape(package), re.escape(last)
    imports = re.compile(
        rf'{re.escape(name)} import|from {package} import .*\b{last}\b|"{name}|import {name}$', re.MULTILINE
    )
    files = [path for room in ("unit", "security", "field") for path in (ROOT / "tests" / room).rglob("test_*.py")]
    about = [path for path in files if path.stem == f"test_{last}" or imports.search(path.read_text())]
    return {path.relative_to(ROOT).as_posix() for path in about}


def _of_type(module: Path) -> list[list[str]]:
    """Return the tests of the connection types that a module declares."""
    if TYPES not in module.parents or not HOOKS_PYTHON.exists():
        return []
    actual = re.search(r"conn_types=\(([^)]*)\)", module.read_text())
    # Tests of google_cloud_platform are called after google.
    words = [word.partition("_")[0] for word in re.findall(r'"(\w+)"', actual[1])] if actual else []
    return [[HOOKS, "-k", " or ".join(words)]] if words else []
