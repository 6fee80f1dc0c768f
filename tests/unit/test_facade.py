"""What ``from osiris_provider import …`` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import osiris_provider
import pytest
from osiris_provider import hook_doctor, pipelines, testing
from osiris_provider.lazy import attach

FACADES = (osiris_provider, hook_doctor, pipelines, testing)
"""Packages that import a name when it is first asked for."""


@pytest.mark.parametrize(
    ("facade", "name"),
    [(facade, name) for facade in FACADES for name in sorted(set(facade.__all__) - {"__version__"})],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_name_is_that_of_the_module_which_defines_it(facade: ModuleType, name: str) -> None:
    value = getattr(facade, name)
    assert value.__name__ == name
    assert value.__module__.startswith(f"{facade.__name__}.")
    assert getattr(facade, name) is value
    assert name in dir(facade)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"osiris_provider.*resolve_connexion"):
        _ = osiris_provider.resolve_connexion
    with pytest.raises(ImportError):
        from osiris_provider import resolve_connexion  # noqa: F401 - must not exist


def test_importing_the_package_imports_nothing_that_it_offers() -> None:
    code = (
        "import sys, osiris_provider; print(sorted(name for name in sys.modules if name.startswith('osiris_provider')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['osiris_provider', 'osiris_provider.lazy']"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose modules need others that are not there."""
    folder = tmp_path / "lacking_much"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "some.py").write_text("import not_there_but_optional\n")
    (folder / "other.py").write_text("import not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


@pytest.mark.parametrize(
    ("name", "missing", "said"),
    [
        ("Some", "not_there_but_optional", "lacking_much needs .*: pip install 'airflow-provider-osiris.extra.'$"),
        ("Other", "not_there", "No module named 'not_there'$"),
    ],
)
def test_what_an_extra_installs_is_said_of_nothing_else(package: str, name: str, missing: str, said: str) -> None:
    modules = {"Some": "some", "Other": "other"}
    ask, _ = attach(package, modules, "extra", {"not_there_but_optional"})
    with pytest.raises(ModuleNotFoundError, match=said) as caught:
        ask(name)
    assert caught.value.name == missing
