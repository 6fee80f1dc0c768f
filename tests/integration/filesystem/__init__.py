"""Drivers of local files."""
