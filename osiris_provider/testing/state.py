"""A store of state in memory for tests of incremental drivers: every run succeeds at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from osiris_provider.drivers.incremental.cursor import CursorValue, RunRange


@dataclass
class MemoryState:
    """Keeps the cursor value of one source.

    :param low: at which the next run begins.
    :param high: up to which it reads.
    """

    low: CursorValue | None = None
    high: CursorValue | None = None
    sources: list[tuple[str, str]] = field(default_factory=list)
    advanced: int = 0

    def begin(self, source: str, column: str) -> RunRange:
        self.sources.append((source, column))
        return RunRange(self.low, self.high)

    def advance(self, value: CursorValue | None) -> None:
        self.low = value
        self.advanced += 1
