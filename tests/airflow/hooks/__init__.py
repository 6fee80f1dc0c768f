"""Hooks, and the common SQL provider on them."""
