"""What Airflow wants to know of this package. Loaded at every start of Airflow: imports no Airflow and is quick."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from osiris_provider import __version__

__all__ = ["get_provider_info"]

log = logging.getLogger(__name__)

PACKAGE_NAME = "airflow-provider-osiris"
INTEGRATION = "Osiris"
URL = "https://github.com/airflow-provider-osiris/airflow-provider-osiris"

HOOKS = {
    "mysql": "OsirisMySQLHook",
    "postgres": "OsirisPostgresHook",
    "supabase": "OsirisSupabaseHook",
    "shopify": "OsirisShopifyHook",
    "api": "OsirisApiHook",
    "duckdb": "OsirisDuckDBHook",
}
"""The package's own families, each with the class of its hook."""


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, in the shape of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": PACKAGE_NAME,
        "name": INTEGRATION,
        "description": "Connections from one reviewed file, with health checks that tell the truth and drivers that "
        "stream.",
        "state": "ready",
        "source-date-epoch": 0,
        "versions": [__version__],
        "integrations": [{"integration-name": INTEGRATION, "external-doc-url": URL, "tags": ["software"]}],
        "hooks": _modules(
            "hooks",
            "base",
            "dbapi",
            "dialects",
            "duckdb_transaction",
            "errors",
            "frames",
            "guard",
            "health",
            "kill",
            *HOOKS,
        ),
        "operators": _modules("operators", "doctor", "osiris"),
        "sensors": _modules("sensors", "healthcheck"),
        "triggers": _modules("triggers", "doctor"),
        "connection-types": list(_connection_types()),
        "secrets-backends": ["osiris_provider.secrets.connections_file.OsirisConnectionsBackend"],
        "asset-uris": [{"schemes": ["osiris"], "handler": None}],
        "cli": ["osiris_provider.cli.airflow.get_commands"],
        "config": {"osiris": {"description": "Settings of airflow-provider-osiris.", "options": _options()}},
    }


def _connection_types() -> Iterator[dict[str, Any]]:
    # Imported here, so that the entry point itself costs nothing.
    from osiris_provider.connectors.airflow_form import connection_type
    from osiris_provider.errors import ConnectionConfigError

    for family, name in HOOKS.items():
        try:
            yield connection_type(family, f"osiris_provider.hooks.{family}.{name}")
        except ConnectionConfigError as error:  # noqa: PERF203 - six rounds
            # Whatever is raised here keeps every airflow command from starting.
            log.warning("%s", error)


def _modules(package: str, *names: str) -> list[dict[str, Any]]:
    modules = [f"osiris_provider.{package}.{name}" for name in names]
    return [{"integration-name": INTEGRATION, "python-modules": modules}]


def _options() -> dict[str, Any]:
    return {
        "connections_file": _option(
            "Path of the connections file. If it is not set, osiris_connections.yaml is looked for in OSIRIS_HOME, in "
            "the working directory and in AIRFLOW_HOME.",
            example="/opt/airflow/osiris_connections.yaml",
        ),
        "staging_url": _option(
            "Where the results of steps lie between tasks: a directory that all workers share, or an object store. "
            "If it is not set, the directory osiris_staging in AIRFLOW_HOME.",
            example="s3://my_aws_conn@my-bucket/staging",
        ),
        "state_url": _option(
            "Where the state of incremental tasks is kept: a directory that all workers share, or an "
            "object store. If it is not set, a folder of staging_url; set it if old files are removed there.",
            example="s3://my_aws_conn@my-bucket/state",
        ),
        "file_mode": _option(
            "Mode of the files that are made on mounted file systems: results, state, CSV, Parquet and DuckDB files. "
            "Directories that are made get it with the right to enter. For tasks of several users on a shared mount.",
            example="0660",
            default="0600",
        ),
        "api_url": _option(
            "Where Airflow is, for the command osiris health. If it is not set, AIRFLOW__API__BASE_URL.",
            example="https://airflow.example.com",
        ),
        "api_token": _secret("Token of Airflow's REST API, for the command osiris health."),
        "api_user": _option("User of Airflow, for the command osiris health; in the place of a token.", example="ann"),
        "api_password": _secret("Password of api_user."),
        "auth_cooldown_hours": _option(
            "Hours in which credentials that a server has refused are not tried again by the check of a hook, so that "
            "no account is locked. Other credentials are tried at once. 0 tries them each time.",
            option_type="float",
            default="6.0",
        ),
        "doctor_timeout": _option(
            "Seconds that the Test button of a connection waits for its peer.", option_type="float", default="2.0"
        ),
        "preload": _option(
            "Whether a scheduler with LocalExecutor imports drivers, pyarrow and the clients of databases once, "
            "so that not each task imports them.",
            option_type="boolean",
            default="True",
        ),
    }


def _secret(description: str) -> dict[str, Any]:
    return {**_option(description), "sensitive": True}


def _option(
    description: str, *, option_type: str = "string", example: str | None = None, default: str | None = None
) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": option_type,
        "example": example,
        "default": default,
    }
