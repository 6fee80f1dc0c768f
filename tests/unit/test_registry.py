"""Finding connectors and drivers by name."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.drivers import Driver, get_driver
from osiris_provider.drivers.registry import driver_names
from osiris_provider.errors import ConnectionConfigError, DriverConfigError

INSTALLED = r"Installed are: (\w+\.\w+, )+\w+\.\w+\."
FAMILIES = ["airflow", "api", "duckdb", "mysql", "postgres", "shopify", "supabase"]


class MyDriver:
    def run(self, *, step_id: str, config: Any, inputs: Any, ctx: Any) -> dict[str, Any]:
        return {"seen": [step_id, config, inputs, ctx]}


class NoDriver:
    pass


def test_families_of_the_package() -> None:
    assert set(FAMILIES) <= set(family_names())


@pytest.mark.parametrize("family", FAMILIES)
def test_connector_is_one_a_process(family: str) -> None:
    assert get_connector(family) is get_connector(family)
    assert get_connector(family).family == family


def test_unknown_family() -> None:
    with pytest.raises(
        ConnectionConfigError, match=r"Unknown family 'mysq'\. Did you mean 'mysql'\? Known are airflow, api, "
    ):
        get_connector("mysq")
    family: Any
    for family in (None, []):
        with pytest.raises(ConnectionConfigError, match=f"a text such as mysql, not {type(family).__name__}"):
            get_connector(family)


def test_conn_014_close_all_reaches_every_connector() -> None:
    client = get_connector("duckdb").client({"family": "duckdb", "path": ":memory:"})
    close_all()
    with pytest.raises(Exception, match="closed"):
        client.execute("SELECT 1")


def test_conn_014_clients_are_closed_at_exit() -> None:
    code = """
from osiris_provider.connectors import get_connector
connector = get_connector("duckdb")
connector.client({"family": "duckdb", "path": ":memory:"})
close = connector.close_client
connector._cache._close = lambda client: (print("closed"), close(client))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "closed\n"


@pytest.mark.parametrize("name", driver_names())
def test_every_registered_driver_can_be_made(name: str) -> None:
    driver = get_driver(name)
    assert isinstance(driver, Driver)
    assert getattr(driver, "name", name) == name


@pytest.mark.parametrize("driver", [MyDriver, f"{__name__}.MyDriver", f"{__name__}:MyDriver"])
def test_driver_by_class_and_by_path(driver: Any) -> None:
    assert type(get_driver(driver)).__name__ == "MyDriver"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mysql.extracter", "Did you mean 'mysql.extractor'"),
        (
            "nowhere.at.all.Driver",
            rf"^There is no driver 'nowhere\.at\.all\.Driver'\. {INSTALLED}$",
        ),
        (
            "tests.nowhere.Driver",
            rf"^There is no driver 'tests\.nowhere\.Driver'\. {INSTALLED}$",
        ),
        (f"{__name__}.Missing", "There is no driver"),
        (f"{__name__}.FAMILIES", "There is no driver"),
        (f"{__name__}.NoDriver", "has no run"),
        ("", "There is no driver ''"),
        ("plain", "There is no driver 'plain'"),
        (":", "There is no driver ':'"),
        ("mysql.extractor\n", r"There is no driver 'mysql.extractor\?'"),
        (None, "A driver is a name such as mysql.extractor, or a class, not NoneType"),
        ([], "not list"),
    ],
)
def test_no_such_driver(name: Any, said: str) -> None:
    with pytest.raises(DriverConfigError, match=said):
        get_driver(name)


@pytest.mark.parametrize("missing", ["no_such_module_at_all", "broken_driver"])
def test_broken_import_inside_a_driver_says_so(missing: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_driver_module.py").write_text(f"import {missing}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DriverConfigError, match=rf"Driver' \(No module named '{missing}'\)\. {INSTALLED}$"):
        get_driver("broken_driver_module.Driver")


def test_listing_drivers_imports_nothing_heavy() -> None:
    code = """
import sys
from osiris_provider.drivers.registry import driver_names, get_driver
for name in driver_names():
    get_driver(name)
heavy = {"pyarrow", "pymysql", "psycopg2", "duckdb", "requests", "pandas", "polars", "airflow"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
