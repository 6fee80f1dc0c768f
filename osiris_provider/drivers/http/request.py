"""One guarded request for JSON, tried again where that can help."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from osiris_provider.connectors.http.base import HttpConnector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.retry import call_with_retries
from osiris_provider.drivers.step import Config, Step, of_step
from osiris_provider.errors import OsirisError

if TYPE_CHECKING:
    from osiris_provider.connectors.http.session import Answer

THROTTLED_ATTEMPTS = 10
MAX_WAIT = 300.0
"""Limits of rates are nothing unusual while many pages are read: so often, and so many seconds each time, we wait."""


def request_json(
    step: Step[Config],
    method: str,
    path: str,
    *,
    also: Collection[int] = (),
    lines: bool | None = None,
    **options: Any,
) -> tuple[Any, Answer, bool]:
    """Send a request and return the JSON of its answer, the answer, and whether it is one without content.

    Network errors, timeouts, 429 and 5xx are tried again, ``Retry-After`` is honoured (CONN-018); auth, permission
    and all else are not (CONN-019). So the request must be one that may be sent twice. A page is the unit: those
    before it are not asked for again.

    :param step: whose connection is used.
    :param method: such as ``GET``.
    :param path: under the base URL, or an absolute URL of the same origin.
    :param also: statuses besides 204 and 205 that mean an answer without content.
    :param lines: whether the answer is one JSON text a line; None goes by its content type.
    :raises ConnectorError: by category; it names the step.
    """
    connector = cast("HttpConnector[Any]", get_connector(step.connection["family"]))

    def once() -> tuple[Any, Answer, bool]:
        return connector.translate_errors(
            step.connection, lambda: connector.fetch(session, method, path, also=also, lines=lines, **options)
        )

    problem: OsirisError
    try:
        session = step.client()
        return call_with_retries(once, throttled_attempts=THROTTLED_ATTEMPTS, max_wait=MAX_WAIT)
    except OsirisError as error:
        problem = of_step(error, step.id)
    raise problem


def query_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return query parameters as APIs write them; Python would write True.

    :param params: by their names.
    """
    return {
        name: [_param(item) for item in value] if isinstance(value, list) else _param(value)
        for name, value in params.items()
    }


def _param(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value
