"""docs/health.md, "From nothing to a watched fleet", done as it is written.

It starts an Airflow without any DAG, which takes a minute. So it runs on the newest version only: the guide is the same
for all, and the nightly workflow tries the page itself on the older ones.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import HEIGHT, WIDTH
from tests.conftest import REPOSITORY
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import until

GUIDE = (REPOSITORY / "docs" / "health.md").read_text()


@pytest.fixture(scope="module")
def new_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """An Airflow with the package, a connections file, and as yet no DAG; new DAGs are paused, as by default."""
    home = tmp_path_factory.mktemp("osiris")
    shop, away = {"path": str(home / "shop.duckdb")}, {"path": str(home / "no such" / "away.duckdb")}
    written = {"version": 1, "connections": {"duckdb": {"shop": shop, "away": away}}}
    (home / "osiris_connections.yaml").write_text(yaml.safe_dump(written))
    settings = {"OSIRIS_HOME": str(home), "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
    components = ("api-server", "scheduler", "dag-processor")
    with AirflowServer(None, tmp_path_factory.mktemp("dags"), settings, components) as server:
        yield server


@pytest.fixture
def new_page(browser: Browser, new_airflow: AirflowServer) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
    context.add_cookies([{"name": "_token", "value": new_airflow.rest().token, "url": new_airflow.origin}])
    yield context.new_page()
    context.close()


def test_from_nothing_to_a_watched_fleet(new_airflow: AirflowServer, new_page: Page) -> None:
    page = new_page
    # 1. The package is installed: the page is in the menu, and says that there are no checks yet.
    page.goto(new_airflow.origin)
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Connections health").click()
    expect(page.get_by_role("heading", name="No checks yet")).to_be_visible()

    # 2. The DAG of the repository, copied.
    (named,) = re.findall(r"\*\*Copy \[`[^`]+`\]\(\.\./(dags/\w+\.py)\)\*\*", GUIDE)
    dags = Path(new_airflow.environment["AIRFLOW__CORE__DAGS_FOLDER"])
    shutil.copy(REPOSITORY / named, dags)
    admin = new_airflow.rest()
    until(lambda: admin.ask("GET", "/dags/osiris_health").ok, "DAG osiris_health", 90)

    # 3. Unpaused: after its first run each connection has a row, and the home warns.
    page.goto(f"{new_airflow.origin}/dags/osiris_health")
    page.get_by_test_id("toggle-pause").click()
    (run,) = until(lambda: admin.get("/dags/osiris_health/dagRuns")["dag_runs"], "first run", 90)
    assert admin.finished("osiris_health", str(run["dag_run_id"])) == "failed", "one connection is not healthy"
    page.goto(f"{new_airflow.origin}/plugin/connections-health")
    expect(page.locator(".osh-row")).to_have_count(2)
    page.goto(new_airflow.origin)
    expect(page.get_by_role("alert").filter(has_text="1 of 2 connections is unhealthy")).to_be_visible()
