"""Provider info without Airflow: quick, complete, and in step with the package."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import osiris_provider
import pytest
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.hook_doctor.cooldown import DEFAULT_HOURS
from osiris_provider.hooks.base import DOCTOR_TIMEOUT
from osiris_provider.provider_info import HOOKS, PACKAGE_NAME, get_provider_info

INFO = get_provider_info()


def modules_of(kind: str) -> set[str]:
    """The modules of one of the package's rooms, as they lie on the disk; what is in a room of its own, they share."""
    room = Path(osiris_provider.__file__).parent / kind
    return {
        f"osiris_provider.{kind}.{module.name}"
        for module in pkgutil.iter_modules([str(room)])
        if module.name[0] != "_" and not module.ispkg
    }


def test_the_package_name_is_that_of_the_distribution() -> None:
    assert INFO["package-name"] == PACKAGE_NAME == distribution("airflow-provider-osiris").metadata["Name"]
    assert INFO["versions"][0] == osiris_provider.__version__


def test_every_module_of_every_room_is_listed() -> None:
    for kind in ("hooks", "operators", "sensors", "triggers"):
        assert set(INFO[kind][0]["python-modules"]) == modules_of(kind), kind
    listed = {name.rpartition(".")[0] for name in INFO["secrets-backends"]}
    assert listed == modules_of("secrets") - {"osiris_provider.secrets.shapes"}


def test_every_family_of_the_package_has_a_connection_type() -> None:
    connectors = distribution("airflow-provider-osiris").entry_points.select(group="osiris_provider.connectors")
    # Those of family airflow have types of other providers. One of its own would have a Test button in the API server.
    families = {point.name for point in connectors} - {"airflow"}
    assert set(HOOKS) == families
    assert {entry["connection-type"] for entry in INFO["connection-types"]} == {f"osiris_{name}" for name in families}


def test_hooks_say_what_provider_info_says() -> None:
    for entry in INFO["connection-types"]:
        module, _, name = entry["hook-class-name"].rpartition(".")
        hook = getattr(import_module(module), name)
        assert hook.conn_type == entry["connection-type"]
        assert hook.hook_name == entry["hook-name"]
        assert hook.default_conn_name == f"{entry['connection-type']}_default"
        assert hook.conn_name_attr == f"{hook.family}_conn_id"


def test_a_family_that_is_broken_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is raised there keeps every airflow command from starting."""

    def connection_type(family: str, hook: str) -> dict[str, str]:
        if family == "api":
            message = "The connector api is broken."
            raise ConnectionConfigError(message)
        return {"connection-type": family, "hook-class-name": hook}

    monkeypatch.setattr("osiris_provider.connectors.airflow_form.connection_type", connection_type)
    assert {one["connection-type"] for one in get_provider_info()["connection-types"]} == {*HOOKS} - {"api"}
    assert "The connector api is broken." in caplog.text


def test_each_option_says_what_is_so_without_it_or_how_it_is_written() -> None:
    options = INFO["config"]["osiris"]["options"]
    for name, option in options.items():
        assert option["example"] or option["default"] or option["sensitive"], name
    for name, default in (("auth_cooldown_hours", DEFAULT_HOURS), ("doctor_timeout", DOCTOR_TIMEOUT)):
        assert (options[name]["type"], float(options[name]["default"])) == ("float", default)
    assert (options["preload"]["type"], options["preload"]["default"]) == ("boolean", "True")
    assert {name for name, option in options.items() if option["type"] != "string"} == {
        *("auth_cooldown_hours", "doctor_timeout", "preload")
    }
    assert {name for name, option in options.items() if option.get("sensitive")} == {"api_token", "api_password"}


def test_it_imports_neither_airflow_nor_anything_heavy() -> None:
    heavy = ("airflow", "pyarrow", "pymysql", "psycopg2", "duckdb", "requests", "pandas", "click", "rich")
    code = (
        "import sys; from osiris_provider.provider_info import get_provider_info; get_provider_info();"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
