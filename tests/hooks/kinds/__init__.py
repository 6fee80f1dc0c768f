"""Faults of the kinds that were missed once, for more types than the one that showed it."""
