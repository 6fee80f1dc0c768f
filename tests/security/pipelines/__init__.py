"""Pipelines of people who are not trusted."""
