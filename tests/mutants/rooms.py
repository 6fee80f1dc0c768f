"""Which tests can notice a change of a module."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "osiris_provider"
OWN = ROOT / "tests/unit/test_mutants.py"
UNITS = ROOT / "tests/unit"
TYPES = PACKAGE / "hook_doctor/types"
HOOKS = "tests/hooks"
"""The tests of these types; they need their providers, and run in the virtual environment of scripts/test-hooks."""
HOOKS_PYTHON = ROOT / ".hooks-venv/bin/python"

_LOOKS = ("tests/security/connections/test_list_shows_no_secret.py", "tests/integration/cli")
_WITHIN = (
    "tests/field/sql/test_bending.py",
    "tests/field/postgres/test_values_within.py",
    "tests/field/sql/test_refused_rows.py",
)
_SQL = ("tests/field/sql", "tests/field/postgres/test_nul.py", "tests/field/postgres/test_values_within.py")
_MYSQL = ("tests/contract/test_mysql.py", "tests/field/mysql", "tests/integration/mysql")
_POSTGRES = ("tests/contract/test_postgres.py", "tests/field/postgres", "tests/integration/postgres")
_HTTP = ("tests/field/http", "tests/integration/http")
_WRITE = ("tests/integration/sql/test_write*.py",)
_HEALTH = ("tests/unit/health", "tests/airflow/health")
_PIPELINES = (
    "tests/unit/pipelines",
    "tests/security/pipelines/test_files.py",
    "tests/integration/cli/test_pipelines.py",
    "tests/integration/pipelines",
    "tests/airflow/pipelines",
)
_ANY_CONNECTION = (
    "tests/contract/test_airflow.py",
    "tests/security/airflow/test_any_connection.py",
    "tests/airflow/connections/test_any_type*.py",
)
_TESTS_OF_HOOKS = (
    "tests/airflow/hooks",
    "tests/airflow/connections/test_community.py",
    "tests/airflow/connections/test_round_trips.py",
    "tests/airflow/doctor",
)
ROOMS: dict[str, tuple[str, ...]] = {
    "": ("tests/unit", "tests/architecture/test_documents.py", "tests/architecture/test_documented_limits.py"),
    "__main__.py": ("tests/integration/cli/test_process.py",),
    "cli": (*_LOOKS, "tests/airflow/cli"),
    "cli/health.py": _HEALTH,
    "cli/pipelines": _PIPELINES,
    "cli/server": (*_ANY_CONNECTION, "tests/airflow/connections/test_untested.py"),
    "connections": (
        "tests/unit/connections",
        "tests/security/connections/test_file_trust.py",
        "tests/security/connections/test_unknown_security_fields.py",
        *_LOOKS,
    ),
    "connectors": (
        "tests/unit/connectors/test_*.py",
        "tests/contract/test_api.py",
        "tests/contract/test_duckdb.py",
        "tests/security/doctor/test_bounds.py",
    ),
    "connectors/airflow": ("tests/unit/connectors/test_airflow_*.py", *_ANY_CONNECTION),
    "connectors/airflow_form.py": ("tests/unit/connectors/test_airflow_*.py", "tests/airflow/test_provider.py"),
    "connectors/interrupt.py": (
        "tests/security/doctor/test_hung_checks.py",
        "tests/integration/doctor/test_interrupted.py",
        "tests/integration/sql/test_interrupted.py",
        "tests/integration/mysql/test_broken_off.py",
    ),
    "connectors/shopify.py": ("tests/contract/test_shopify.py", "tests/integration/http/test_shopify.py"),
    "connectors/supabase.py": ("tests/contract/test_supabase.py", "tests/integration/supabase"),
    "connectors/expiry": ("tests/integration/doctor/test_expiry.py",),
    "connectors/duckdb": ("tests/integration/duckdb/test_doctor.py", "tests/security/duckdb/test_files.py"),
    "connectors/http": ("tests/security/http", *_HTTP),
    "connectors/mysql/expiry.py": ("tests/integration/doctor/test_expiry.py",),
    "connectors/postgres/expiry.py": ("tests/integration/doctor/test_expiry.py",),
    "connectors/mysql": (*_MYSQL, "tests/security/mysql", "tests/integration/doctor/test_fault_matrix.py"),
    "connectors/postgres": (*_POSTGRES, "tests/security/postgres", "tests/integration/doctor/test_fault_matrix.py"),
    "drivers": ("tests/unit/drivers", "tests/contract/test_duckdb.py", "tests/contract/test_filesystem.py"),
    "drivers/duckdb": (
        "tests/integration/duckdb",
        "tests/field/duckdb",
        "tests/field/pipelines/test_inputs_of_steps.py",
        *_WITHIN,
    ),
    "drivers/duckdb/query_check.py": _PIPELINES,
    "drivers/duckdb/query_child.py": _PIPELINES,
    "drivers/filesystem": ("tests/field/filesystem", "tests/integration/filesystem/test_drivers.py"),
    "drivers/http": _HTTP,
    "drivers/incremental": (
        "tests/field/incremental/test_order.py",
        "tests/integration/sql/test_incremental.py",
        "tests/integration/http/test_api_incremental.py",
    ),
    "drivers/mysql": (*_MYSQL, *_SQL, *_WRITE),
    "drivers/postgres": (*_POSTGRES, *_SQL, *_WRITE),
    "drivers/sql": (*_SQL, *_MYSQL, *_POSTGRES, *_WRITE),
    "drivers/supabase": ("tests/contract/test_supabase.py", "tests/integration/supabase"),
    "lazy.py": ("tests/unit/test_facade.py",),
    "net": (
        "tests/unit/net",
        "tests/security/doctor/test_bounds.py",
        "tests/integration/doctor/test_interrupted.py",
        "tests/integration/doctor/test_leaves_nothing.py",
        "tests/integration/doctor/test_read_only.py",
        "tests/integration/doctor/test_under_load.py",
        "tests/integration/*/test_tls.py",
        "tests/integration/doctor/test_expiry.py",
    ),
    "retry_policy.py": ("tests/airflow/operators/test_retry_policy.py",),
    "runtime": (
        "tests/unit/storage",
        "tests/contract/test_staging.py",
        "tests/integration/runtime/test_state.py",
        "tests/integration/cli/test_sta*.py",
        "tests/security/runtime",
    ),
    "runtime/health_state.py": ("tests/airflow/health/test_events.py",),
    "runtime/alerts.py": ("tests/airflow/health/test_alerts.py",),
    "storage": ("tests/unit/storage", "tests/contract/test_staging.py", "tests/integration/filesystem/test_drivers.py"),
    "_airflow": ("tests/airflow",),
    "_airflow/broken_dags.py": ("tests/airflow/pipelines",),
    "airflow_dags.py": _PIPELINES,
    "hook_doctor": ("tests/unit/hook_doctor", "tests/security/hook_doctor", *_ANY_CONNECTION),
    "hook_doctor/types": ("tests/unit/hook_doctor",),
    "hooks": _TESTS_OF_HOOKS,
    "operators": (
        "tests/airflow/doctor",
        "tests/airflow/operators",
        "tests/airflow/test_dags.py",
        *_HEALTH,
        *_ANY_CONNECTION,
    ),
    "pipelines": _PIPELINES,
    "plugins": ("tests/security/airflow/test_test_button.py", "tests/airflow/test_provider.py"),
    "plugins/health": _HEALTH,
    "plugins/task_kills.py": ("tests/airflow/hooks/test_killed.py", "tests/airflow/operators/test_cleanup.py"),
    "provider_info.py": ("tests/airflow/test_provider.py",),
    "secrets": ("tests/airflow/connections/test_secrets_*.py", "tests/airflow/connections/test_community.py"),
    "sensors": (
        "tests/airflow/doctor",
        "tests/airflow/connections/test_untested.py",
        *_HEALTH,
    ),
    "testing": ("tests/contract/test_*.py", "tests/architecture/test_adding_a_family.py"),
    "triggers": ("tests/airflow/doctor",),
}
"""Folders and modules of the package, and the tests of what is in them, as patterns; those of all parents count too."""

BESIDE = ("tests/unit", "tests/security", "tests/field")
"""Where a test that names a module is one of its tests, wherever else the module is tested."""


def noticing(module: Path) -> list[list[str]]:
    """Return the tests of a module in the order to run them.

    First the unit tests that name it or are of its rooms, which start at once and notice most; then the others that
    do and are, with their servers; then all that there is for any module. Of each, those called after it come first.

    :param module: a file of the package.
    """
    relative = module.relative_to(PACKAGE)
    name = ".".join(["osiris_provider", *relative.with_suffix("").parts]).removesuffix(".__init__")
    package, _, last = name.rpartition(".")
    imports = (f"{name} import", f"from {package} import {last}\n", f'"{name}', f"import {name}\n")
    beside = [path for room in BESIDE for path in _files(ROOT / room)]
    naming = [path for path in beside if any(text in path.read_text() for text in imports)]
    *rooms, everywhere = [[file for pattern in ROOMS[room] for file in _matching(pattern)] for room in rooms_of(module)]
    own = [*naming, *(file for room in rooms for file in room)]
    # What is called after the module notices most.
    own.sort(key=lambda path: not path.stem.startswith(f"test_{module.stem.strip('_')}"))
    units = [path for path in own if UNITS in path.parents]
    taken: set[Path] = set()
    stages: list[list[str]] = []
    for stage in (units, own, everywhere):
        left = [path for path in dict.fromkeys(stage) if path not in taken]
        taken.update(left)
        stages += [[path.relative_to(ROOT).as_posix() for path in left]] if left else []
    return [*stages, *_of_type(module)]


def _matching(pattern: str) -> list[Path]:
    return [file for path in sorted(ROOT.glob(pattern)) for file in _files(path)]


def rooms_of(module: Path) -> list[str]:
    """Return the rooms of a module, its own first; the last one is the whole package."""
    relative = module.relative_to(PACKAGE)
    names = [relative.as_posix(), *(parent.as_posix().removeprefix(".") for parent in relative.parents)]
    return [name for name in names if name in ROOMS]


def _of_type(module: Path) -> list[list[str]]:
    """Return the tests of the connection types that a module declares."""
    actual = re.search(r"conn_types=\(([^)]*)\)", module.read_text()) if TYPES in module.parents else None
    # Tests of google_cloud_platform are called after google.
    words = [word.partition("_")[0] for word in re.findall(r'"(\w+)"', actual[1])] if actual else []
    return [[HOOKS, "-k", " or ".join(words)]] if words and HOOKS_PYTHON.exists() else []


def _files(path: Path) -> list[Path]:
    """Return a file, or the tests of a folder but those of the changes themselves, which need a repository."""
    return [file for file in sorted(path.rglob("test_*.py")) if file != OWN] if path.is_dir() else [path]
