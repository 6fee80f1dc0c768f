"""The same verdict wherever users meet it: command line, Test button, sensor and operator (CONN-009, 010, 020)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.cli.main import main
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.connections import SECRETS
from tests.airflow.versions import hook_class
from tests.servers import Address, entry
from tests.servers.apis.fake_api import FakeApi
from tests.servers.apis.fake_shopify import FakeShopify
from tests.servers.apis.fake_supabase import FakeSupabase

TOKEN = "t0ken-of-the-test"
WRONG = "wrong-canary-4711"
TIMEOUT = 1.0
SILENT = {"mysql": "port", "postgres": "port", "api": "base_url", "shopify": "shop_domain", "supabase": "url"}
EXPECTED = {"healthy": "ok", "wrong": "auth", "silent": "timeout"}
TASKS = {f"@{family}.{alias}": f"{family}_{alias}" for family in SECRETS for alias in EXPECTED}
"""The connections, and the tasks that ask for them."""


@pytest.fixture
def healthy(mysql_database: Address, postgres_database: Address) -> Iterator[dict[str, dict[str, Any]]]:
    """The fields of a connection of each family that is well."""
    with (
        FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}) as api,
        FakeShopify(TOKEN) as shopify,
        FakeSupabase(TOKEN, "anon") as supabase,
    ):
        yield {
            "mysql": entry(mysql_database),
            "postgres": entry(postgres_database),
            "api": {"base_url": f"{api.origin}/v1", "token": TOKEN, "health_path": "me"},
            "shopify": {"shop_domain": shopify.origin, "access_token": TOKEN},
            "supabase": {"url": supabase.origin, "service_role_key": TOKEN},
        }


@pytest.fixture
def file(healthy: dict[str, dict[str, Any]], connections_file: ConnectionsFile) -> Iterator[Path]:
    """A file with a connection of each family that is well, one with a wrong secret, and one to a silent listener."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:
        port = listener.getsockname()[1]
        actual = {}
        for family, fields in healthy.items():
            where = port if SILENT[family] == "port" else f"http://127.0.0.1:{port}"
            wrong, silent = {**fields, SECRETS[family]: WRONG}, {**fields, SILENT[family]: where}
            actual[family] = {"healthy": fields, "wrong": wrong, "silent": silent}
        yield connections_file(actual)


Verdict = tuple[str, str, str]
"""Category, fault and message."""


def of_report(report: dict[str, Any]) -> Verdict:
    return report["category"], report["details"].get("fault", "ok"), report["message"]


def of_reports(reports: list[dict[str, Any]]) -> dict[str, Verdict]:
    return {f"@{report['family']}.{report['alias']}": of_report(report) for report in reports}


def on_the_command_line(file: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, Verdict]:
    code = main(["connections", "doctor", "--json", "--timeout", str(TIMEOUT), "--file", str(file)])
    assert code == 1
    return of_reports(json.loads(capfd.readouterr().out)["connections"])


def of_operator(run_dag: RunDag) -> dict[str, Verdict]:
    with DAG("everywhere_doctor", schedule=None) as dag:
        OsirisDoctorOperator(task_id="doctor", check_timeout=TIMEOUT)
    run = run_dag(dag)
    assert run.state == "failed"
    return of_reports(run.xcom("doctor"))


def of_sensors(run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> str:
    """Have a sensor for each connection, and return what they said."""
    with DAG("everywhere_sensor", schedule=None) as dag:
        for reference, task in TASKS.items():
            OsirisHealthcheckSensor(
                task_id=task, connection=reference, check_timeout=TIMEOUT, timeout=0.1, poke_interval=0.05
            )
    capfd.readouterr()
    run = run_dag(dag)
    expected = {"healthy": "success", "wrong": "failed", "silent": "failed"}
    assert run.states == {task: expected[task.partition("_")[2]] for task in TASKS.values()}
    for family in SECRETS:
        assert run.xcom(f"{family}_healthy")["category"] == "ok"
        assert run.xcom(f"{family}_wrong")["category"] == "auth"
    return capfd.readouterr().out


def of_test_buttons() -> dict[str, tuple[bool, str]]:
    """Press all of them at once."""
    hooks = {reference: hook_class(f"osiris_{reference[1:].partition('.')[0]}")(reference) for reference in TASKS}
    with ThreadPoolExecutor(len(hooks)) as pool:
        pressed = pool.map(lambda hook: hook.test_connection(), hooks.values())
        return dict(zip(hooks, pressed, strict=True))


def test_the_same_verdict_everywhere(
    file: Path, run_dag: RunDag, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__DOCTOR_TIMEOUT", str(TIMEOUT))
    told = on_the_command_line(file, capfd)
    assert {reference: verdict[0] for reference, verdict in told.items()} == {
        reference: EXPECTED[reference.partition(".")[2]] for reference in TASKS
    }
    assert of_operator(run_dag) == told
    pressed = of_test_buttons()
    for reference, (ok, message) in pressed.items():
        assert ok is reference.endswith(".healthy")
        assert message.startswith(told[reference][2])
    said = of_sensors(run_dag, capfd)
    for reference, (category, _, message) in told.items():
        assert f"{reference} is {category}: {message}" in said
    assert WRONG not in f"{told}{pressed}{said}"
