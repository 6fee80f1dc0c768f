"""Loads that are killed, and their retries: ``scripts/test-faults``."""
