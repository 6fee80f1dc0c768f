"""What the package imports of Airflow is in each version that is supported: scripts/test-matrix runs this on each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module

from tests.architecture.source import PACKAGE, tree_of

NAMES: dict[str, set[str]] = {
    "airflow.api_fastapi.core_api.routes.public": {"connections"},
    "airflow.api_fastapi.core_api.security": {"get_user", "requires_access_asset"},
    "airflow.cli.cli_config": {"ActionCommand", "Arg", "CLICommand"},
    "airflow.configuration": {"conf", "ensure_secrets_loaded"},
    "airflow.listeners": {"hookimpl"},
    "airflow.models": {"DagModel"},
    "airflow.models.asset": {"AssetEvent", "AssetModel"},
    "airflow.models.connection": {"Connection"},
    "airflow.models.serialized_dag": {"SerializedDagModel"},
    "airflow.plugins_manager": {"AirflowPlugin"},
    "airflow.sdk": {
        "Asset",
        "AssetAlias",
        "BaseHook",
        "BaseNotifier",
        "BaseOperator",
        "BaseSensorOperator",
        "Connection",
        "DAG",
        "ObjectStoragePath",
        "Param",
        "PokeReturnValue",
        "TaskGroup",
        "XComArg",
        "get_current_context",
        "get_parsing_context",
        "log",
    },
    "airflow.sdk.bases.xcom": {"BaseXCom"},
    "airflow.secrets": {"BaseSecretsBackend"},
    "airflow.triggers.base": {"BaseTrigger", "TriggerEvent"},
    "airflow.utils.cli": {"suppress_logs_and_warning"},
    "airflow.utils.session": {"create_session"},
}
"""What each version has. A name that is new here may be missing in an old one: run scripts/test-matrix first."""


def imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names of Airflow that code imports whatever the version: not for types only, nor where it may fail."""
    if isinstance(node, ast.Try) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        return
    if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith("airflow."):
        yield from ((node.module, alias.name) for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def test_the_list_has_what_the_package_imports() -> None:
    # Providers have versions of their own.
    actual = {
        pair
        for path in PACKAGE.rglob("*.py")
        for pair in imported(tree_of(path))
        if not pair[0].startswith("airflow.providers.")
    }
    assert actual == {(module, name) for module, names in NAMES.items() for name in names}


def test_this_version_has_them() -> None:
    missing = [
        f"{module}.{name}"
        for module, names in NAMES.items()
        for name in sorted(names)
        if not hasattr(import_module(module), name)
    ]
    assert missing == []
