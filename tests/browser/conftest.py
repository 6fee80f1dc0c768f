"""One running Airflow for all tests of this directory, and a browser in front of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.connections.page import ConnectionsPage
from tests.browser.connections_file import ConnectionsFile
from tests.browser.metrics import MetricsServer
from tests.browser.resolver import Resolver
from tests.browser.world import World, running_world
from tests.conftest import REPOSITORY
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
MAX_WAIT = 90_000
"""Milliseconds that a page may take for what it shows; a busy machine needs some."""
WIDTH, HEIGHT = 1280, 800


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    if any(here in item.path.parents for item in session.items) and not Path(CHROMIUM).exists():
        # Before an Airflow is started for nothing.
        message = f"{CHROMIUM} is missing. scripts/test-browser installs it as root; or: apt-get install chromium"
        pytest.exit(message, returncode=1)


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory, mariadb: MariaDBServer, postgres: PostgresServer
) -> Iterator[World]:
    """The servers behind the connections."""
    with running_world(tmp_path_factory.mktemp("world"), mariadb, postgres) as world:
        yield world


@pytest.fixture(scope="session")
def osiris_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the connections file that the running Airflow sees."""
    return tmp_path_factory.mktemp("osiris")


@pytest.fixture(scope="session")
def connections_file(osiris_home: Path) -> ConnectionsFile:
    """The connections file of the running Airflow."""
    return ConnectionsFile(osiris_home)


@pytest.fixture(scope="session")
def metrics() -> Iterator[MetricsServer]:
    """Where Airflow sends its metrics."""
    with MetricsServer() as server:
        yield server


@pytest.fixture(scope="session")
def airflow(
    postgres: PostgresServer, osiris_home: Path, metrics: MetricsServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowServer]:
    """A running Airflow with the DAGs of this directory and the health DAG of the repository."""
    postgres.create_database("airflow")
    dags = tmp_path_factory.mktemp("dags")
    for file in (*Path(__file__).with_name("dags").glob("*.py"), REPOSITORY / "dags" / "osiris_health.py"):
        (dags / file.name).symlink_to(file)
    settings = {
        "OSIRIS_HOME": str(osiris_home),
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(metrics.port),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        # A triggerer that was killed is given up after so many seconds.
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
    }
    with AirflowServer(postgres.app_on("airflow"), dags, settings) as server:
        yield server


@pytest.fixture(scope="session")
def admin(airflow: AirflowServer) -> Rest:
    """The REST API as an administrator."""
    return airflow.rest("admin")


@pytest.fixture(scope="session")
def resolver(airflow: AirflowServer) -> Iterator[Resolver]:
    """What hooks make of Airflow's connections, in a process of that Airflow."""
    with Resolver(airflow) as resolver:
        yield resolver


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The distribution's Chromium, without a window."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=MAX_WAIT)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser: Browser, airflow: AirflowServer, admin: Rest) -> Iterator[BrowserContext]:
    """A browser that is logged in; one for all tests, so that it keeps Airflow's scripts."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
    context.set_default_timeout(MAX_WAIT)
    context.add_cookies([{"name": "_token", "value": admin.token, "url": airflow.origin}])
    context.tracing.start(snapshots=True)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of the browser. If the test fails, a trace of all that it did is kept."""
    failed_before = request.session.testsfailed
    context.tracing.start_chunk()
    page = context.new_page()
    yield page
    page.close()
    _stop_tracing(context, request.node.name if request.session.testsfailed > failed_before else None)


@pytest.fixture
def connections_page(page: Page, airflow: AirflowServer, admin: Rest) -> ConnectionsPage:
    """Admin > Connections, with none there: the buttons of a long list lie under toasts."""
    for connection in admin.get("/connections")["connections"]:
        admin.delete(f"/connections/{connection['connection_id']}")
    connections_page = ConnectionsPage(page, airflow.origin)
    connections_page.open()
    return connections_page


def _stop_tracing(context: BrowserContext, failed: str | None) -> None:
    if failed is None:
        context.tracing.stop_chunk()
        return
    path = Path(tempfile.gettempdir()) / "osiris-browser-traces" / f"{failed.replace('/', '_')}.zip"
    context.tracing.stop_chunk(path=path)
    print(f"To see what the browser saw: .venv/bin/playwright show-trace {path}")  # noqa: T201 - shown with the failure
