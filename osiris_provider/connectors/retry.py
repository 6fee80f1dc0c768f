"""Retries where a retry can help (CONN-018), and nowhere else (CONN-019)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from osiris_provider.errors import ConnectorError

log = logging.getLogger(__name__)

ATTEMPTS = 3
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds between attempts: exponential from the first, with jitter, never more than the longest."""

T = TypeVar("T")


def call_with_retries(call: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
    """Call until it succeeds, fails for good, or has been tried often enough.

    Network and timeout errors are tried again, auth, permission and configuration errors never. A ``retry_after``
    fact on the error (seconds, from the peer) is honoured up to :data:`LONGEST_WAIT`.

    :param call: raises :class:`~osiris_provider.errors.ConnectorError` on failure.
    :param attempts: in all.
    :raises ConnectorError: of the last attempt.
    """
    import tenacity

    # Not wait_exponential_jitter: the name of its first parameter differs between versions.
    backoff = tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT) + tenacity.wait_random(0, FIRST_WAIT)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.facts.get("retry_after") if isinstance(error, ConnectorError) else None
        return max(backoff(state), min(float(asked or 0), LONGEST_WAIT))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_worth_it),
        wait=wait,
        stop=tenacity.stop_after_attempt(attempts),
        before_sleep=_report,
        reraise=True,
    )
    return retrying(call)


def _worth_it(error: BaseException) -> bool:
    if not isinstance(error, ConnectorError) or error.category not in ("network", "timeout"):
        return False
    return bool(error.facts.get("retryable", error.retryable))


def _report(state: object) -> None:
    outcome = getattr(state, "outcome", None)
    pause = getattr(getattr(state, "next_action", None), "sleep", 0.0)
    log.warning("%s Trying again in %.1f s.", outcome.exception() if outcome else "Failed.", pause)
