"""Pipelines: a YAML of steps that becomes a DAG, or runs in one process. Nothing here imports Airflow."""
