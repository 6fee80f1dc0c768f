"""Connectors, without a network."""
