"""Clouds and what runs in them."""
