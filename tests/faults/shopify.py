"""Faults of Shopify shops."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

from tests.faults.http import HttpWorld, Prepared, answered, scenarios, status_only, world_of
from tests.servers.apis.fake_shopify import FakeShopify

TOKEN = "the access token of the fault tests"

world = world_of(
    "shopify",
    lambda origin: {"shop_domain": origin, "access_token": TOKEN},
    lambda: FakeShopify(TOKEN),
    {"access_token": "another token"},
)


@contextmanager
def without_scope(world: HttpWorld) -> Prepared:
    """Connect with a token that may do nothing."""
    with FakeShopify(TOKEN) as shop:
        shop.scopes = []
        yield world.at(shop.origin)


SCENARIOS = scenarios(
    "shopify",
    # An address is no domain of a shop.
    {"status 404": "no_such_shop", "no route": "misconfigured", "redirects in a circle": "redirected_post"},
    [
        ("token without a scope", "no_scope", without_scope),
        *[
            (f"status {status}", fault, partial(answered, mood=status_only(status)))
            for status, fault in ((402, "shop_frozen"), (423, "shop_locked"), (430, "security_rejection"))
        ],
    ],
)
