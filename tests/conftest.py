"""Settings and fixtures for all tests."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import fsspec
import hypothesis
import pytest

from tests.examples import FIRST_FAILURE, PROFILE
from tests.servers import Address, MariaDBServer, MySQLFamilyServer, MySQLServer, PostgresServer
from tests.servers.kinds import parametrize_servers
from tests.servers.process import OF_TESTS, Server, memory
from tests.servers.s3 import S3Server
from tests.servers.templates import VARIABLE, make_or_copy_airflow
from tests.worker_count import worker_count

REPOSITORY = Path(__file__).resolve().parent.parent
END_OF_CERTIFICATE = "-----END CERTIFICATE-----\n"
_frozen = {"modules": 0}
"""How many modules there were when garbage was last looked for among all that has been imported."""
SLOW_ROOMS = ("browser", "hooks", "leaks", "scheduler", "workers")
"""Folders whose tests take minutes, and the markers that they get: pytest tests -m "not browser"."""


def python_path(directory: Path) -> str:
    """Return the environment's PYTHONPATH with a directory more, which comes first."""
    paths = [str(directory), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.pathsep.join(dict.fromkeys(paths))


def _isolate() -> None:
    """Keep the developer's settings out; Airflow reads its own once, when it is first imported."""
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
    foreign = ("AIRFLOW_", "_AIRFLOW_", "OSIRIS_", "PG", "NO_COLOR", "FORCE_COLOR", "COLUMNS", *bundles)
    for name in [name for name in os.environ if name.startswith(foreign)]:
        del os.environ[name]
    home = tempfile.mkdtemp(prefix="osiris-airflow-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    # One public authority stands for all: to read those of the machine takes 25 ms of a processor for each TLS context.
    authority = Path(home, "authority.pem")
    authority.write_text(certifi.contents().partition(END_OF_CERTIFICATE)[0] + END_OF_CERTIFICATE)
    os.environ.update(
        SSL_CERT_FILE=str(authority),
        SSL_CERT_DIR=home,
        AIRFLOW_HOME=home,
        AIRFLOW__CORE__DAGS_FOLDER=str(REPOSITORY / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__TEST_CONNECTION="Enabled",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        # A dumb terminal, or none, is shown no live progress.
        TERM="xterm-256color",
    )


def _look_for_garbage_of_duckdb() -> None:
    """Let go of what has been left out, if DuckDB is among it: it says on stderr what of it has stayed to the end."""
    if "duckdb" in sys.modules:
        gc.unfreeze()
    else:
        gc.freeze()


def _end_soon() -> None:
    """Have this process, and each that it starts, look for no garbage when it ends; see :mod:`sitecustomize` there."""
    atexit.register(_look_for_garbage_of_duckdb)
    os.environ["PYTHONPATH"] = python_path(REPOSITORY / "tests" / "startup")


def _share_templates() -> None:
    """Have all processes of a test run, which inherit the environment, make each kind of data directory once."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="osiris-templates-", dir=memory())
        atexit.register(shutil.rmtree, os.environ[VARIABLE], ignore_errors=True)


_isolate()
# A process that was started in the background ignores it, and so would those that tests start to interrupt them.
signal.signal(signal.SIGINT, signal.default_int_handler)
_end_soon()
_share_templates()
# Importing and collecting makes millions of objects that stay, and looking for garbage among them finds nothing.
gc.disable()
# How long an example takes says more about what else the machine does. Each run has the same examples, so that what
# fails is the change's. To look for others: HYPOTHESIS_PROFILE=search scripts/test tests/field
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("search", deadline=None, max_examples=400)
# Where it is enough that an example fails, no smaller one is looked for.
phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
hypothesis.settings.register_profile(FIRST_FAILURE, deadline=None, derandomize=True, max_examples=40, phases=phases)
hypothesis.settings.load_profile(PROFILE)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what has been collected out of every look for garbage, which would take half a second each."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Start more processes than there are processors: a part of the time, tests wait for others."""
    del config
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return worker_count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of family ``mysql`` on more than one kind of server, and take no parameters without an order."""
    parametrize_servers(metafunc)
    for marker in metafunc.definition.iter_markers("parametrize"):
        if any(isinstance(values, set | frozenset) for values in (*marker.args, *marker.kwargs.values())):
            message = f"{metafunc.definition.nodeid} has a set of parameters: each worker would number them otherwise"
            raise pytest.UsageError(message)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the slow rooms by their room."""
    slow = {room: str(REPOSITORY / "tests" / room) + os.sep for room in SLOW_ROOMS}
    for item in items:
        for room, folder in slow.items():
            if str(item.path).startswith(folder):
                item.add_marker(room)


@pytest.fixture(scope="module", autouse=True)
def imports_stay() -> None:
    """Leave what the files before have imported, such as Airflow, out of every look for garbage of this one."""
    if len(sys.modules) >= _frozen["modules"] + 100:
        gc.collect()
        gc.freeze()
        _frozen["modules"] = len(sys.modules)


@pytest.fixture(autouse=True)
def environment_stays() -> Iterator[None]:
    """Fail a test that leaves the environment other than it was, which the next one would read."""
    before = _environment()
    yield
    after = _environment()
    if after == before:
        return
    for name in after.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    pytest.fail(f"the test left these in the environment: {', '.join(changed)}")


def _environment() -> dict[str, str]:
    """Return the environment without what changes in it by itself: pytest's, and polars', which its import sets."""
    environment = dict(os.environ)
    for name in ("PYTEST_CURRENT_TEST", "_RJEM_MALLOC_CONF"):
        environment.pop(name, None)
    return environment


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Create Airflow's metadata database (SQLite, in the tests' own AIRFLOW_HOME)."""
    from airflow.utils.db import upgradedb

    make_or_copy_airflow(Path(os.environ["AIRFLOW_HOME"], "airflow.db"), upgradedb)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """A MariaDB server for the whole session; take ``mysql_database`` to have a database of your own on it."""
    with MariaDBServer() as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MySQLServer]:
    """A MySQL server for the whole session; take ``mysql_database`` to have a database of your own on it."""
    with MySQLServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session; take ``postgres_database`` for a database of your own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server for the whole session; take ``s3`` to have it empty."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """An S3 server with an empty bucket, and the environment in which clients of AWS find it."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    s3_server.clear()
    return s3_server


@pytest.fixture
def new_s3_client() -> Iterator[None]:
    """Have fsspec make a new client, which reads the environment again."""
    clients = fsspec.get_filesystem_class("s3")
    clients.clear_instance_cache()
    yield
    clients.clear_instance_cache()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root can mount a file system; /dev/full and a limit stand in for it")
    command = [mount, "-t", "tmpfs", "-o", "size=2m", "osiris-tests", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount says {done.stderr.strip()}; /dev/full and a limit stand in for it")
    yield directory
    subprocess.run([umount, directory], check=True)


@pytest.fixture
def mysql_family(request: pytest.FixtureRequest) -> MySQLFamilyServer:
    """A server that family ``mysql`` talks to; the marks of ``tests.servers.kinds`` say which ones."""
    # A test that asks for it while it runs was not parametrized.
    server: MySQLFamilyServer = request.getfixturevalue(getattr(request, "param", "mariadb"))
    return server


@pytest.fixture
def mysql_database(mysql_family: MySQLFamilyServer) -> Iterator[Address]:
    """A fresh database on ``mysql_family``, dropped afterwards, and the account that owns it."""
    with fresh_database(mysql_family) as address:
        yield address


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[Address]:
    """A fresh PostgreSQL database, dropped afterwards, and the account that owns it."""
    with fresh_database(postgres) as address:
        yield address


@contextmanager
def fresh_database(server: Server) -> Iterator[Address]:
    """Lend a fresh database on a server, dropped afterwards, and the account that owns it."""
    name = f"{OF_TESTS}{uuid.uuid4().hex}"
    server.create_database(name)
    yield server.app_on(name)
    server.drop_database(name)
