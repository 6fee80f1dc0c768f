"""Hostile MySQL servers."""
