"""Hooks, without a server."""
