"""Small drivers for the operator's tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from osiris_provider.connectors import get_connector
from osiris_provider.drivers.step import RunContext

Inputs = Mapping[str, Mapping[str, Any]]


class Numbers:
    """Returns ``count`` rows."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        ctx.log_metric("rows_read", config["count"], unit="rows", tags={"step": step_id})
        return {"data": [{"n": number} for number in range(config["count"])]}


class LoadId:
    """Returns what it is told of the task."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        return {"load_id": ctx.load_id}


class Chunks:
    """Yields its data."""

    def run(
        self,
        *,
        step_id: str,  # noqa: ARG002 - the driver contract's signature
        config: dict[str, Any],
        inputs: Inputs,  # noqa: ARG002 - the same
        ctx: RunContext,  # noqa: ARG002 - the same
    ) -> Iterator[dict[str, Any]]:
        for chunk in range(config["count"]):
            yield {"data": [{"n": chunk}]}


class Sum:
    """Adds up column ``n`` of every input."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        return {name: int(sum(value["df"]["n"])) for name, value in inputs.items()}


class Echo:
    """Returns what the config holds under ``result``, or the names of what it was given."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> Any:  # noqa: ARG002 - the driver contract's signature
        return config.get("result", {"config": sorted(config), "query": config.get("query")})


class Raises:
    """Raises what the class attribute holds."""

    error: Exception = RuntimeError("no error was set")
    calls = 0

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        type(self).calls += 1
        raise self.error


class Leaks:
    """Fails as a careless driver of a third party would, with the whole connection in its text and its cause."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        connection = config["resolved_connection"]
        message = f"cannot connect with {connection}"
        raise RuntimeError(message) from KeyError(connection)


class OpensAndFails:
    """Opens the client of its connection, uses it, and fails without closing it."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: RunContext) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        connection = config["resolved_connection"]
        client = get_connector(connection["family"]).client(connection)
        with client.cursor() as cursor:
            cursor.execute("SELECT 1")
        message = "failed with an open connection"
        raise RuntimeError(message)
