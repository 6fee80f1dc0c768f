"""Faults of JSON APIs."""

from __future__ import annotations

from functools import partial

from tests.faults.http import scenarios, to_honest, world_of
from tests.servers.apis.fake_api import FakeApi

TOKEN = "the token of the fault tests"

world = world_of(
    "api",
    lambda origin: {"base_url": f"{origin}/v1", "token": TOKEN, "health_path": "me"},
    lambda: FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}),
    {"token": "another token"},
)

SCENARIOS = scenarios(
    "api",
    {"endless body": "credentials_not_checked", "10 GB body": "credentials_not_checked"},
    [("answers without credentials too", "credentials_not_checked", partial(to_honest, health_path="public"))],
)
