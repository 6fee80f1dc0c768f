"""The pictures of the documentation: ``PICTURES=docs/img scripts/test-browser -k picture`` renews them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import connection_id_of, to_airflow
from playwright.sync_api import Locator, Page, expect

from tests.airflow.connections import EVERY_FIELD, FAMILIES
from tests.browser.conftest import HEIGHT, WIDTH
from tests.browser.connections.page import ConnectionsPage
from tests.browser.connections_file import ConnectionsFile
from tests.browser.health.asset_page import unfold_events
from tests.browser.world import World
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

SMALL = 250_000
"""Bytes that a picture may have."""
TALL = 3600
"""Pixels that hold any form with all of its extra fields."""
TakePicture = Callable[..., None]


@pytest.fixture
def take_picture(page: Page, tmp_path: Path) -> TakePicture:
    """Take a picture of the page, or of a part of it."""
    directory = Path(os.environ.get("PICTURES", tmp_path))

    def take(name: str, part: Page | Locator = page) -> None:
        picture = part.screenshot(path=directory / f"{name}.png", animations="disabled", caret="hide")
        assert len(picture) < SMALL

    return take


def test_picture_of_a_form(connections_page: ConnectionsPage, take_picture: TakePicture) -> None:
    form = connections_page.add("osiris_mysql_shop", "mysql")
    fields = {"host": "shop-db.example.com", "database": "shop", "user": "reader", "password": "not this one"}
    form.fill({**fields, "ssl": True})
    form.change_description("Orders of the shop, read only")
    expect(form.dialog.get_by_text("Database", exact=True)).to_be_visible()
    take_picture("connection-form")
    form.open_section("Extra Fields")
    expect(form.dialog.get_by_text(get_connector("mysql").declared()["ssl"].info.help)).to_be_visible()
    take_picture("connection-form-extra")


@pytest.mark.parametrize("family", FAMILIES)
def test_picture_of_the_extra_fields(family: str, connections_page: ConnectionsPage, take_picture: TakePicture) -> None:
    page = connections_page.page
    page.set_viewport_size({"width": WIDTH, "height": TALL})
    form = connections_page.add(connection_id_of(family, "default"), family)
    form.fill(EVERY_FIELD[family][0])
    last = get_connector(family).model.fields()[-1]
    form.open_section("Extra Fields")
    expect(form.dialog.get_by_text(last.info.help)).to_be_in_viewport()
    page.mouse.move(0, TALL - 1)
    take_picture(f"form-{family}", form.dialog)


def test_picture_of_the_test_button(
    connections_page: ConnectionsPage, take_picture: TakePicture, admin: Rest, world: World
) -> None:
    for family in FAMILIES:
        fields = world.broken("mysql", "wrong password") if family == "mysql" else world.healthy[family]
        attributes = to_airflow(family, fields)
        named = {"connection_id": connection_id_of(family, "shop"), "extra": json.dumps(attributes["extra"])}
        admin.post("/connections", {**attributes, **named})
    connections_page.open()
    title, _, _ = connections_page.test("osiris_mysql_shop")
    assert title == "Test Connection Failed"
    take_picture("test-connection")


def test_picture_of_health(
    page: Page,
    airflow: AirflowServer,
    admin: Rest,
    connections_file: ConnectionsFile,
    world: World,
    take_picture: TakePicture,
) -> None:
    for name in ("well", "wrong password", "closed port", "well"):
        fields = world.healthy["mysql"] if name == "well" else world.broken("mysql", name)
        connections_file.write({"mysql": {"orders": fields}})
        admin.finished("osiris_health", admin.trigger("osiris_health"))
    uri = "osiris://mysql/orders"
    number = admin.asset(uri)
    # The schedule may have made one more.
    until(lambda: len(admin.get("/assets/events", asset_id=number)["asset_events"]) >= 4, "events of all checks")
    page.goto(f"{airflow.origin}/assets/{number}")
    assert "network" in unfold_events(page, 3)
    page.mouse.move(0, HEIGHT - 1)
    take_picture("health")


def test_picture_of_the_log_of_a_failing_step(
    page: Page,
    airflow: AirflowServer,
    admin: Rest,
    connections_file: ConnectionsFile,
    world: World,
    take_picture: TakePicture,
) -> None:
    connections_file.write({"mysql": {"orders": world.healthy["mysql"]}})
    run_id = admin.trigger("orders")
    assert admin.finished("orders", run_id) == "failed"
    page.goto(f"{airflow.origin}/dags/orders/runs/{quote(run_id, safe='')}/tasks/extract")
    summary = page.get_by_text("AirflowFailException: Step extract")
    expect(summary).to_be_visible()
    # Without the traceback: its paths are those of the machine that takes the picture.
    summary.click()
    expect(page.get_by_text("site-packages").first).to_be_hidden(timeout=10_000)
    # Long lines wrapped.
    page.keyboard.press("w")
    expect(summary).to_have_css("white-space", re.compile("pre-wrap"), timeout=3000)
    page.mouse.move(0, HEIGHT - 1)
    take_picture("failing-step")
