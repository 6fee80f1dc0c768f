"""What is imported is declared, what is declared is used, and the document says what each dependency is for."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, name_of, tree_of

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest brings it there
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CARD = {"apache-airflow", "pyyaml", "pymysql", "psycopg2-binary", "requests"}
"""Without which the families of the contract do not work; they stay in the default install."""


def names(requirements: list[str]) -> set[str]:
    """Return the normalized names of requirements."""
    return {re.split(r"[\[<>=~!; ]", one)[0].lower().replace("_", "-") for one in requirements}


# Every process of tests would ask for it while it collects them.
installed = cache(packages_distributions)
DEPENDENCIES = names(PROJECT["dependencies"])
EXTRAS = {extra: names(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the full names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def distributions_of(module: str) -> set[str]:
    """Return which distributions have a module; none for one of the standard library or of this package."""
    top, *inner = module.split(".")
    if top in sys.stdlib_module_names or top in ("osiris_provider", "airflow_provider_osiris"):
        return set()
    if top == "openlineage":
        # Its provider brings it; both are imported only where OpenLineage is at work.
        return {"apache-airflow-providers-openlineage"}
    if top == "airflow":
        # All providers share this name.
        providers = {
            name for name in DEPENDENCIES.union(*EXTRAS.values()) if name.startswith("apache-airflow-providers-")
        }
        path = "-".join(inner[1:])
        return {
            name for name in providers if f"{path}-".startswith(name.removeprefix("apache-airflow-providers-") + "-")
        } or ({f"apache-airflow-{'-'.join(inner[:3])}"} if inner[:1] == ["providers"] else {"apache-airflow"})
    return {name.lower().replace("_", "-") for name in installed().get(top, [top])}


@cache
def used() -> set[tuple[Path, str]]:
    """Return the distributions that are imported, each with the file that does."""
    return {
        (path, name)
        for path in sorted(PACKAGE.rglob("*.py"))
        for module in imported(tree_of(path))
        for name in distributions_of(module)
    }


PROBES = PACKAGE / "hook_doctor" / "types"
"""What these run is with a hook, whose provider has brought the rest."""


def test_what_is_imported_is_declared() -> None:
    declared = DEPENDENCIES.union(*EXTRAS.values())
    assert {
        (name_of(path), name) for path, name in used() if name not in declared and PROBES not in path.parents
    } == set()


def test_types_of_hooks_can_be_imported_without_their_providers() -> None:
    outside = {
        (path.name, name)
        for path in PROBES.rglob("*.py")
        for node in tree_of(path).body
        for module in imported(ast.Module([node], []))
        if not isinstance(node, ast.FunctionDef)
        for name in distributions_of(module)
    }
    assert outside == set()


def test_what_is_declared_is_imported() -> None:
    assert DEPENDENCIES - {name for _, name in used()} == set()


def test_the_card_is_in_the_default_install() -> None:
    assert CARD <= DEPENDENCIES


def test_the_document_has_each_dependency() -> None:
    text, _, extras = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").partition("\n## Extras\n")
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == sorted(DEPENDENCIES)
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \|", extras, re.MULTILINE)
    assert rows == [(extra, name) for extra in sorted(EXTRAS) for name in sorted(EXTRAS[extra])]


@pytest.mark.parametrize("module", ["cryptography.x", "airflow.providers.common.sql.hooks", "airflow.sdk", "numpy"])
def test_modules_are_known(module: str) -> None:
    assert distributions_of(module) & DEPENDENCIES


def test_an_undeclared_module_is_seen() -> None:
    assert distributions_of("airflow.providers.http.hooks") - DEPENDENCIES
    assert distributions_of("flask.app") - DEPENDENCIES
