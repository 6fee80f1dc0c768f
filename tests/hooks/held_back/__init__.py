"""Faults that the tables of codes were not written against, in sets."""
