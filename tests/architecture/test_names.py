"""The names that are promises to users."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import osiris_provider
import pytest
from osiris_provider.connectors import get_connector

from tests.architecture.source import PACKAGE, ROOT

PROMISED = {
    "osiris_provider.connections": ["ConnectionRef", "list_connections", "resolve_connection"],
    "osiris_provider.connectors": ["close_all", "doctor_all", "get_connector"],
    "osiris_provider.drivers": ["Driver", "get_driver"],
    "osiris_provider.errors": [
        "AuthError",
        "ConnectTimeoutError",
        "ConnectionConfigError",
        "NetworkError",
        "OsirisError",
        "PermissionDeniedError",
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


def _modules_with_all() -> list[Any]:
    names = [path for path in PACKAGE.rglob("*.py") if "__all__" in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sorted(names)]


@pytest.mark.parametrize("name", _modules_with_all())
def test_exports_are_sorted_and_there(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(set(module.__all__))
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


@pytest.mark.parametrize("family", ["api", "duckdb", "mysql", "postgres", "shopify", "supabase"])
def test_connector_of_every_family(family: str) -> None:
    assert get_connector(family).family == family


def test_version_is_that_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = [found for found in re.findall(r"^## (\S+)", text, re.MULTILINE) if found != "Unreleased"]
    assert released[0] == osiris_provider.__version__
    assert text.index("## Unreleased") < text.index(f"## {released[0]}")
