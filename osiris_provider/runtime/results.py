"""What becomes of a driver's result: data goes to staging, figures stay, secrets are shown to no one."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from osiris_provider.connectors.registry import get_connector
from osiris_provider.drivers.data import to_reader
from osiris_provider.errors import DriverConfigError, OsirisError, UnknownConnectorError
from osiris_provider.runtime.staging import Staging, StepInput
from osiris_provider.storage.faults import public

MAX_RESULT = 64 * 1024
"""Bytes of JSON that a step may return beside its data."""

_SCAN_FAILED = "InvalidInputException"
"""DuckDB's class for what a dataset raises."""

log = logging.getLogger(__name__)

T = TypeVar("T")


def keep_result(
    step: str, result: Any, staging: Staging, path_parts: Sequence[str], watch: Callable[[Any], Any] = lambda data: data
) -> dict[str, Any]:
    """Stage the data of a result; return what is left, and where the data is.

    :param step: for messages.
    :param result: what a driver has returned.
    :param staging: for the data.
    :param path_parts: of the data in it; see :meth:`Staging.write`.
    :param watch: takes the stream of the data and returns it, counted.
    :raises DriverConfigError: it is neither data nor figures.
    :raises OsirisError: as the stream of the data, and :meth:`Staging.write`.
    """
    figures = {key: value for key, value in _named(result).items() if key not in ("data", "df")}
    _check_small(step, figures)
    data = data_of(result)
    if data is None:
        return figures
    staged = staging.write(path_parts, watch(to_reader(data, step)))
    log.info("Staged %s rows, %s bytes at %s", staged.rows, staged.bytes, public(staged.uri))
    return {**figures, **staged.as_dict()}


def data_of(result: Any) -> Any:
    """Return the data of a result, None if it has only figures.

    :param result: what a driver has returned.
    """
    named = _named(result)
    return named.get("data", named.get("df"))


def _named(result: Any) -> Mapping[str, Any]:
    if isinstance(result, Mapping):
        return result
    # A driver may also be a generator that yields chunks.
    return {} if result is None else {"data": result}


def naming_damage(inputs: Iterable[Any], work: Callable[[], T]) -> T:
    """Do the work; if it fails while it scans a dataset, say which result is damaged, if one is.

    Arrow only says that a checksum is another one, and DuckDB that it does not like the query.

    :param inputs: of the step.
    :param work: the step.
    :raises DataError: in place of what was raised.
    """
    try:
        return work()
    except (OSError, ValueError, UnknownConnectorError) as error:
        if isinstance(error, UnknownConnectorError) and error.cause != _SCAN_FAILED:
            raise
        failure = error
    # Behind it, so that no error that is raised here shows what the driver's said.
    damages = (one.damage() for one in inputs if isinstance(one, StepInput))
    raise next(filter(None, damages), failure)


def without_secrets(connection: Mapping[str, Any] | None, work: Callable[[], T]) -> T:
    """Do the work; if it fails with a text that shows a secret of the connection, fail with a redacted one.

    :param connection: the resolved connection of the step.
    :param work: the step.
    :raises UnknownConnectorError: in place of an error that shows a secret.
    """
    try:
        return work()
    except OsirisError:
        raise
    except Exception as error:
        if connection is None:
            raise
        redact = get_connector(connection["family"]).model.redactor(connection)
        shown = "".join(traceback.format_exception(error))
        if redact(shown) == shown:
            raise
        message = redact(f"The driver failed with {type(error).__name__}: {error}")
    raise UnknownConnectorError(message)


def _check_small(step: str, figures: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(figures))
    except (TypeError, ValueError):
        keys = ", ".join(map(str, figures))
        problem = f"the driver returned something that is not JSON under {keys}"
    else:
        if size <= MAX_RESULT:
            return
        problem = f"the driver returned {size:,} bytes of figures"
    message = f"{problem}; return data as 'data', it goes through staging."
    raise DriverConfigError.in_step(step, message)
