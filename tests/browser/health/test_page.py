"""The page *Connections health* and the warning on Airflow's home, as people see them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect

from tests.browser.conftest import HEIGHT, WIDTH
from tests.browser.health.fleet import HOSTILE, stories, story_events, utc_now
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.health_events import Event, engine_of, report, write_events
from tests.servers.airflow.rest import Rest

SUBPATH = "/team/airflow"
PATH = "/plugin/connections-health"
DESK: ViewportSize = {"width": WIDTH, "height": HEIGHT}
PHONE: ViewportSize = {"width": 390, "height": 844}
LISTING = "**/osiris/health/connections*"
COMES_BACK = "document.dispatchEvent(new Event('visibilitychange'))"
"""As when people come back to the tab."""
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def health_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """An API server under a path, as behind a proxy, with a month of checks."""
    server = AirflowServer(None, tmp_path_factory.mktemp("no_dags"), components=("api-server",))
    server.environment["AIRFLOW__API__BASE_URL"] = server.origin + SUBPATH
    with server:
        for uri, events in story_events(utc_now()):
            write_events(engine_of(server), uri, events)
        yield server


@cache
def _token(server: AirflowServer, user: str) -> str:
    return Rest(server.origin + SUBPATH, user).token


@pytest.fixture
def open_page(browser: Browser, health_server: AirflowServer) -> Iterator[OpenPage]:
    """Open a page as a user, or as nobody."""
    contexts: list[BrowserContext] = []

    def open_page(path: str = PATH, user: str | None = "viewer", size: ViewportSize = DESK, dark: bool = False) -> Page:
        scheme = {"color_scheme": "dark" if dark else "light"}
        context = browser.new_context(viewport=size, locale="en-GB", timezone_id="UTC", **scheme)  # type: ignore[arg-type] # one of the two
        contexts.append(context)
        if user:
            context.add_cookies([{"name": "_token", "value": _token(health_server, user), "url": health_server.origin}])
        page = context.new_page()
        page.goto(health_server.origin + SUBPATH + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def rows_of(page: Page) -> list[str]:
    page.locator(".osh-row").first.wait_for()
    return [str(row.get_attribute("data-reference")) for row in page.locator(".osh-row").all()]


def test_the_fleet_at_a_glance(open_page: OpenPage) -> None:
    page = open_page()
    assert rows_of(page)[:5] == [
        "@mysql.shop",
        "@supabase.crm",
        "@postgres.replica",
        "@api.payments",
        "@airflow.pagerduty",
    ]
    expect(page.get_by_role("status")).to_have_text("4 of 12 connections are unhealthy")
    tiles = [" ".join(tile.all_inner_texts()) for tile in [page.locator(f".osh-tile >> nth={n}") for n in range(7)]]
    assert [tile.split() for tile in tiles] == [
        ["1", "auth"],
        ["1", "permission"],
        ["1", "network"],
        ["1", "timeout"],
        ["1", "not", "tested"],
        ["7", "healthy"],
        ["1", "expiring", "soon"],
    ]
    shop = page.locator("[data-reference='@mysql.shop']")
    expect(shop).to_contain_text("shop-db.example.com:3306 does not accept this user and password.")
    expect(shop).to_contain_text("for 3 h")
    warehouse = page.locator("[data-reference='@postgres.warehouse']")
    expect(warehouse).to_contain_text("TLS certificate of dwh.example.com:5432 expires in 12 days")
    expect(page.locator(".osh-row", has_text="credentials not proven")).to_have_count(1)
    # The whole month, once it has been read.
    expect(page.locator(".osh-waiting")).to_have_count(0)
    # Three hours in a row may be of two days.
    checks = dict(story_events(utc_now()))["osiris://mysql/shop"]
    sick = len({event.at.date() for event in checks if not event.extra["ok"]})
    expect(shop.get_by_role("img", name=f"{sick} days of 30 with unhealthy checks")).to_be_visible()


def test_links_lead_to_asset_run_and_log(open_page: OpenPage) -> None:
    page = open_page()
    rows_of(page)
    row = page.locator("[data-reference='@mysql.shop']")
    run = f"{SUBPATH}/dags/osiris_health/runs/scheduled__"
    targets = {link.inner_text(): str(link.get_attribute("href")) for link in row.get_by_role("link").all()}
    assert targets["Asset"].startswith(f"{SUBPATH}/assets/")
    assert targets["Run"].startswith(run)
    assert targets["Log"].startswith(run)
    assert targets["Log"].endswith("/tasks/doctor")


def test_filter_and_sort(open_page: OpenPage) -> None:
    page = open_page()
    rows_of(page)
    page.get_by_role("button", name="1 network").click()
    assert rows_of(page) == ["@postgres.replica"]
    page.get_by_role("button", name="1 network").click()
    page.get_by_label("Filter").fill("ORDERS mysql")
    assert rows_of(page) == ["@mysql.orders"]
    page.get_by_label("Filter").fill("")
    page.get_by_label("Sort").select_option("Lowest uptime")
    assert rows_of(page)[0] == "@supabase.crm"
    page.get_by_label("Filter").fill("nothing is like this")
    expect(page.get_by_text("No connection is like that.")).to_be_visible()


def test_what_is_shown_is_exported(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    rows_of(page)
    page.get_by_label("Filter").fill("mysql")
    for kind in ("JSON", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind).click()
        assert download.value.suggested_filename.startswith("connections-health-")
        download.value.save_as(tmp_path / kind)
    exported = json.loads((tmp_path / "JSON").read_text(encoding="utf-8"))
    with (tmp_path / "CSV").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    mysql = ["shop", "billing", "orders"]
    assert [one["alias"] for one in exported["connections"]] == mysql
    assert [(one["family"], one["alias"]) for one in table] == [("mysql", alias) for alias in mysql]
    assert "Check both; the server does not say" in table[0]["message"]


def test_a_page_a_connection(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="@mysql.orders").click()
    expect(page.get_by_role("heading", name="@mysql.orders")).to_be_visible()
    expect(page.get_by_text("server version: 10.11.18-MariaDB → 10.11.19-MariaDB")).to_be_visible()
    expect(page.get_by_role("img", name="Latency by hour")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="@mysql.shop").click()
    changes = page.locator(".osh-change")
    expect(changes).to_have_count(4)
    expect(changes.first).to_contain_text("was healthy for 8 d")
    page.reload()
    expect(page.locator(".osh-change")).to_have_count(4)
    page.get_by_role("link", name="All connections").click()
    assert len(rows_of(page)) == len(stories(utc_now()))


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_the_menu_leads_there(open_page: OpenPage, user: str) -> None:
    page = open_page("/", user)
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Connections health").click()
    assert rows_of(page)


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_the_home_warns(open_page: OpenPage, user: str) -> None:
    page = open_page("/", user)
    warning = page.get_by_role("alert").filter(has_text="4 of 12 connections are unhealthy")
    expect(warning).to_contain_text(
        "@mysql.shop (auth), @supabase.crm (permission), @postgres.replica (network), 1 more"
    )
    warning.get_by_role("link", name="Connections health").click()
    assert rows_of(page)


def test_the_home_says_nothing_while_all_is_well(open_page: OpenPage) -> None:
    page = open_page("/plugins")

    def all_well(route: Route) -> None:
        answer: dict[str, Any] = route.fetch().json()
        counts = {**dict.fromkeys(answer["counts"], 0), "ok": answer["total"]}
        route.fulfill(json={**answer, "counts": counts, "connections": []})

    page.route(LISTING, all_well)
    with page.expect_response(LISTING):
        page.get_by_test_id("nav-home-link").click()
    expect(page.get_by_text("Pool Slots")).to_be_visible()
    expect(page.locator(".osh-warning")).to_have_count(0)


def test_nobody_is_sent_to_the_login(open_page: OpenPage) -> None:
    page = open_page(user=None)
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.locator(".osh")).to_have_count(0)


def test_what_a_peer_says_is_text(open_page: OpenPage, health_server: AirflowServer) -> None:
    engine = engine_of(health_server)
    message = report("unknown", message=HOSTILE, details={"fault": "odd"})
    healthy = report(details={"server_version": HOSTILE})
    uri = "osiris://mysql/%3Cimg%20src%3Dx%3E"
    number = write_events(engine, uri, [Event(utc_now(), extra) for extra in (healthy, message)])
    try:
        page = open_page(f"{PATH}/{number}")
        expect(page.get_by_role("heading", name="<img src=x>")).to_be_visible()
        expect(page.locator("header .osh-message")).to_have_text(HOSTILE)
        page.get_by_role("link", name="All connections").click()
        expect(page.locator(".osh-row", has_text=HOSTILE)).to_be_visible()
        expect(page.locator(".osh img")).to_have_count(0)
        expect(page.locator(".osh script")).to_have_count(0)
        assert page.title() != "owned"
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM asset_event WHERE asset_id = :number"), {"number": number})


def test_an_airflow_that_does_not_answer_leaves_what_is_known(open_page: OpenPage) -> None:
    page = open_page()
    known = rows_of(page)
    page.route(LISTING, lambda route: route.abort())
    page.evaluate(COMES_BACK)
    expect(page.get_by_role("alert")).to_contain_text("Airflow does not answer. What is shown is of just now.")
    assert rows_of(page) == known


def test_a_page_that_people_come_back_to_asks_once_a_minute(open_page: OpenPage) -> None:
    page = open_page()
    page.clock.install()
    page.add_init_script(
        "globalThis.asked = 0; const ask = fetch;"
        "globalThis.fetch = (url, how) => { asked += String(url).includes('osiris/health'); return ask(url, how); }"
    )
    waiting: list[Route] = []

    def wait(route: Route) -> None:
        waiting.append(route)

    page.route(LISTING, wait)
    with page.expect_request(LISTING):
        page.reload()
    for _ in range(2):
        with page.expect_request(LISTING):
            page.evaluate(COMES_BACK)
    answer = {**waiting[-1].fetch().json(), "complete": True}
    for route in waiting:
        route.fulfill(json=answer)
    rows_of(page)
    page.clock.run_for(60_000)
    assert page.evaluate("asked") == 1 + 2 + 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": "<!doctype html>", "content_type": "text/html"}, "What answers is not Airflow"),
        ({"status": 401}, "You are not logged in any more."),
        ({"status": 403}, "You may not read assets"),
        ({"status": 502}, "Airflow answers with status 502."),
        (None, "Airflow does not answer."),
    ],
    ids=["login", "401", "403", "502", "silence"],
)
def test_an_answer_that_is_none_is_said(open_page: OpenPage, answer: dict[str, Any] | None, said: str) -> None:
    page = open_page("/plugins")
    # Its own minute can be made to be over.
    page.add_init_script(
        "AbortSignal.timeout = () => { const stop = new AbortController();"
        "globalThis.endMinute = () => stop.abort(new DOMException('', 'TimeoutError')); return stop.signal; }"
    )
    page.route(LISTING, lambda route: route.fulfill(**answer) if answer else None)
    with page.expect_request(LISTING):
        page.goto(page.url.replace("/plugins", PATH))
    page.evaluate("endMinute()")
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_moments_are_in_the_time_zone_that_airflow_shows(open_page: OpenPage) -> None:
    page = open_page()
    titles = page.locator(".osh-when time")
    rows_of(page)
    before = titles.first.get_attribute("title")
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Tokyo'))")
    page.reload()
    rows_of(page)
    expect(titles.first).not_to_have_attribute("title", str(before))
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('UTC'))")
    page.reload()
    rows_of(page)
    expect(titles.first).to_have_attribute("title", str(before))


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("page", DESK, False), ("page-dark", DESK, True), ("page-narrow", PHONE, False)],
)
def test_pictures_of_the_page(name: str, size: ViewportSize, dark: bool, open_page: OpenPage, tmp_path: Path) -> None:
    directory = Path(os.environ.get("PICTURES", tmp_path))
    page = open_page(size=size, dark=dark)
    rows_of(page)
    expect(page.locator(".osh-waiting")).to_have_count(0)
    _picture(page, directory / f"health-{name}.png")
    page.get_by_role("link", name="@mysql.shop").click()
    expect(page.locator(".osh-change")).to_have_count(4)
    # The documentation has this one in the light theme only.
    _picture(page, (directory if name == "page" else tmp_path) / "health-connection.png")
    # Nothing is wider than the window.
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_picture_of_the_home(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/", size={"width": WIDTH, "height": 420})
    expect(page.locator(".osh-warning")).to_be_visible()
    expect(page.get_by_text("MetaDatabase")).to_be_visible()
    _picture(page, Path(os.environ.get("PICTURES", tmp_path)) / "health-home.png")


def _picture(page: Page, path: Path) -> None:
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled", caret="hide")
