"""Which tests can notice a change of a module."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "osiris_provider"
OWN = ROOT / "tests/unit/test_mutants.py"

_LOOKS = ("tests/security/test_list_shows_no_secret.py", "tests/integration/test_cli*.py")
_SQL = ("tests/field/test_database_round_trips.py", "tests/field/test_time_zones.py", "tests/field/test_nul.py")
_MYSQL = ("tests/contract/test_mysql.py", "tests/field/test_mysql*.py", "tests/integration/test_mysql*.py")
_POSTGRES = ("tests/contract/test_postgres.py", "tests/field/test_postgres*.py", "tests/integration/test_postgres*.py")
_HTTP = ("tests/field/test_api*.py", "tests/integration/test_api*.py", "tests/integration/test_shopify.py")
_WRITE = ("tests/integration/test_write*.py",)
_AIRFLOW = ("_airflow", "hooks", "operators", "plugins", "secrets", "sensors", "triggers")
ROOMS: dict[str, tuple[str, ...]] = {
    "": ("tests/unit",),
    "cli": (*_LOOKS, "tests/airflow/test_cli*.py"),
    "connections": (
        "tests/security/test_connections_file_trust.py",
        "tests/security/test_unknown_security_fields.py",
        *_LOOKS,
    ),
    "connectors": (
        "tests/contract/test_api.py",
        "tests/contract/test_duckdb.py",
        "tests/security/test_doctor_bounds.py",
    ),
    "connectors/expiry": ("tests/integration/test_expiry.py",),
    "connectors/duckdb": ("tests/integration/test_duckdb_doctor.py", "tests/security/test_duckdb_files.py"),
    "connectors/http": ("tests/security/test_http*.py", *_HTTP),
    "connectors/mysql": (*_MYSQL, "tests/security/test_mysql*.py", "tests/integration/test_fault_matrix.py"),
    "connectors/postgres": (*_POSTGRES, "tests/security/test_postgres*.py", "tests/integration/test_fault_matrix.py"),
    "drivers": ("tests/contract/test_duckdb.py", "tests/contract/test_filesystem.py"),
    "drivers/duckdb": ("tests/integration/test_duckdb*.py", "tests/field/test_duckdb_types.py"),
    "drivers/filesystem": ("tests/field/test_csv*.py", "tests/integration/test_filesystem_drivers.py"),
    "drivers/http": _HTTP,
    "drivers/incremental": (
        "tests/field/test_incremental_order.py",
        "tests/integration/test_incremental.py",
        "tests/integration/test_api_incremental.py",
    ),
    "drivers/mysql": (*_MYSQL, *_SQL, *_WRITE),
    "drivers/postgres": (*_POSTGRES, *_SQL, *_WRITE),
    "drivers/sql": (*_SQL, *_MYSQL, *_POSTGRES, *_WRITE),
    "drivers/supabase": ("tests/contract/test_supabase.py", "tests/integration/test_supabase*.py"),
    "net": (
        "tests/security/test_doctor_bounds.py",
        "tests/integration/test_doctor*.py",
        "tests/integration/test_*_tls.py",
        "tests/integration/test_expiry.py",
    ),
    "retry_policy.py": ("tests/airflow/test_retry_policy.py",),
    "runtime": (
        "tests/contract/test_staging.py",
        "tests/integration/test_state.py",
        "tests/integration/test_cli_sta*.py",
        "tests/security/test_sta*.py",
    ),
    "runtime/health_state.py": ("tests/airflow/test_health_events.py",),
    "runtime/alerts.py": ("tests/airflow/test_health_alerts.py",),
    "storage": ("tests/contract/test_staging.py", "tests/integration/test_filesystem_drivers.py"),
} | dict.fromkeys(_AIRFLOW, ("tests/airflow",))
"""Folders and modules of the package, and the tests of what is in them, as patterns; those of all parents count too."""

BESIDE = ("tests/unit", "tests/security", "tests/field")
"""Where a test that names a module is one of its tests, wherever else the module is tested."""


def noticing(module: Path) -> list[list[str]]:
    """Return the tests of a module in the order to run them: those that name it, then the others of its rooms.

    Most changes are noticed by the first, which start at once; to collect all takes a while.

    :param module: a file of the package.
    """
    relative = module.relative_to(PACKAGE)
    name = ".".join(["osiris_provider", *relative.with_suffix("").parts]).removesuffix(".__init__")
    package, _, last = name.rpartition(".")
    imports = (f"{name} import", f"from {package} import {last}\n", f'"{name}', f"import {name}\n")
    beside = [path for room in BESIDE for path in _files(ROOT / room)]
    naming = [path for path in beside if any(text in path.read_text() for text in imports)]
    rooms = [relative.as_posix(), *(parent.as_posix().removeprefix(".") for parent in relative.parents)]
    patterns = [pattern for room in rooms for pattern in ROOMS.get(room, ())]
    others = [file for pattern in patterns for path in sorted(ROOT.glob(pattern)) for file in _files(path)]
    stages = [naming, [path for path in dict.fromkeys(others) if path not in naming]]
    return [[path.relative_to(ROOT).as_posix() for path in stage] for stage in stages if stage]


def _files(path: Path) -> list[Path]:
    """Return a file, or the tests of a folder but those of the changes themselves, which need a repository."""
    return [file for file in sorted(path.rglob("test_*.py")) if file != OWN] if path.is_dir() else [path]
