"""Pipelines: a YAML of steps that becomes a DAG, or runs in one process. Nothing here imports Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osiris_provider.lazy import attach

if TYPE_CHECKING:
    from osiris_provider.pipelines.pipeline import load_pipeline
    from osiris_provider.pipelines.run import run_pipeline

__all__ = ["load_pipeline", "run_pipeline"]

# A DAG file reads pipelines and runs none.
__getattr__, __dir__ = attach(__name__, {"load_pipeline": "pipeline", "run_pipeline": "run"})
