"""Rules of this repository that no linter knows."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from osiris_provider.connections.registry import family_names
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.registry import driver_names

from tests.architecture.source import CODE, PACKAGE, ROOT, module_of, name_of, read, tree_of

STEP_NAMED = {
    "errors.py": {"in_step"},
    # What has happened, in a step; data of no step; what Airflow does not know as an error of a step.
    "drivers/step.py": {"of_step"},
    "drivers/data.py": {"_not_tabular"},
    "drivers/conversions.py": {"_where"},
    "operators/osiris.py": {"_check_arguments", "check", "_inputs"},
}
"""The functions that write which step it is."""
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
MAX_ROOM = 15
"""Modules in a folder, besides what makes it a package."""
WORKPLACE = re.compile(r"/work/|\bTODO\b|\bFIXME\b|\bXXX\b|\bClaude\b|\bLLM\b|\bissue #?\d", re.IGNORECASE)
EXEMPTION = re.compile(r"#\s*(?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[a-z0-9-, ]+\])?)")
BANNER = re.compile(r"^\s*#\s*([-=#*~])\1{3,}", re.MULTILINE)
TEXTS = [
    path
    for pattern in ("*.md", "*.toml", "docs/**/*", "scripts/*", "osiris_provider/**/*.py", "tests/**/*.py", "dags/*")
    for path in sorted(ROOT.glob(pattern))
    if path.is_file() and path.suffix not in (".png", ".pyc") and path != Path(__file__)
]


# One test a rule, and not one for each of a thousand files.


@dataclass(frozen=True)
class Parsed:
    """What the rules look at of the syntax trees, which are too many to be kept."""

    functions: list[tuple[str, str, int]]
    """Place, name and lines of each."""
    compared: list[tuple[str, set[str]]]
    """Places in the package where something is compared, with the names of families there that are not the file's."""


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    seen, families = Parsed([], []), set(family_names())
    for path in CODE:
        name = name_of(path)
        # A family's own file or folder may know its own name.
        others = {family for family in families if not path.stem.startswith(family) and family not in path.parts}
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                seen.functions.append((f"{name}:{node.lineno}", node.name, lines))
            elif isinstance(node, ast.Compare | ast.MatchValue) and PACKAGE in path.parents:
                seen.compared.append((f"{name}:{node.lineno}", set(_texts(node)) & others))
    return seen


@pytest.mark.parametrize("name", driver_names())
def test_the_config_of_a_driver_is_where_one_looks(name: str) -> None:
    driver = get_driver(name)
    assert isinstance(driver, BaseDriver)
    assert driver.config_model.__module__.split(".")[-1] == "config"


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def test_sizes(parsed: Parsed) -> None:
    assert len(CODE) > 500
    assert len(parsed.functions) > 5000
    assert {name_of(path) for path in CODE if len(read(path).splitlines()) > MAX_FILE_LINES} == set()
    assert [function for function in parsed.functions if function[-1] > MAX_FUNCTION_LINES] == []


def test_no_room_is_crowded() -> None:
    files = [path for folder in (PACKAGE, ROOT / "tests", ROOT / "benchmarks") for path in folder.rglob("*.py")]
    rooms = Counter(path.parent for path in files if path.name != "__init__.py")
    assert len(rooms) > 60
    assert {name_of(room): modules for room, modules in rooms.items() if modules > MAX_ROOM} == {}


def test_nothing_depends_on_the_name_of_a_family(parsed: Parsed) -> None:
    assert len(parsed.compared) > 1000
    assert [(location, families) for location, families in parsed.compared if families] == []


def test_texts_are_for_the_reader() -> None:
    assert len(TEXTS) > 500
    wrong = [
        f"{name_of(path)}: {match[0].strip()}"
        for path in TEXTS
        for rule in ([WORKPLACE, BANNER] if path.suffix == ".py" else [WORKPLACE])
        if (match := rule.search(read(path)))
    ]
    assert wrong == []


def test_exemptions_give_their_reason() -> None:
    wrong = []
    for path in CODE:
        for number, line in enumerate(read(path).splitlines(), 1):
            exempt, *rest = EXEMPTION.split(line, maxsplit=1)
            if (
                rest
                and not exempt.rstrip().endswith(('"', "'"))
                and not re.search(r"\w{3}", EXEMPTION.sub("", rest[0]))
            ):
                wrong.append(f"{name_of(path)}:{number}")
    assert wrong == []


def test_an_error_that_begins_with_its_step_has_it_for_programs_too() -> None:
    """A pipeline's problems and the graph take the step from the error, not from its words: one place says both."""
    naming: dict[str, set[str]] = {}
    for path in (path for path in CODE if PACKAGE in path.parents and 'f"Step {' in read(path)):
        for function in (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)):
            texts = (ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.JoinedStr))
            if any(text[2:].startswith("Step {") for text in texts):
                naming.setdefault(path.relative_to(PACKAGE).as_posix(), set()).add(function.name)
    assert naming == STEP_NAMED


def test_each_constant_is_used() -> None:
    imported, attributes = Counter[tuple[str, str]](), Counter[str]()
    for node in (node for path in CODE for node in ast.walk(tree_of(path))):
        if isinstance(node, ast.ImportFrom):
            imported.update((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute):
            attributes[node.attr] += 1
    unused = [
        f"{name_of(path)}: {name}"
        # The faults are collected from their modules.
        for path in (path for path in CODE if path.name != "faults.py")
        for name, is_used in _constants(tree_of(path))
        if not (is_used or attributes[name] or imported[module_of(path), name] or name == "pytestmark")
    ]
    assert len(imported) > 2000
    assert unused == []


def _constants(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield the constants of a module, and whether it uses them itself: perhaps within a text, as types are."""
    words = Counter(_words(tree))
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            own = Counter(_words(node))
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, words[target.id] > own[target.id]


def _words(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\w+", node.value)
