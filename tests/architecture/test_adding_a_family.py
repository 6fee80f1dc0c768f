"""The guide to adding a family works as it stands."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import python_path
from tests.third_party.guide import write_guide
from tests.third_party.redis_server import RedisServer

PASSWORD = "p@ss word/é"
CLOSES = "        self._socket.close()"
CHECKS = "with closing(RedisClient(model, deadline)):"
AUTH = 'self.command("AUTH", model.password.get_secret_value())'
LOGS = "import logging; logging.getLogger().info('%r', model.password.get_secret_value())"
FAULTY: dict[str, dict[str, str]] = {
    "test_conn_009_leaves_nothing_open": {CHECKS: "if kept.append(RedisClient(model, deadline)) is None:"},
    "test_conn_009_rogue_peer_is_answered_in_time": {
        "open_socket(model.host, model.port, deadline)": "create_connection((model.host, model.port), 9)"
    },
    "test_conn_009_silent_listener_leaves_nothing_open": {CHECKS: "with closing(RedisClient(model, Deadline(9))):"},
    "test_conn_010_broken_line_is_network": {"EOFError": "RuntimeError"},
    "test_conn_010_wrong_credentials_are_auth": {'"wrong_password", "auth"': '"wrong_password", "unknown"'},
    "test_conn_011_doctor_shows_no_secret": {AUTH: f"{LOGS}; {AUTH}"},
    "test_conn_011_what_a_peer_says_is_not_shown": {
        'ReplyError(rest.partition(" ")[0])': "ReplyError(rest)",
        "FAULTS.get(error.code, GARBAGE)": "Fault('said', 'auth', f'{error} at {{address}}. Ask.')",
    },
    "test_conn_013_dead_client_is_replaced": {'client.command("PING") == "PONG"': "True"},
    "test_conn_014_client_that_fails_leaves_nothing_open": {
        "            self.close()\n            raise": "            kept.append(self)\n            raise"
    },
    "test_conn_014_closed_clients_hold_nothing_open": {CLOSES: "        kept.append(self._socket)"},
    "test_conn_016_dsn_carries_any_secret": {', safe="")': ")"},
    "test_conn_016_redacted_dsn_does_not_depend_on_the_secret": {'"***" if redacted else': ""},
}
"""Tests of the contract, each with a mistake in the guide's connector that it has to see."""
TEST_FAULTY = """\
import importlib
import pytest
from osiris_provider.testing import resources
from test_redis import TestRedisConnector as Right

# What is left open here stays so: seven tests would wait for it to be closed.
resources.SECONDS = 0.2

def with_mistake(number):
    class Faulty(Right):
        @pytest.fixture
        def connector(self):
            connector = importlib.import_module(f"faulty_{number}").RedisConnector()
            yield connector
            connector.close_all()

    return Faulty

"""
RUN_A_STEP = """\
import json
from osiris_provider.connections import resolve_connection
from osiris_provider.drivers import get_driver
from osiris_provider.testing import RecordingContext

config = {"resolved_connection": resolve_connection("@redis.default"), "names": ["greeting", "nothing"]}
result = get_driver("redis.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())
print(json.dumps(result["data"].read_all().to_pylist()))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(PASSWORD) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the guide's package is installed."""
    site = tmp_path_factory.mktemp("site")
    write_guide(site)
    install(site)
    return site


def install(site: Path) -> None:
    """Do what an installer does with the metadata: no build tools are needed for that."""
    pyproject = configparser.ConfigParser(delimiters=("=",))
    pyproject.read(site / "pyproject.toml")
    info = site / "airflow_provider_osiris_redis-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: airflow-provider-osiris-redis\nVersion: 0.1.0\n")
    lines = []
    for section in pyproject.sections():
        if section.startswith("project.entry-points."):
            group = section.removeprefix("project.entry-points.").strip('"')
            lines += [
                f"[{group}]",
                *(f"{name} = {value}".replace('"', "") for name, value in pyproject[section].items()),
            ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run(server: RedisServer, site: Path, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "PYTHONPATH": python_path(site),
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(server.server_address[1]),
        "REDIS_PASSWORD": password,
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=site, env=environ, capture_output=True, text=True, check=False
    )


def test_conn_020_doctor_knows_the_family(server: RedisServer, site: Path) -> None:
    command = ["-m", "osiris_provider", "connections", "doctor", "@redis.default", "--json"]
    report = json.loads(run(server, site, *command).stdout)
    assert (report["ok"], report["category"]) == (True, "ok")
    report = json.loads(run(server, site, *command, password="wrong").stdout)
    assert (report["ok"], report["category"]) == (False, "auth")


def test_conn_021_list_and_schema_know_the_family(server: RedisServer, site: Path) -> None:
    listed = run(server, site, "-m", "osiris_provider", "connections", "list", "--json").stdout
    assert json.loads(listed) == [{"family": "redis", "alias": "default", "host": "127.0.0.1", "default": True}]
    assert "redis" in json.loads(run(server, site, "-m", "osiris_provider", "connections", "schema").stdout)["$defs"]


def test_the_driver_works(server: RedisServer, site: Path) -> None:
    done = run(server, site, "-c", RUN_A_STEP)
    assert json.loads(done.stdout) == [{"name": "greeting", "value": "hello"}, {"name": "nothing", "value": None}]


def test_airflow_knows_the_connection_type(server: RedisServer, site: Path) -> None:
    code = (
        "from osiris_redis.hook import OsirisRedisHook\n"
        "from osiris_redis.provider_info import get_provider_info\n"
        "print(get_provider_info()['connection-types'][0]['connection-type'])\n"
        "print(OsirisRedisHook('@redis.default').test_connection())"
    )
    kind, tested = run(server, site, "-c", code).stdout.splitlines()[-2:]
    assert kind == "osiris_redis"
    assert tested.startswith("(True, 'Connection successful")


def run_contract(server: RedisServer, site: Path, *arguments: str) -> str:
    options = ["-q", "-rf", "--tb=line", "-p", "no:cacheprovider", f"--rootdir={site}", "--override-ini=addopts="]
    return run(server, site, "-m", "pytest", *options, *arguments).stdout


def test_it_keeps_the_contract(server: RedisServer, site: Path) -> None:
    said = run_contract(server, site, "test_redis.py")
    assert re.search(r"^[6-9]\d passed", said, re.MULTILINE), said


def test_the_contract_sees_every_mistake(server: RedisServer, site: Path) -> None:
    connector = (site / "osiris_redis" / "connector.py").read_text(encoding="utf-8")
    classes, wanted = [], []
    for number, (test, mistake) in enumerate(FAULTY.items()):
        code = connector
        for right, wrong in mistake.items():
            assert right in code
            code = code.replace(right, wrong)
        (site / f"faulty_{number}.py").write_text(
            f"{code}\n\nfrom socket import create_connection\nkept: list[Any] = []\n", encoding="utf-8"
        )
        classes.append(f"Test{number} = with_mistake({number})\n")
        wanted.append(f"test_faulty.py::Test{number}::{test}")
    (site / "test_faulty.py").write_text(TEST_FAULTY + "".join(classes), encoding="utf-8")
    said = run_contract(server, site, *wanted)
    failed = set(re.findall(r"^FAILED ([^\s\[]+)", said, re.MULTILINE))
    assert [test for test in wanted if test not in failed] == [], said
