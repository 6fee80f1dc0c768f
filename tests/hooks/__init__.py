"""Checks of connections by the hooks of many providers, on their servers or on imitations of them."""
