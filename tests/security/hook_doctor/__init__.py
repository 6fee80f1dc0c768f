"""Hooks that do what no hook should."""
