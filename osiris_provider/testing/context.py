"""A stand-in for the runner of a step: it keeps the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from osiris_provider.drivers.incremental.cursor import IncrementalState


@dataclass(frozen=True)
class Metric:
    """A figure that a driver reported."""

    name: str
    value: float
    unit: str | None
    tags: Mapping[str, str]


@dataclass
class RecordingContext:
    """Takes what a driver reports; ``metrics`` has it in order.

    :param load_id: shared by the tries of a load.
    :param cleared_at: after which try the task was cleared.
    :param state: keeps the state of incremental steps.
    """

    metrics: list[Metric] = field(default_factory=list)
    load_id: str | None = None
    cleared_at: int = 0
    state: IncrementalState | None = None

    def log_metric(
        self, name: str, value: float, *, unit: str | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        self.metrics.append(Metric(name, value, unit, dict(tags or {})))

    def value(self, name: str) -> float:
        """The figure of that name, which was reported once."""
        [metric] = [metric for metric in self.metrics if metric.name == name]
        return metric.value
