"""The guide to adding a family works as it stands."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.documents import blocks_of
from tests.architecture.redis_server import RedisServer
from tests.architecture.source import ROOT

PASSWORD = "p@ss word/é"
CONFTEST = """\
import os
import pytest

@pytest.fixture
def redis_server():
    return os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"]), os.environ["REDIS_PASSWORD"]
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
    for block in blocks_of("docs/adding-a-family.md"):
        assert block.path, "every block of the guide names its file"
        (site / block.path).parent.mkdir(exist_ok=True)
        (site / block.path).write_text(block.code, encoding="utf-8")
    install(site)
    (site / "conftest.py").write_text(CONFTEST)
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
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
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


def test_it_keeps_the_contract(server: RedisServer, site: Path) -> None:
    options = [
        "-q",
        "--import-mode=importlib",
        "--override-ini=addopts=",
        f"--rootdir={site}",
        "-p",
        "no:cacheprovider",
    ]
    done = run(server, site, "-m", "pytest", *options, "test_redis.py")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
