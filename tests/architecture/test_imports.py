"""What importing the package costs a DAG file and the command line."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Container, Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, module_of, name_of, tree_of

HEAVY = {
    "duckdb",
    "fastapi",
    "fsspec",
    "numpy",
    "pandas",
    "polars",
    "psycopg2",
    "pyarrow",
    "pycares",
    "pymysql",
    "requests",
    "rich",
    "sqlalchemy",
    "tenacity",
    "urllib3",
}
WITHOUT_AIRFLOW = [
    "osiris_provider",
    "osiris_provider.cli.main",
    "osiris_provider.connections",
    "osiris_provider.connectors",
    "osiris_provider.drivers",
    "osiris_provider.errors",
    "osiris_provider.provider_info",
    "osiris_provider.runtime.staging",
]
WITH_AIRFLOW = [
    "osiris_provider.operators.doctor",
    "osiris_provider.operators.osiris",
    "osiris_provider.sensors.healthcheck",
]


@cache
def loaded_by(*modules: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after importing some."""
    imports = "".join(f"import {module}\n" for module in modules)
    code = f"{imports}import sys\nprint(*(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_facade_and_the_plugin_of_pytest_import_next_to_nothing() -> None:
    alone = loaded_by("pytest")
    assert loaded_by("pytest", "osiris_provider", "osiris_provider.testing.plugin") - alone == {"osiris_provider"}
    code = (
        "import sys, pytest, osiris_provider, osiris_provider.testing.plugin\n"
        "print(*sorted(name for name in sys.modules if name.startswith('osiris_provider')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "osiris_provider",
        "osiris_provider.lazy",
        "osiris_provider.testing",
        "osiris_provider.testing.plugin",
    ]


@pytest.mark.parametrize("module", WITHOUT_AIRFLOW)
def test_light_modules(module: str) -> None:
    assert (HEAVY | {"airflow"}) & loaded_by(module) == set()


def test_connectors_and_drivers_of_every_family_are_light() -> None:
    groups = ("osiris_provider.connectors", "osiris_provider.drivers")
    modules = sorted({point.module for group in groups for point in entry_points(group=group)})
    assert len(modules) >= 12
    assert (HEAVY | {"airflow"}) & loaded_by(*modules) == set()


@cache
def added_to_airflow() -> dict[str, set[str]]:
    """Return the modules that each of ``WITH_AIRFLOW`` brings where Airflow's SDK has been imported, once."""
    code = (
        "import airflow.sdk, importlib, os, sys\n"
        "there = set(sys.modules)\n"
        f"for module in {WITH_AIRFLOW!r}:\n"
        "    if os.fork() == 0:\n"
        "        importlib.import_module(module)\n"
        "        print(module, *(set(sys.modules) - there), flush=True)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: set(words[1:]) for words in added if words and words[0] in WITH_AIRFLOW}


@pytest.mark.parametrize("module", WITH_AIRFLOW)
def test_operators_add_nothing_heavy_to_airflow(module: str) -> None:
    added = added_to_airflow()[module]
    assert module in added
    assert HEAVY & added == set()


def test_conn_005_drivers_do_not_resolve() -> None:
    for path in (PACKAGE / "drivers").rglob("*.py"):
        names = {
            alias.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        assert not names & {"resolve_connection", "load_connections", "find_entry"}, name_of(path)


def test_no_circle_of_imports() -> None:
    """Not even of those that only the type checker sees."""
    modules = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    needs = {module: set(imported_by(path, modules)) for module, path in modules.items()}
    # The façade imports when it is asked.
    del needs["osiris_provider"]
    assert len(list(TopologicalSorter(needs).static_order())) >= len(needs) > 150


def imported_by(path: Path, modules: Container[str]) -> Iterator[str]:
    """Yield which of the modules a file imports from, anywhere in it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                name = inner if inner in modules else node.module
                if name in modules:
                    yield name
