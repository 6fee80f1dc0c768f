"""Running a pipeline in one process."""

from osiris_provider.pipelines.run.result import Outcome, RunResult
from osiris_provider.pipelines.run.runner import Run, RunOptions, run_pipeline

__all__ = ["Outcome", "Run", "RunOptions", "RunResult", "run_pipeline"]
