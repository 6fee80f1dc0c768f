"""What is tested is the installed wheel, with what it declares to need."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["osiris_provider", "osiris_provider.testing", "osiris_redis.connector"])
def test_comes_from_the_environment(name: str) -> None:
    file = import_module(name).__file__
    assert file
    assert Path(file).is_relative_to(sys.prefix)


def test_the_source_tree_is_not_on_the_path() -> None:
    assert [path for path in sys.path if (Path(path) / "pyproject.toml").exists()] == []


def test_the_plugin_of_pytest_is_loaded(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.get_plugin("osiris")


@pytest.mark.parametrize("group", ["osiris_provider.connectors", "osiris_provider.drivers"])
def test_entry_points_load(group: str) -> None:
    points = entry_points(group=group)
    assert len(points) > 6
    assert all(point.load() for point in points)


def test_the_wheel_holds_the_package_and_the_examples_only() -> None:
    files = distribution("airflow-provider-osiris").files or []
    top = {file.parts[0] for file in files if not file.parts[0].startswith((".", "airflow_provider_osiris-"))}
    assert top == {"airflow_provider_osiris", "osiris_provider"}
    assert any(file.name == "py.typed" for file in files)
