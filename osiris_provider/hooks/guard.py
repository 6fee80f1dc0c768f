"""Whether the process that tests a connection keeps stored secrets to where they belong."""

from __future__ import annotations

import sys

ROUTES = "airflow.api_fastapi.core_api.routes.public.connections"
MERGE = "update_orm_from_pydantic"
"""The function with which Airflow's API fills stored secrets into a test."""
SAME_ENDPOINT = "_same_endpoint"
GUARDED = "guarded_by_osiris"
REFUSAL = (
    "Not tested: this API server does not run the plugin osiris, which keeps stored secrets from other destinations "
    "than theirs. See 'airflow plugins' and the API server's log, or use 'airflow connections test'."
)


def is_unguarded() -> bool:
    """Return whether this is an API server in which the plugin of this package does not guard tests."""
    routes = sys.modules.get(ROUTES)
    return routes is not None and not getattr(getattr(routes, MERGE, None), GUARDED, False)
