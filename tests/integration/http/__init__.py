"""Families that speak HTTP, against servers that answer as told."""
