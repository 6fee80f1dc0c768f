"""Pipelines as DAGs."""
