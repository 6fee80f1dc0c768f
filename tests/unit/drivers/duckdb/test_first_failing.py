"""The row that DuckDB does not take is looked for by halves."""

from __future__ import annotations

from itertools import combinations

import pytest
from osiris_provider.drivers.duckdb.refusals import first_failing


@pytest.mark.parametrize("count", range(10))
def test_the_first_of_the_rows_that_fail(count: int) -> None:
    for number in range(3):
        for bad in combinations(range(count), number):
            asked: list[tuple[int, int]] = []

            def fails(first: int, rows: int, bad: tuple[int, ...] = bad, asked: list[tuple[int, int]] = asked) -> bool:
                assert 0 <= first < first + rows <= count
                asked.append((first, rows))
                return any(first <= row < first + rows for row in bad)

            assert first_failing(fails, count) == (bad[0] if bad else None)
            assert len(asked) <= 2 + count.bit_length()


def test_rows_that_fail_only_together_are_none() -> None:
    assert first_failing(lambda _, rows: rows == 4, 4) is None
