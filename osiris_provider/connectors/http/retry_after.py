"""How long a peer asks to wait before the next request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

MAX_WAIT = 86_400.0
"""Seconds: nothing that a peer says makes a caller wait for longer."""

_SECONDS = re.compile(r"[0-9]{1,300}(\.[0-9]{1,12})?")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``Retry-After``, or None if there is none that can be read.

    :param headers: of an answer. Shopify writes a fraction of seconds; an HTTP date counts from that of the answer.
    """
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        return bounded_wait(float(value) if _SECONDS.fullmatch(value.strip()) else _until(value, headers.get("Date")))
    except (TypeError, ValueError, OverflowError):
        return None


def bounded_wait(seconds: float) -> float | None:
    """Return a wait that a peer asks for, at least 0 and at most :data:`MAX_WAIT`; None if it is not a finite number.

    :param seconds: as the peer says, or as worked out from its figures.
    """
    return min(max(seconds, 0.0), MAX_WAIT) if math.isfinite(seconds) else None


def _until(date: str, sent: str | None) -> float:
    now = datetime.now(timezone.utc)
    # The clock of this machine may be wrong; the peer means its own.
    with suppress(TypeError, ValueError, OverflowError):
        now = _moment(sent or "")
    return (_moment(date) - now).total_seconds()


def _moment(date: str) -> datetime:
    moment = parsedate_to_datetime(date)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
