"""Hostile HTTP servers."""
