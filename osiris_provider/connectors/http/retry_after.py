"""How long a peer asks to wait before the next request."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

MAX_WAIT = 86_400.0
"""Seconds: nothing that a peer says makes a caller wait for longer."""

_SECONDS = re.compile(r"[0-9]{1,300}(\.[0-9]{1,12})?")


def retry_after_seconds(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, or None if there is none that can be read.

    :param value: seconds, of which Shopify writes a fraction, or an HTTP date.
    """
    if value is None:
        return None
    try:
        return bounded_wait(float(value) if _SECONDS.fullmatch(value.strip()) else _until(value))
    except (TypeError, ValueError, OverflowError):
        return None


def bounded_wait(seconds: float) -> float | None:
    """Return a wait that a peer asks for, at least 0 and at most :data:`MAX_WAIT`; None if it is not a finite number.

    :param seconds: as the peer says, or as worked out from its figures.
    """
    return min(max(seconds, 0.0), MAX_WAIT) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime.now(timezone.utc)).total_seconds()
