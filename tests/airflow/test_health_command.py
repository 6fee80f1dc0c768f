"""``osiris health``: the page of health on the command line, from a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from tests.servers.airflow import AirflowServer
from tests.servers.health_events import Event, engine_of, report, write_events

HOSTILE = "refused [bold]\x1b[2J\u202e"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """An API server with two connections, one of them down."""
    now = datetime.now(timezone.utc)
    with AirflowServer(None, tmp_path_factory.mktemp("no_dags"), components=("api-server",)) as server:
        for uri, last in (
            ("osiris://mysql/shop", report("network", message=HOSTILE)),
            ("osiris://duckdb/main", report()),
        ):
            events = [Event(now - timedelta(hours=ago, minutes=1), report()) for ago in range(50, 0, -1)]
            write_events(engine_of(server), uri, [*events, Event(now, last)])
        yield server


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing of this environment that would tell it who asks."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OSIRIS"))}
    environment = {**kept, **{f"AIRFLOW__OSIRIS__{name.upper()}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "osiris_provider", "health", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_the_fleet_as_a_table(server: AirflowServer) -> None:
    done = run(api_url=server.origin, api_user="viewer", api_password="viewer")
    assert done.returncode == 1
    heads, _, shop, duckdb = done.stdout.splitlines()
    assert heads.split("  ")[0] == "connection"
    assert shop.startswith("@mysql.shop")
    assert shop.endswith("refused [bold]")
    assert "98.03 %" in shop
    assert duckdb.startswith("@duckdb.main")
    assert "100 %" in duckdb
    assert done.stderr.startswith("1 of 2 healthy; history since ")


def test_the_fleet_as_json(server: AirflowServer) -> None:
    done = run("--url", server.origin, "--json", "--unhealthy", api_token=server.rest("viewer").token)
    answer = json.loads(done.stdout)
    assert [one["reference"] for one in answer["connections"]] == ["@mysql.shop"]
    assert (answer["total"], answer["complete"], len(answer["days"])) == (2, True, 30)


def test_a_wrong_password_is_told_and_not_shown(server: AirflowServer) -> None:
    done = run(api_url=server.origin, api_user="viewer", api_password="wrong-canary-4711")
    assert done.returncode == 3
    assert "does not accept" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_a_wrong_token_is_told_and_not_shown(server: AirflowServer) -> None:
    done = run("--json", api_url=server.origin, api_token="canary.canary.canary")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["message"]
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Where is Airflow? Give --url"),
        ({"api_url": "http://127.0.0.1:1"}, "Who asks? Set AIRFLOW__OSIRIS__API_TOKEN"),
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
