"""The page *Connections health* in Airflow's UI, and the warning on its home.

Nothing here is imported before someone asks for the page, but for what Airflow wants to know at its start.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from osiris_provider import __version__
from osiris_provider._airflow.compat import conf
from osiris_provider.plugins.health.app import LazyApp

__all__ = ["fastapi_apps", "react_apps"]

PREFIX = "/osiris/health"
ROUTE = "connections-health"
PAGE = "Connections health"
WARNING = "Connections health warning"
"""Names of the two components; ``page.js`` has them too."""


def fastapi_apps() -> list[dict[str, Any]]:
    """Return what Airflow's API server mounts."""
    return [{"app": LazyApp(), "url_prefix": PREFIX, "name": "Osiris: connections health"}]


def react_apps() -> list[dict[str, Any]]:
    """Return the components that Airflow's UI loads.

    Airflow 3.1 and 3.2 import ``bundle_url`` as it is, from a script that is somewhere else, so that only a whole path
    leads there: with the path under which users reach Airflow.
    """
    base = urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")
    static = f"{base}{PREFIX}/static/{__version__}"
    page = {"name": PAGE, "bundle_url": f"{static}/page.js"}
    icons = {"icon": f"{static}/icon.svg", "icon_dark_mode": f"{static}/icon-dark.svg"}
    return [
        {**page, **icons, "destination": "nav", "category": "browse", "url_route": ROUTE},
        {**page, "name": WARNING, "destination": "dashboard"},
    ]
