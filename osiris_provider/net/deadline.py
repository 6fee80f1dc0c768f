"""One deadline for a whole check: name resolution, every address, handshake, login and answer together.

A timeout per read never fires against a peer that drips a byte now and then. Here the deadline sits in the socket
(:mod:`osiris_provider.net.sockets`): each receive, send or handshake is given only the time that is left.
"""

from __future__ import annotations

import math
import time

MIN_TIMEOUT = 0.001
MAX_TIMEOUT = 86_400.0
"""Seconds; the operating system takes no number much longer than this."""
CHECK_BYTES = 1024 * 1024
"""What a check takes from its peer at the most, over all its lines; an honest one needs a few kilobytes."""


class TooMuchDataError(OSError):
    """A peer sent more than a check takes."""


class Deadline:
    """A point in time after which nothing may wait any longer, and a number of bytes that may arrive until then.

    :param seconds: from now; may be a fraction.
    :param max_bytes: that the peer may send; None is any number.
    """

    def __init__(self, seconds: float, max_bytes: int | None = None) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._budget = [math.inf if max_bytes is None else max_bytes]
        self._parent: Deadline | None = None

    def __repr__(self) -> str:
        """Show what is left."""
        return f"Deadline({self.left():.3f} s left of {self.seconds:g})"

    def left(self) -> float:
        """Return the seconds left; zero or less when it has passed."""
        left = self._end - time.monotonic()
        return left if self._parent is None else min(left, self._parent.left())

    def remaining(self) -> float:
        """Return the seconds left, always more than zero.

        :raises TimeoutError: the deadline has passed.
        """
        left = self.left()
        if left <= 0:
            message = f"no answer within {self.seconds:g} s"
            raise TimeoutError(message)
        return max(left, MIN_TIMEOUT)

    def part(self, share: float) -> Deadline:
        """Return a deadline for a part of the work; both count the same bytes, and this one ends both.

        :param share: of the time left, more than 0 and at most 1.
        :raises TimeoutError: the deadline has passed.
        """
        part = Deadline(self.remaining() * share)
        part._budget, part._parent = self._budget, self
        return part

    def end(self) -> None:
        """Let it pass now: who waits for a peer is to give up."""
        self._end = -math.inf

    def take(self, size: int) -> None:
        """Count bytes that the peer has sent.

        :param size: how many have arrived.
        :raises TooMuchDataError: it has sent more than it may.
        """
        self._budget[0] -= size
        if self._budget[0] < 0:
            message = "the peer sends more than a check takes"
            raise TooMuchDataError(message)


def checked_timeout(timeout: float, name: str = "timeout") -> float:
    """Return a timeout in seconds that can be waited for, at most :data:`MAX_TIMEOUT`.

    :param timeout: seconds, more than 0.
    :param name: of the option or argument, for the message.
    :raises ValueError: it is not a positive, finite number.
    """
    try:
        seconds = float(timeout)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds) or seconds <= 0:
        message = f"{name} is a positive number of seconds"
        raise ValueError(message)
    return min(seconds, MAX_TIMEOUT)
