"""The same verdict wherever users meet it: command line, Test button, sensor and operator (CONN-009, 010, 020)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.cli.main import main
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.test_sensor import entry
from tests.airflow.versions import hook_class
from tests.servers.fake_api import FakeApi
from tests.servers.fake_shopify import FakeShopify
from tests.servers.fake_supabase import FakeSupabase

TOKEN = "t0ken-of-the-test"
WRONG = "wrong-canary-4711"
TIMEOUT = 1.0
SILENT = {"mysql": "port", "postgres": "port", "api": "base_url", "shopify": "shop_domain", "supabase": "url"}
SECRETS = {
    "mysql": "password",
    "postgres": "password",
    "api": "token",
    "shopify": "access_token",
    "supabase": "service_role_key",
}
EXPECTED = {"healthy": "ok", "wrong": "auth", "silent": "timeout"}


@pytest.fixture(params=list(SECRETS))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def healthy(family: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The fields of a connection that is well."""
    with ExitStack() as stack:
        if family == "api":
            server = stack.enter_context(FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}))
            yield {"base_url": f"{server.origin}/v1", "token": TOKEN, "health_path": "me"}
        elif family == "shopify":
            yield {"shop_domain": stack.enter_context(FakeShopify(TOKEN)).origin, "access_token": TOKEN}
        elif family == "supabase":
            yield {"url": stack.enter_context(FakeSupabase(TOKEN, "anon")).origin, "service_role_key": TOKEN}
        else:
            yield entry(request.getfixturevalue(f"{family}_database"))


@pytest.fixture
def file(family: str, healthy: dict[str, Any], connections_file: ConnectionsFile) -> Iterator[Path]:
    """A file with a connection that is well, one with a wrong secret, and one to a silent listener."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=16)) as listener:
        port = listener.getsockname()[1]
        where = port if SILENT[family] == "port" else f"http://127.0.0.1:{port}"
        wrong, silent = {**healthy, SECRETS[family]: WRONG}, {**healthy, SILENT[family]: where}
        yield connections_file({family: {"healthy": healthy, "wrong": wrong, "silent": silent}})


Verdict = tuple[str, str, str]
"""Category, fault and message."""


def of_report(report: dict[str, Any]) -> Verdict:
    return report["category"], report["details"].get("fault", "ok"), report["message"]


def on_the_command_line(family: str, file: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, Verdict]:
    code = main(["connections", "doctor", "--json", "--timeout", str(TIMEOUT), "--file", str(file)])
    assert code == 1
    reports = json.loads(capfd.readouterr().out)["connections"]
    assert {report["family"] for report in reports} == {family}
    return {report["alias"]: of_report(report) for report in reports}


def of_operator(family: str, run_dag: RunDag) -> dict[str, Verdict]:
    with DAG(f"everywhere_doctor_{family}", schedule=None) as dag:
        OsirisDoctorOperator(task_id="doctor", timeout=TIMEOUT)
    run = run_dag(dag)
    assert run.state == "failed"
    return {report["alias"]: of_report(report) for report in run.xcom("doctor")}


def of_sensor(family: str, run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> str:
    """Have a sensor for each connection, and return what they said."""
    with DAG(f"everywhere_sensor_{family}", schedule=None) as dag:
        for alias in EXPECTED:
            OsirisHealthcheckSensor(
                task_id=alias,
                connection=f"@{family}.{alias}",
                check_timeout=TIMEOUT,
                timeout=0.1,
                poke_interval=0.05,
            )
    capfd.readouterr()
    run = run_dag(dag)
    assert run.states == {"healthy": "success", "wrong": "failed", "silent": "failed"}
    assert run.xcom("healthy")["category"] == "ok"
    assert run.xcom("wrong")["category"] == "auth"
    return capfd.readouterr().out


def of_test_button(family: str) -> dict[str, tuple[bool, str]]:
    hook = hook_class(f"osiris_{family}")
    return {alias: hook(f"@{family}.{alias}").test_connection() for alias in EXPECTED}


def test_the_same_verdict_everywhere(
    family: str,
    file: Path,
    run_dag: RunDag,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__DOCTOR_TIMEOUT", str(TIMEOUT))
    told = on_the_command_line(family, file, capfd)
    assert {alias: verdict[0] for alias, verdict in told.items()} == EXPECTED
    assert of_operator(family, run_dag) == told
    pressed = of_test_button(family)
    assert {alias: ok for alias, (ok, _) in pressed.items()} == {"healthy": True, "wrong": False, "silent": False}
    for alias, (_, message) in pressed.items():
        assert message.startswith(told[alias][2])
    said = of_sensor(family, run_dag, capfd)
    for alias, (category, _, message) in told.items():
        assert f"@{family}.{alias} is {category}: {message}" in said
    assert WRONG not in f"{told}{pressed}{said}"
