"""Pipelines in one process, without Airflow."""
