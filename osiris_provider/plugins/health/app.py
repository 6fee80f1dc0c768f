"""The routes of the page. Each asks who calls, before anything else; there are no others.

What is behind them is of Airflow's events of assets, so it is for those who may read assets. The page's scripts hold no
data, but are for users only as well.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}
SCRIPTS = files("osiris_provider.plugins.health") / "static"
MAX_ID = 2**31 - 1
"""Databases refuse longer numbers, in words of their own."""
NO_STORE = {"Cache-Control": "no-store"}
CACHED = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
"""Of scripts; the version is a part of their path."""


class LazyApp:
    """An ASGI application that is made when the first request comes: every process of Airflow imports plugins."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            self._app = make_app()
        await self._app(scope, receive, send)


def make_app() -> FastAPI:
    """Return the application with its routes."""
    from airflow.api_fastapi.core_api.security import get_user, requires_access_asset
    from fastapi import Depends, FastAPI, HTTPException, Response

    from osiris_provider.plugins.health.answers import Answers
    from osiris_provider.plugins.health.events import open_events

    answers = Answers(open_events)
    of_assets = [Depends(requires_access_asset(method="GET"))]
    known = {path.name: path for path in SCRIPTS.iterdir()}
    # Without a description of the routes, and then without documents, which all may read.
    app = FastAPI(openapi_url=None)

    @app.get("/connections", dependencies=of_assets)
    def connections(unhealthy: bool = False) -> Response:
        return Response(answers.connections(unhealthy=unhealthy), media_type="application/json", headers=NO_STORE)

    # Converted by the route, so that who guards and who reads see the same number.
    @app.get("/connections/{asset_id:int}", dependencies=of_assets)
    def connection(asset_id: int) -> Response:
        answer = answers.connection(asset_id) if asset_id <= MAX_ID else None
        if answer is None:
            raise HTTPException(404, "No connection has checks under this number.")
        return Response(answer, media_type="application/json", headers=NO_STORE)

    @app.get("/static/{version}/{name}", dependencies=[Depends(get_user)])
    def static(version: str, name: str) -> Response:
        del version
        if name not in known:
            raise HTTPException(404, "There is no such file.")
        kind = TYPES[name[name.rindex(".") :]]
        return Response(known[name].read_bytes(), media_type=kind, headers=CACHED)

    return app
