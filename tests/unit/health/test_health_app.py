"""The routes of the page of health without a server: who is asked for, what is answered, and what is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from fastapi import HTTPException
from osiris_provider.plugins.health import answers, app
from osiris_provider.plugins.health.app import CACHED, MAX_ID, SCRIPTS, LazyApp, make_app
from starlette.testclient import TestClient


class FakeAnswers:
    """What is asked of the database."""

    asked: list[object]

    def __init__(self, _: object) -> None:
        type(self).asked = []

    def connections(self, *, unhealthy: bool) -> str:
        self.asked.append(unhealthy)
        return '{"all": true}'

    def connection(self, asset_id: int) -> str | None:
        self.asked.append(asset_id)
        return '{"one": true}' if asset_id in (7, MAX_ID) else None


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the user of each request may do; all of it, if a test takes nothing away."""
    allowed = {"assets GET", "user"}

    def guard(right: str) -> Callable[[], None]:
        def check() -> None:
            if right not in allowed:
                raise HTTPException(403)

        return check

    security = ModuleType("airflow.api_fastapi.core_api.security")
    vars(security)["requires_access_asset"] = lambda method: guard(f"assets {method}")
    vars(security)["get_user"] = guard("user")
    monkeypatch.setitem(sys.modules, security.__name__, security)
    monkeypatch.setattr(answers, "Answers", FakeAnswers)
    return allowed


def test_each_route_asks_who_calls_before_anything_else(rights: set[str]) -> None:
    client = TestClient(make_app())
    for right, paths in (("assets GET", ("connections", "connections/7")), ("user", ("static/0/page.js",))):
        rights.remove(right)
        assert [client.get(f"/{path}").status_code for path in paths] == [403] * len(paths), right
        rights.add(right)
    assert FakeAnswers.asked == []


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("connections", [False], {"all": True}),
        ("connections?unhealthy=true", [True], {"all": True}),
        ("connections/7", [7], {"one": True}),
        (f"connections/{MAX_ID}", [MAX_ID], {"one": True}),
        ("connections/8", [8], None),
        # Databases would refuse it.
        (f"connections/{MAX_ID + 1}", [], None),
        ("connections/x", [], None),
        ("docs", [], None),
        ("redoc", [], None),
        ("openapi.json", [], None),
    ],
)
@pytest.mark.usefixtures("rights")
def test_what_is_answered_is_kept_nowhere(path: str, asked: list[object], said: object) -> None:
    answer = TestClient(make_app()).get(f"/{path}")
    assert (answer.status_code, FakeAnswers.asked) == (404 if said is None else 200, asked)
    if said is not None:
        assert answer.json() == said
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")


@pytest.mark.usefixtures("rights")
def test_scripts_and_pictures_are_served_as_what_they_are_and_nothing_else() -> None:
    client = TestClient(make_app())
    kinds = {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
    for path in SCRIPTS.iterdir():
        answer = client.get(f"/static/1.2.3/{path.name}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert answer.headers["content-type"] == kinds[path.name[path.name.rindex(".") :]]
        assert CACHED.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
    for name in ("none.js", "..%2fapp.py", "app.py"):
        assert client.get(f"/static/1.2.3/{name}").status_code == 404
    assert CACHED == {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}


@pytest.mark.usefixtures("rights")
def test_the_application_is_made_once_and_only_if_someone_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[Any] = []

    def make() -> Any:
        created.append(make_app())
        return created[-1]

    monkeypatch.setattr(app, "make_app", make)
    lazy = LazyApp()
    assert created == []
    client = TestClient(lazy)
    assert [client.get(path).status_code for path in ("/connections", "/none", "/connections/7")] == [200, 404, 200]
    assert len(created) == 1
