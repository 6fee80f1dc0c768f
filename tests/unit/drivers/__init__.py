"""Drivers, without a server."""
