"""Hostile PostgreSQL servers."""
