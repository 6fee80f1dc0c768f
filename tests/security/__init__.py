"""Hostile peers, users and files: what each of them tried, and what it received."""
