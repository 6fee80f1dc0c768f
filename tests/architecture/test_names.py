"""The names that are promises to users."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import osiris_provider
import osiris_provider.testing
import pytest
from osiris_provider.connectors import get_connector

from tests.architecture.documents import blocks_of
from tests.architecture.source import PACKAGE, ROOT, module_of, read

PROMISED = {
    "osiris_provider.connections": ["ConnectionRef", "list_connections", "resolve_connection"],
    "osiris_provider": ["ConnectionRef", "Driver", "doctor_all", "get_connector", "get_driver", "run_pipeline"],
    "osiris_provider.connectors": ["close_all", "doctor_all", "get_connector"],
    "osiris_provider.drivers": ["Driver", "get_driver"],
    "osiris_provider.airflow_dags": ["OsirisDag", "OsirisTaskGroup", "load_dags"],
    "osiris_provider.pipelines": ["load_pipeline", "run_pipeline"],
    "osiris_provider.testing": ["ConnectorContract", "DriverContract"],
    "osiris_provider.errors": [
        "AuthError",
        "ConnectTimeoutError",
        "ConnectionConfigError",
        "NetworkError",
        "OsirisError",
        "PermissionDeniedError",
        "PipelineConfigError",
    ],
    "osiris_provider.cli.main": ["main"],
    "osiris_provider.hooks.api": ["OsirisApiHook"],
    "osiris_provider.hooks.duckdb": ["OsirisDuckDBHook"],
    "osiris_provider.hooks.mysql": ["OsirisMySQLHook"],
    "osiris_provider.hooks.postgres": ["OsirisPostgresHook"],
    "osiris_provider.hooks.shopify": ["OsirisShopifyHook"],
    "osiris_provider.hooks.supabase": ["OsirisSupabaseHook"],
    "osiris_provider.operators.doctor": ["OsirisDoctorOperator"],
    "osiris_provider.operators.osiris": ["OsirisOperator"],
    "osiris_provider.provider_info": ["get_provider_info"],
    "osiris_provider.retry_policy": ["OsirisRetryPolicy"],
    "osiris_provider.secrets.connections_file": ["OsirisConnectionsBackend"],
    "osiris_provider.sensors.healthcheck": ["OsirisHealthcheckSensor"],
    "osiris_provider.triggers.doctor": ["OsirisDoctorTrigger"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in PROMISED for name in PROMISED[module]])
def test_promised_name(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name)


def names_of_the_reference() -> dict[str, set[str]]:
    """Return the names that docs/reference.md shows, by the module that they are imported from."""
    names: dict[str, set[str]] = {}
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for module, name in re.findall(r"^from (osiris_provider\S*) import (\w+)$", text, re.MULTILINE):
        names.setdefault(module, set()).add(name)
    for module, table in re.findall(r"^### `([\w.]+)`\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL):
        names[module] = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    return names


def test_the_reference_has_what_the_modules_export() -> None:
    shown = names_of_the_reference()
    assert shown == {module: set(importlib.import_module(module).__all__) for module in shown}
    # The command line is no library; its page is another.
    assert set(PROMISED) - set(shown) == {"osiris_provider.cli.main"}


def test_every_error_is_exported() -> None:
    errors = importlib.import_module("osiris_provider.errors")
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert len(classes) > 10
    assert classes <= set(errors.__all__)


def test_the_guide_to_adding_a_family_imports_public_names_only() -> None:
    imported = [
        (node.module, alias.name)
        for block in blocks_of("docs/adding-a-family.md")
        if block.language == "python"
        for node in ast.walk(ast.parse(block.code))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("osiris_provider")
        for alias in node.names
    ]
    assert len(imported) > 10
    public = names_of_the_reference()
    assert [(module, name) for module, name in imported if name not in public.get(module, ())] == []


def test_type_checkers_see_what_the_lazy_modules_export(tmp_path: Path) -> None:
    lines = ["import osiris_provider, osiris_provider.testing"]
    for module in (osiris_provider, osiris_provider.testing):
        lines += [f"reveal_type({module.__name__}.{name})" for name in module.__all__]
    file = tmp_path / "user.py"
    file.write_text("\n".join(lines))
    command = [sys.executable, "-m", "mypy", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(revealed) == len(lines) - 1, done.stdout
    assert [one for one in revealed if one == "Any"] == []


def _modules_with_all() -> list[str]:
    return [module_of(path) for path in sorted(PACKAGE.rglob("*.py")) if "__all__" in read(path)]


@pytest.mark.parametrize("name", _modules_with_all())
def test_exports_are_there(name: str) -> None:
    module = importlib.import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    assert all(hasattr(module, exported) for exported in module.__all__)


def test_signatures_of_the_contract() -> None:
    from osiris_provider.connections import list_connections, resolve_connection
    from osiris_provider.connectors.base import Connector
    from osiris_provider.drivers import Driver

    assert list(inspect.signature(resolve_connection).parameters) == ["reference", "file"]
    assert list(inspect.signature(list_connections).parameters) == ["file"]
    assert inspect.signature(Connector.doctor).parameters["timeout"].default == 2.0
    run = inspect.signature(Driver.run).parameters
    assert [name for name, parameter in run.items() if parameter.kind is parameter.KEYWORD_ONLY] == [
        "step_id",
        "config",
        "inputs",
        "ctx",
    ]


@pytest.mark.parametrize("family", ["airflow", "api", "duckdb", "mysql", "postgres", "shopify", "supabase"])
def test_connector_of_every_family(family: str) -> None:
    assert get_connector(family).family == family


def test_version_is_that_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = [version for version in re.findall(r"^## (\S+)", text, re.MULTILINE) if version != "Unreleased"]
    assert released[0] == osiris_provider.__version__
    assert text.index("## Unreleased") < text.index(f"## {released[0]}")
