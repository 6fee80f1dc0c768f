"""The routes of the page of health in a real API server, and the command that asks them: who may, and the answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import sqlalchemy as sa

from tests.airflow.health.test_command import run
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.health_events import Event, engine_of, report, write_events

Served = tuple[AirflowServer, dict[str, int]]
"""A server, and the numbers of its assets."""
ROUTES = ("connections", "connections?unhealthy=true", "connections/1")
SUBPATH = "/team/airflow"
HOSTILE = "<script>alert(1)</script>[bold]\x1b[2J\u202e"
SHOWN = "<script>alert(1)</script>[bold]"


def _write(engine: sa.Engine) -> dict[str, int]:
    """Write a small fleet, and around it whatever else may be there."""
    now = datetime.now(timezone.utc)

    def hourly(*extras: Any) -> list[Event]:
        return [Event(now - timedelta(hours=ago), extra) for ago, extra in enumerate(reversed(extras))]

    odd = ("[]", '"ok"', {"category": "ok", "latency_ms": "1; DROP TABLE x"})
    numbers = {
        "shop": write_events(
            engine, "osiris://mysql/shop", hourly(report(), report("auth"), report("auth", message=HOSTILE))
        ),
        "dwh": write_events(engine, "osiris://postgres/dwh", hourly(report(latency_ms=7.5), report(latency_ms=8.5))),
    }
    for odd_text in odd:
        write_events(engine, "osiris://mysql/odd", hourly(odd_text), name=str(odd_text))
    for other in ("osiris://mysql/shop/recovered", "osiris://postgres/dwh/orders", "osiris://MYSQL/x", "s3://bucket/x"):
        write_events(engine, other, hourly(report("network")))
    write_events(engine, "osiris://mysql/eventless", [])
    return numbers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An API server with events; what it asks of its database, test_store.py does on each kind of database."""
    with AirflowServer(None, tmp_path_factory.mktemp("no_dags"), components=("api-server",)) as server:
        yield server, _write(engine_of(server))


def ask(server: AirflowServer, path: str, **arguments: Any) -> requests.Response:
    return requests.get(f"{server.origin}/osiris/health/{path}", timeout=60, **arguments)


@cache
def token_of(server: AirflowServer, user: str) -> str:
    return server.rest(user).token


def as_user(server: AirflowServer, path: str, user: str = "viewer") -> Any:
    answer = ask(server, path, headers={"Authorization": f"Bearer {token_of(server, user)}"})
    answer.raise_for_status()
    return answer.json()


def complete_listing(server: AirflowServer, user: str = "viewer") -> Any:
    """Ask until all days have been read; a busy machine reads few within the time of an answer."""
    for _ in range(30):
        listing = as_user(server, "connections", user)
        if listing["complete"]:
            return listing
    raise AssertionError(listing)


def test_nobody_gets_nothing(server: Served) -> None:
    bad = {"Authorization": "Bearer not.a.token"}
    for path in (*ROUTES, "static/0/page.js", "static/0/icon.svg"):
        assert ask(server[0], path).status_code == 401
        assert ask(server[0], path, headers=bad).status_code == 403
        assert ask(server[0], path, cookies={"_token": "not.a.token"}).status_code in (401, 403)


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "static/0/..%2fapp.py", "static/0/app.py", ""])
def test_there_are_no_other_routes(server: Served, path: str) -> None:
    token = token_of(server[0], "admin")
    assert ask(server[0], path, headers={"Authorization": f"Bearer {token}"}).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_routes_only_read(server: Served, method: str) -> None:
    token = {"Authorization": f"Bearer {server[0].rest('admin').token}"}
    for path in ROUTES:
        url = f"{server[0].origin}/osiris/health/{path}"
        assert requests.request(method, url, headers=token, timeout=60).status_code == 405


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_who_may_read_assets_reads_health(server: Served, user: str) -> None:
    airflow, numbers = server
    listing = complete_listing(airflow, user)
    rows = {one["reference"]: one for one in listing["connections"]}
    assert list(rows) == ["@mysql.shop", "@mysql.odd", "@postgres.dwh"]
    assert (listing["total"], listing["counts"]["auth"], listing["counts"]["ok"]) == (3, 1, 2)
    shop = rows["@mysql.shop"]
    assert (shop["asset_id"], shop["fault"], shop["since_is_exact"]) == (numbers["shop"], "some_auth", True)
    assert shop["run"] == {**shop["run"], "dag_id": "osiris_health", "task_id": "doctor", "map_index": -1}
    assert rows["@postgres.dwh"]["latencies"] == [7.5, 8.5]
    assert rows["@mysql.odd"]["latency_ms"] is None
    sick = as_user(airflow, "connections?unhealthy=true", user)
    assert [one["reference"] for one in sick["connections"]] == ["@mysql.shop"]
    assert sick["total"] == 3


