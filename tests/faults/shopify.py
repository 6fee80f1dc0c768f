"""Faults of Shopify shops."""

from __future__ import annotations

from functools import partial

from tests.faults.http import answered, scenarios, status_only, world_of
from tests.servers.fake_shopify import FakeShopify

TOKEN = "the access token of the fault tests"

world = world_of(
    "shopify",
    lambda origin: {"shop_domain": origin, "access_token": TOKEN},
    lambda: FakeShopify(TOKEN),
    {"access_token": "another token"},
)

SCENARIOS = scenarios(
    "shopify",
    # An address is no domain of a shop.
    {"status 404": "no_such_shop", "no route": "misconfigured"},
    [
        (f"status {status}", fault, partial(answered, mood=status_only(status)))
        for status, fault in ((402, "shop_frozen"), (423, "shop_locked"), (430, "security_rejection"))
    ],
)
