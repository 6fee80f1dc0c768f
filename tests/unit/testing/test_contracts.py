"""What is shipped for the tests of third parties: how it is imported, and what it says when something is missing."""

from __future__ import annotations

import ast
import base64
import subprocess
import sys
from pathlib import Path

import pytest
from osiris_provider import testing
from osiris_provider.testing import NetworkContract, assert_silent, plugin

WITHOUT = """\
import sys
sys.modules["{package}"] = None
from osiris_provider.testing import ConnectorContract
"""


@pytest.mark.parametrize("package", ["hypothesis", "pytest"])
def test_a_missing_package_is_told_with_the_extra(package: str) -> None:
    code = WITHOUT.format(package=package)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: osiris_provider.testing needs {package}: pip install 'airflow-provider-osiris[testing]'"
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchContract'"):
        _ = testing.NoSuchContract


def test_pytest_rewrites_the_assertions_of_every_module_that_has_some() -> None:
    assert testing.__file__
    paths = Path(testing.__file__).parent.glob("*.py")
    asserting = {path.stem for path in paths if any(isinstance(node, ast.Assert) for node in ast.walk(parsed(path)))}
    assert asserting == set(plugin.MODULES)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


FORGETFUL = """\
from osiris_provider.testing import BaseConnectorContract, DriverContract

class TestConnector(BaseConnectorContract):
    {connector}

class TestDriver(DriverContract):
    {driver}
"""


@pytest.mark.parametrize(
    ("connector", "driver", "said"),
    [
        ("pass", "pass", ["TestConnector: set family = …", "TestDriver: set driver_name = …"]),
        (
            "family = 'duckdb'",
            "driver_name = 'duckdb.extractor'",
            ["TestConnector: set connection = …", "TestDriver: set config = …"],
        ),
        ("family = 'acme'", "driver_name = 'acme.extractor'", ["Unknown family 'acme'", "acme.extractor"]),
    ],
    ids=["nothing", "names", "not installed"],
)
def test_what_was_forgotten_is_named(connector: str, driver: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(FORGETFUL.format(connector=connector, driver=driver), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    select = ["-k", "healthy_connection or config_is_left", str(tmp_path)]
    done = subprocess.run([*command, *select], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [words for words in said if words not in done.stdout] == [], done.stdout


@pytest.mark.parametrize("secret", ["pw", "secret", "s3cret!"])
def test_a_short_secret_is_not_seen_where_it_is_not(secret: str) -> None:
    assert_silent(secret, "hello", ValueError("hello"))
    with pytest.raises(AssertionError, match="the secret is in what was shown"):
        assert_silent(secret, f"it is {secret}")


def test_a_secret_behind_a_user_name_in_base64_is_seen() -> None:
    for user in ("u", "us", "use"):
        with pytest.raises(AssertionError, match="the secret is in what was shown"):
            assert_silent("longer-secret", base64.b64encode(f"{user}:longer-secret".encode()).decode())


def test_a_connection_without_host_and_port_needs_at() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"override at\(\)"):
        NetworkContract().at({"family": "duckdb"}, "127.0.0.1", 1)