def test_the_whole_month_comes_in_a_few_answers(server: Served) -> None:
    listing = complete_listing(server[0])
    assert len(listing["days"]) == 30
    assert {len(one["days"]) for one in listing["connections"]} == {30}


def test_a_session_of_the_user_interface_will_do(server: Served) -> None:
    cookie = {"_token": token_of(server[0], "viewer")}
    answer = ask(server[0], "connections", cookies=cookie)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    script = ask(server[0], "static/0/page.js", cookies=cookie)
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server[0], "static/0/icon.svg", cookies=cookie).headers["Content-Type"] == "image/svg+xml"
    assert ask(server[0], "static/0/nothing.js", cookies=cookie).status_code == 404


def test_one_connection_with_what_changed(server: Served) -> None:
    airflow, numbers = server
    answer = as_user(airflow, f"connections/{numbers['shop']}")
    assert answer["connection"]["reference"] == "@mysql.shop"
    assert [(one["category"], one["was"]) for one in answer["changes"]] == [("auth", "ok"), ("ok", None)]
    assert [one["category"] for one in answer["checks"]] == ["auth", "auth", "ok"]
    assert answer["checks"][0]["message"] == SHOWN
    assert len(answer["days"]) == len(answer["connection"]["days"]) == 30


@pytest.mark.parametrize("number", ["999999", "99999999999999999999", "0"])
def test_what_is_no_connection_is_not_found(server: Served, number: str) -> None:
    token = token_of(server[0], "viewer")
    path = f"connections/{number}"
    assert ask(server[0], path, headers={"Authorization": f"Bearer {token}"}).status_code == 404


def test_the_user_interface_hears_of_page_and_warning(server: Served) -> None:
    plugins = server[0].rest("viewer").get("/plugins")["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "osiris"]
    assert [(app["name"], app["destination"]) for app in ours["react_apps"]] == [
        ("Connections health", "nav"),
        ("Connections health warning", "dashboard"),
    ]
    cookie = {"_token": token_of(server[0], "viewer")}
    for app in ours["react_apps"]:
        assert requests.get(server[0].origin + app["bundle_url"], cookies=cookie, timeout=60).status_code == 200


def test_the_command_shows_the_fleet_as_a_table(server: Served) -> None:
    done = run(api_url=server[0].origin, api_user="viewer", api_password="viewer")
    assert done.returncode == 1
    heads, _, shop, odd, dwh = done.stdout.splitlines()
    assert heads.split("  ")[0] == "connection"
    assert shop.startswith("@mysql.shop")
    assert shop.endswith(SHOWN)
    assert "33.33 %" in shop
    assert odd.startswith("@mysql.odd")
    assert dwh.startswith("@postgres.dwh")
    assert "100 %" in dwh
    assert done.stderr.startswith("2 of 3 healthy; history since ")


def test_the_command_shows_the_fleet_as_json(server: Served) -> None:
    done = run("--url", server[0].origin, "--json", "--unhealthy", api_token=token_of(server[0], "viewer"))
    answer = json.loads(done.stdout)
    assert [one["reference"] for one in answer["connections"]] == ["@mysql.shop"]
    assert (answer["total"], answer["complete"], len(answer["days"])) == (3, True, 30)


def test_a_wrong_password_is_told_and_not_shown(server: Served) -> None:
    done = run(api_url=server[0].origin, api_user="viewer", api_password="wrong-canary-4711")
    assert done.returncode == 3
    assert "does not accept" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_a_wrong_token_is_told_and_not_shown(server: Served) -> None:
    done = run("--json", api_url=server[0].origin, api_token="canary.canary.canary")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["message"]
    assert "canary" not in done.stdout + done.stderr


PLUGIN_ALONE = """
import json, sys
import airflow.plugins_manager
before = "fastapi" in sys.modules
from osiris_provider.plugins.connection_test import OsirisPlugin
health = "osiris_provider.plugins.health."
found = [name for name in sys.modules if name.startswith(health) and name != health + "app"]
fastapi = (before, "fastapi" in sys.modules)
print(json.dumps([found, fastapi, [app["bundle_url"] for app in OsirisPlugin.react_apps]]))
"""


def test_a_plugin_that_nobody_asks_loads_nothing_and_under_a_path_its_scripts_are_below_it() -> None:
    environment = {**os.environ, "AIRFLOW__API__BASE_URL": f"https://airflow.example.com{SUBPATH}/"}
    command = [sys.executable, "-W", "ignore", "-c", PLUGIN_ALONE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=True)
    loaded, (before, after), urls = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
    assert before is after
    assert {urlsplit(url).path.startswith(f"{SUBPATH}/osiris/health/static/") for url in urls} == {True}
