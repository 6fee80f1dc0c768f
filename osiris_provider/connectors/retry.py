"""Retries where a retry can help (CONN-018), and nowhere else (CONN-019)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from osiris_provider.connectors.faults import THROTTLED
from osiris_provider.errors import ConnectorError

if TYPE_CHECKING:
    import tenacity

log = logging.getLogger(__name__)

ATTEMPTS = 3
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds between attempts: exponential from the first, with jitter, never more than the longest."""

T = TypeVar("T")


def call_with_retries(
    call: Callable[[], T], *, attempts: int = ATTEMPTS, throttled_attempts: int = 0, max_wait: float | None = None
) -> T:
    """Call until it succeeds, fails for good, or has been tried often enough.

    Network and timeout errors are tried again, auth, permission and configuration errors never. ``retry_after`` of
    the error (seconds, from the peer) is honoured up to :data:`LONGEST_WAIT`, or up to ``max_wait``.

    :param call: raises :class:`~osiris_provider.errors.ConnectorError` on failure.
    :param attempts: in all.
    :param throttled_attempts: in all, as long as the peer only limits the rate; at least ``attempts``.
    :param max_wait: seconds that the peer may ask to wait. Who asks for more is not asked again: the task's own
        retries can wait that long.
    :raises ConnectorError: of the last attempt.
    """
    import tenacity

    # Not wait_exponential_jitter: the name of its first parameter differs between versions.
    backoff = tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT) + tenacity.wait_random(0, FIRST_WAIT)

    def wait(state: tenacity.RetryCallState) -> float:
        return max(backoff(state), min(_asked(state), LONGEST_WAIT if max_wait is None else max_wait))

    def stop(state: tenacity.RetryCallState) -> bool:
        if max_wait is not None and _asked(state) > max_wait:
            return True
        limit = max(attempts, throttled_attempts) if _is_throttled(state) else attempts
        return state.attempt_number >= limit

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_worth_it),
        wait=wait,
        stop=stop,
        before_sleep=_report,
        reraise=True,
    )
    return retrying(call)


def _error(state: tenacity.RetryCallState) -> ConnectorError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, ConnectorError) else None


def _is_throttled(state: tenacity.RetryCallState) -> bool:
    error = _error(state)
    return error is not None and error.fault == THROTTLED


def _asked(state: tenacity.RetryCallState) -> float:
    """Return the seconds that the peer asks to wait."""
    error = _error(state)
    return (error.retry_after if error else None) or 0.0


def _worth_it(error: BaseException) -> bool:
    # What no one can classify is left to the task's own retries: a login that is refused may lock the account.
    return isinstance(error, ConnectorError) and error.category in ("network", "timeout") and error.is_transient


def _report(state: tenacity.RetryCallState) -> None:
    log.warning("%s Trying again in %.1f s.", _error(state), state.upcoming_sleep)
