"""Sets of positions beside what a loop over them says, on both sides of the borders of words."""

from __future__ import annotations

import random

import numpy as np
import pytest
from osiris_provider.drivers.filesystem.bits import after, before, between, bit, bits, positions

SETS = [random.Random(seed).choices([True, False], [share, 1], k=size)  # noqa: S311 - only examples
        for seed in range(3) for share in (0.1, 1, 10) for size in (1, 63, 64, 65, 128, 200)]  # fmt: skip


@pytest.mark.parametrize("mask", SETS)
def test_sets_are_what_a_loop_says(mask: list[bool]) -> None:
    count = len(mask)
    words = bits(np.array(mask))
    assert positions(words, count).tolist() == [at for at in range(count) if mask[at]]
    assert positions(words, count - 1).tolist() == [at for at in range(count - 1) if mask[at]]
    assert [bit(words, at) for at in range(count)] == mask
    assert positions(before(words), count).tolist() == [at for at in range(1, count) if mask[at - 1]]
    assert positions(after(words), count).tolist() == [at for at in range(count - 1) if mask[at + 1]]
    assert positions(between(words), count).tolist() == [at for at in range(count) if sum(mask[: at + 1]) % 2]


def test_there_may_be_none() -> None:
    nothing = bits(np.array([], np.bool_))
    assert not any(len(positions(move(nothing), 0)) for move in (before, after, between))
