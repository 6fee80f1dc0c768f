"""What a driver is given: a step with its config, its connection and its inputs, and what it may ask of its runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import ConfigDict

from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.model import NoBooleanNumbers
from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.data import to_reader
from osiris_provider.drivers.incremental.cursor import CursorRange, IncrementalState
from osiris_provider.errors import DriverConfigError, OsirisError
from osiris_provider.messages import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

RESOLVED = "resolved_connection"
REFERENCE = "connection"
MAX_INTEGER = 2**63 - 1
"""What is greater does not reach the libraries that count in 64 bits."""


class RunContext(Protocol):
    """What a step may ask of its runner."""

    @property
    def load_id(self) -> str | None:
        """What a retry of the same work has in common with the first try; None if there is nothing of the kind.

        A writer that finds it in the target's load ledger has written the rows already.
        """

    @property
    def state(self) -> IncrementalState | None:
        """Where the state of incremental steps is kept; None if it is not."""

    def log_metric(
        self, name: str, value: float, *, unit: str | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Report a figure.

        :param name: such as ``rows_read``.
        :param value: the figure.
        :param unit: such as ``rows``.
        :param tags: such as ``{"step": "extract_users"}``.
        """


class StepConfig(NoBooleanNumbers):
    """Base of the drivers' config models. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


Config = TypeVar("Config", bound=StepConfig)


@dataclass(frozen=True, repr=False)
class Step(Generic[Config]):
    """Everything that a driver's work needs, checked."""

    id: str
    config: Config
    connection: ResolvedConnection
    inputs: Mapping[str, Mapping[str, Any]]
    ctx: RunContext
    cursor_range: CursorRange | None = None
    """What an incremental step has to ask for; None if it asks for all."""

    def client(self) -> Any:
        """Return the open client of the step's connection; its connector closes it when the task ends.

        :raises OsirisError: as :meth:`Connector.create_client`.
        """
        return get_connector(self.connection["family"]).client(self.connection)

    @property
    def load_id(self) -> str | None:
        """The runner's :attr:`RunContext.load_id`; runners that know of none need not have it."""
        return getattr(self.ctx, "load_id", None)

    @property
    def cleared_at(self) -> int:
        """The number of the try after which somebody last had the same work done again on purpose; 0 if no one did."""
        return int(getattr(self.ctx, "cleared_at", 0))

    def metric(self, name: str, value: float, unit: str = "rows") -> None:
        """Report a figure of this step."""
        self.ctx.log_metric(name, value, unit=unit, tags={"step": self.id})

    def input_name(self, named: str | None = None) -> str:
        """Return the id of the step whose result is the input.

        :param named: the one that the config names; needed if there are several.
        :raises DriverConfigError: there is none, there are several, or there is none of that name.
        """
        known = list(self.inputs)
        if named in known:
            return str(named)
        listed = ", ".join(known) or "none"
        if named is not None:
            message = f"input '{named}' is not there.{did_you_mean(named, known)} Inputs are: {listed}."
        elif len(known) == 1:
            return known[0]
        elif known:
            message = f"there are several inputs ({listed}); say which one with config field input."
        else:
            message = "an input is required; pass the result of an earlier step in inputs."
        raise DriverConfigError.in_step(self.id, message)

    def read_input(self, named: str | None = None) -> pa.RecordBatchReader:
        """Return an input as a stream of record batches.

        :param named: the step whose result is wanted; may be left out if there is only one.
        :raises DriverConfigError: there is no such input, or it holds no data.
        """
        name = self.input_name(named)
        value = self.inputs[name]
        for key in ("data", "df"):
            if key in value:
                return to_reader(value[key], name)
        message = f"input '{name}' holds no data; the step before it returned only figures."
        raise DriverConfigError.in_step(self.id, message)


def check_arguments(step_id: str, driver: str, config: Any, inputs: Any, ctx: Any) -> None:
    """Check what a driver is given: callers of Python may give anything.

    :param driver: its name, for messages.
    :raises DriverConfigError: names all that is of another kind than :meth:`Driver.run` says.
    """
    connection = config.get(RESOLVED) if isinstance(config, Mapping) else None
    others = (
        [value for value in inputs.values() if not isinstance(value, Mapping)] if isinstance(inputs, Mapping) else []
    )
    wrong = {
        "config has to be a mapping of fields to values": [] if isinstance(config, Mapping) else [config],
        f"{RESOLVED} has to be a mapping, as resolve_connection returns it": (
            [] if isinstance(connection, Mapping | None) else [connection]
        ),
        "inputs has to be a mapping of names to results": [] if isinstance(inputs, Mapping) else [inputs],
        'each of the inputs has to be a mapping such as {"data": …}': others,
        "ctx has to have a method log_metric": [] if callable(getattr(ctx, "log_metric", None)) else [ctx],
    }
    problems = [f"{what}, not {type(values[0]).__name__}" for what, values in wrong.items() if values]
    if problems:
        raise DriverConfigError.in_step(step_id, f"{'; '.join(problems)}.", driver)


def of_step(error: OsirisError, step_id: str, where: str = "") -> OsirisError:
    """Return the error that happened in a step, with its name.

    :param error: that is being handled.
    :param where: what else is named before its message, such as ``path: ``.
    :raises OsirisError: the error itself, if it has the name of another step: its stream is an input of this one.
    """
    if error.step is not None:
        raise error
    return error.restated(f"Step {step_id}: {where}{error.message}", step=step_id)
