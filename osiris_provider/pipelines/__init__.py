"""Pipelines: a YAML of steps that becomes a DAG, or runs in one process. Nothing here imports Airflow."""

from osiris_provider.pipelines.pipeline import load_pipeline
from osiris_provider.pipelines.run import run_pipeline

__all__ = ["load_pipeline", "run_pipeline"]
