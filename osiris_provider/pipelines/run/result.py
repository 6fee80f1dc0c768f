"""What came of a run: of each step, and the tables that the steps returned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from osiris_provider.pipelines.run.scratch import Scratch
from osiris_provider.runtime.staging import StagedData, Staging

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Self

Status = Literal["done", "given", "not written", "failed", "not run", "skipped", "left out"]
SUCCEEDED: tuple[Status, ...] = ("done", "given", "not written")


@dataclass
class Outcome:
    """What came of a step.

    :param status: ``not run`` if a step before it failed, ``skipped`` if its ``trigger_rule`` did not want it,
        ``left out`` if the run does not need it.
    :param rows: that it returned or wrote, None if that is not known.
    :param seconds: that it took.
    :param message: why it failed or was not run.
    """

    step: str
    status: Status
    rows: int | None = None
    seconds: float = 0.0
    message: str = ""
    error: BaseException | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether steps after it can run."""
        return self.status in SUCCEEDED

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "step": self.step,
            "status": self.status,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "message": self.message or None,
            "metrics": self.metrics,
        }


class RunResult(Mapping[str, "pa.Table"]):
    """The results of a run's steps as Arrow tables, by step; each is read when it is asked for.

    They lie in a directory that is removed with this object.

    :param outcomes: of all steps, in the order in which they ran.
    """

    def __init__(
        self,
        outcomes: Mapping[str, Outcome],
        staged: Mapping[str, StagedData],
        staging: Staging,
        folder: Scratch,
    ) -> None:
        self.outcomes = dict(outcomes)
        self._staged = dict(staged)
        self._staging = staging
        self._folder = folder

    @property
    def succeeded(self) -> bool:
        """Whether no step failed."""
        return not any(outcome.status == "failed" for outcome in self.outcomes.values())

    def __getitem__(self, step: str) -> pa.Table:
        return self._staging.read(self._staged[step])["table"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._staged)

    def __len__(self) -> int:
        return len(self._staged)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the results."""
        self._folder.close()
