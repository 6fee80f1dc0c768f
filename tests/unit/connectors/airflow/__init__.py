"""Connections of any type."""
