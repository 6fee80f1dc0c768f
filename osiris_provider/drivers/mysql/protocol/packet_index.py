"""Finds where packets start in many places of a buffer at once.

A packet only says how long it is, so they have to be followed from the first to the last. But what looks like the start
of a row in the middle of the buffer mostly is one. Lanes start at such guesses and follow the packets side by side, in
a few numpy operations for one packet of every lane. A guess counts only when the lane before it arrives exactly there:
a wrong one costs time, never a wrong row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.mysql.login import HEADER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH: Final = 0xFFFFFF
LOOK_AHEAD: Final = 8
FEWEST_PACKETS: Final = 512
"""Fewer are followed one by one in less time."""
AT_ONCE: Final = 8
"""Packets of a lane before it is asked whether all lanes have ended."""
SEARCHED: Final = 2
"""A guess is looked for in so many typical packets."""
FOLLOWED: Final = 2
"""Packets that must follow a guess."""
NUMBER_SHIFT: Final = 24


def packet_starts(data: NDArray[np.uint8], position: int, filled: int, typical: int) -> NDArray[np.int64]:
    """Return where packets start, the first of them at ``position``, each behind the one before it.

    They may be fewer than there are, down to the first; a caller that wants all follows them from the last one on.

    :param data: the buffer, with some room behind ``filled``.
    :param position: where a packet starts.
    :param filled: where what has been received ends.
    :param typical: about how long a packet is, with its header.
    """
    import numpy as np

    packets = (filled - position) // typical
    if packets < FEWEST_PACKETS:
        return np.array([position])
    count = math.isqrt(packets)
    words: NDArray[Any] = np.ndarray((len(data) - 3,), "<u4", buffer=data, strides=(1,))
    starts = _guesses(data, words, position + np.arange(1, count) * ((filled - position) // count), filled, typical)
    starts = np.concatenate(([position], starts[np.diff(starts, prepend=position) > 0]))
    # The last lane only is where the one before it has to arrive.
    return _walk(words, starts[:-1], starts[1:], 2 * packets // count) if len(starts) > 1 else starts


def _guesses(
    data: NDArray[np.uint8], words: NDArray[Any], targets: NDArray[np.int64], filled: int, typical: int
) -> NDArray[np.int64]:
    """Return for each place the first behind it that looks like the start of a row, and is followed by another."""
    import numpy as np

    last = filled - LOOK_AHEAD
    tried = np.minimum(targets[:, None] + np.arange(SEARCHED * typical), last)
    head = words[tried]
    ends = tried + (head & LENGTH) + HEADER
    row, offset = ((ends < last) & (data[tried + HEADER] == 0)).nonzero()
    candidates: NDArray[np.int64] = tried[row, offset]
    at, number = candidates, words[candidates] >> NUMBER_SHIFT
    for step in range(1, FOLLOWED + 1):
        at = at + (words[at] & LENGTH) + HEADER
        fits = at < last
        at = np.where(fits, at, last)
        fits &= (data[at + HEADER] == 0) & (words[at] >> NUMBER_SHIFT == (number + step) & 0xFF)
        row, candidates, at, number = row[fits], candidates[fits], at[fits], number[fits]
    first: NDArray[np.int64] = candidates[np.diff(row, prepend=-1) > 0]
    return first


def _walk(words: NDArray[Any], starts: NDArray[np.int64], ends: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Follow the packets from each start to its end; return those of the lanes that are right, and where they lead."""
    import numpy as np

    at = starts
    passed = [at]
    while len(passed) < limit and (at < ends).any():
        for _ in range(AT_ONCE):
            at = at + ((words[np.minimum(at, ends)] & LENGTH) + HEADER) * (at < ends)
            passed.append(at)
    tracks = np.stack(passed, axis=1)
    # The greatest length says that the row goes on in the next packet, which is nothing for here.
    right = (at == ends) & (np.diff(tracks).max(axis=1) < LENGTH)
    count = len(right) if right.all() else int(right.argmin())
    tracks = tracks[:count]
    indexed: NDArray[np.int64] = np.concatenate(
        (tracks[tracks < ends[:count, None]], [*starts[:1], *ends[:count]][-1:])
    )
    return indexed
