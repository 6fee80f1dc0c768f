"""Faults of Supabase projects."""

from __future__ import annotations

from functools import partial

from tests.faults.http import scenarios, to_honest, world_of
from tests.servers.apis.fake_supabase import FakeSupabase

KEY = "the service role key of the fault tests"

world = world_of(
    "supabase",
    lambda origin: {"url": origin, "service_role_key": KEY},
    lambda: FakeSupabase(KEY, "the anon key of the fault tests"),
    {"service_role_key": "another key"},
)

SCENARIOS = scenarios(
    "supabase",
    {"endless body": "credentials_not_checked", "10 GB body": "credentials_not_checked"},
    [("schema not exposed", "schema_not_exposed", partial(to_honest, schema="hidden"))],
)
