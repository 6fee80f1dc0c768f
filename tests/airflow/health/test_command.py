"""``osiris health``: what it says without a server; test_routes.py asks a real one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing of this environment that would tell it who asks."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OSIRIS"))}
    environment = {**kept, **{f"AIRFLOW__OSIRIS__{name.upper()}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "osiris_provider", "health", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Where is Airflow? Give --url"),
        ({"api_url": "http://127.0.0.1:1"}, "Who asks? Set AIRFLOW__OSIRIS__API_TOKEN"),
        ({"api_url": "localhost:8080", "api_token": "t"}, "error: --url, or api_url of section osiris, is not a URL"),
        ({"api_url": "http://127.0.0.1:1", "api_token": "token-of-nobody"}, "127.0.0.1:1"),
    ],
)
def test_what_is_missing_is_said(settings: dict[str, str], said: str) -> None:
    done = run(**settings)
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_secret_is_taken_from_the_command_line() -> None:
    helped = run("--help").stdout
    assert "--token" not in helped
    assert "--password" not in helped
    assert run("--password", "x").returncode == 2


def test_airflow_knows_which_options_are_secret() -> None:
    code = (
        "from airflow.configuration import conf; from airflow.providers_manager import ProvidersManager; "
        "ProvidersManager().initialize_providers_configuration(); "
        "print(sorted(name for section, name in conf.sensitive_config_values if section == 'osiris'))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.splitlines()[-1] == "['api_password', 'api_token']"
