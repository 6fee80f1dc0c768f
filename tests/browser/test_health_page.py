"""The page *Connections health* and the warning on Airflow's home, as people see them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import HEIGHT, WIDTH
from tests.browser.health_fleet import story_events, utc_now
from tests.servers.airflow import AirflowServer
from tests.servers.health_events import engine_of, write_events

PATH = "/plugin/connections-health"
PHONE = {"width": 390, "height": 844}
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def health_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """An API server under a path of its own, with a month of checks."""
    with AirflowServer(None, tmp_path_factory.mktemp("no_dags"), components=("api-server",)) as server:
        for uri, events in story_events(utc_now()):
            write_events(engine_of(server), uri, events)
        yield server


@pytest.fixture
def open_page(browser: Browser, health_server: AirflowServer) -> Iterator[OpenPage]:
    """Open a page as a user, or as nobody."""
    contexts: list[BrowserContext] = []

    def open_page(path: str = PATH, user: str | None = "viewer", *, dark: bool = False, narrow: bool = False) -> Page:
        size = PHONE if narrow else {"width": WIDTH, "height": HEIGHT}
        context = browser.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            locale="en-GB",
            timezone_id="UTC",
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        if user:
            cookie = {"name": "_token", "value": health_server.rest(user).token, "url": health_server.origin}
            context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": cookie["url"]}])
        page = context.new_page()
        page.goto(health_server.origin + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def take(tmp_path: Path) -> Callable[[Page, str], None]:
    """Take a picture, to be looked at: ``PICTURES=docs/img scripts/test-browser -k health_page`` keeps them."""
    directory = Path(os.environ.get("PICTURES", tmp_path))

    def take(page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        page.screenshot(path=directory / f"{name}.png", animations="disabled", caret="hide")

    return take
