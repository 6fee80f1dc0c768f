"""The driver protocol of upstream Osiris."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from osiris_provider.drivers.base import Driver
from osiris_provider.drivers.step import RunContext
from osiris_provider.pipelines.dialects import Dialect, frames_of
from osiris_provider.pipelines.run.scratch import Scratch
from osiris_provider.runtime.results import data_of


class UpstreamDriver:
    """Runs a class that may follow the driver protocol of upstream Osiris.

    :param driver: of that class.
    :param dialect: of the pipeline.
    """

    def __init__(self, driver: Driver, dialect: Dialect) -> None:
        self._driver = driver
        self._dialect = dialect

    def run(
        self, *, step_id: str, config: dict[str, Any], inputs: Mapping[str, Mapping[str, Any]], ctx: RunContext
    ) -> dict[str, Any]:
        """Do the work of a step; see :meth:`Driver.run`."""
        context = UpstreamContext(ctx)
        result: Any = self._driver.run(
            step_id=step_id,
            config=config,
            inputs=UpstreamInputs(inputs, self._dialect),
            ctx=cast("RunContext", context),
        )
        data = data_of(result)
        if isinstance(data, Iterator):
            # Files of the directory may be read until the stream has ended.
            return {**(result if isinstance(result, Mapping) else {}), "data": _held(data, context)}
        return cast("dict[str, Any]", result)


def _held(chunks: Iterator[Any], context: UpstreamContext) -> Iterator[Any]:
    yield from chunks
    context.close()


class UpstreamInputs(Mapping[str, Any]):
    """Results of the steps before, as upstream's drivers ask for them; a frame is made when it is asked for.

    :param inputs: by name; each is there by that name too, as this package has it.
    :param dialect: of the pipeline. In this package's own, the frames are there for those who ask for them, but are not
        listed: a driver of this package's protocol finds what it was promised.
    """

    def __init__(self, inputs: Mapping[str, Mapping[str, Any]], dialect: Dialect) -> None:
        self._inputs = inputs
        self._is_own = dialect == "osiris"
        self._frames = frames_of(inputs)
        if len(inputs) == 1:
            self._frames["df"] = self._frames["input_df"] = next(iter(inputs))

    def __getitem__(self, name: str) -> Any:
        if name in self._inputs and (self._is_own or name not in ("df", "input_df")):
            return self._inputs[name]
        return self._inputs[self._frames[name]]["df"]

    def __contains__(self, name: object) -> bool:
        return name in self._inputs or name in self._frames

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs if self._is_own else {**self._inputs, **self._frames})

    def __len__(self) -> int:
        return len(list(iter(self)))


class UpstreamContext:
    """What upstream promises drivers: ``output_dir`` and ``log_metric`` with any keywords.

    :param ctx: of the runner of the step.
    """

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        self._folder: Scratch | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    @property
    def output_dir(self) -> Path:
        """A directory for files of this step; it is removed when the step has ended."""
        if self._folder is None:
            self._folder = Scratch()
        return self._folder.path

    def log_metric(self, name: str, value: float, **kw: Any) -> None:
        """Report a figure; keywords beside ``unit`` and ``tags`` become tags."""
        unit, tags = kw.pop("unit", None), kw.pop("tags", None) or {}
        self._ctx.log_metric(name, value, unit=unit, tags={**tags, **{key: str(said) for key, said in kw.items()}})

    def close(self) -> None:
        """Remove the directory."""
        if self._folder is not None:
            self._folder.close()
