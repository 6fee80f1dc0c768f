"""Runs of an incremental step, one after the other."""
