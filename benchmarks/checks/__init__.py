"""Checks of many connections: by our own doctor, and by the hooks of other providers."""
