"""Which row of a stage it is that a table does not take, and that nothing of what failed stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.sql.merge import merged


class RefusedError(Exception):
    """What the table says of a row."""


class Stage:
    """Rows and a table, with transactions as far as savepoints go.

    :param rows: how many there are.
    :param refused: numbers of those that the table does not take.
    :param times: how often it refuses them.
    """

    def __init__(self, rows: int, refused: set[int], times: int = 10**6) -> None:
        self.rows, self.refused, self.times = rows, refused, times
        self.taken: list[int] = []
        self._saved: list[int] = []

    def run(self, statement: str) -> None:
        verb, _, rest = statement.partition(" ")
        if verb == "SAVEPOINT":
            self._saved = list(self.taken)
        elif verb == "ROLLBACK":
            assert rest.startswith("TO SAVEPOINT ")
            self.taken = self._saved
        else:
            self._insert(rest)

    def _insert(self, condition: str) -> None:
        between = re.fullmatch(r"s\._osiris_row BETWEEN (\d+) AND (\d+)", condition)
        first, last = map(int, between.groups()) if between else (1, self.rows)
        assert between or condition == "TRUE"
        for row in range(first, last + 1):
            # As servers without savepoints inside of a statement do, some of its rows are there when it fails.
            self.taken.append(row)
            if row in self.refused and self.times > 0:
                self.times -= 1
                raise RefusedError(row)


def merge(stage: Stage) -> tuple[int, RefusedError] | None:
    return merged(stage.run, "INSERT {}".format, stage.rows, (RefusedError, lambda error: error.args[0] > 0))


@given(st.integers(1, 40), st.sets(st.integers(1, 40), max_size=3))
def test_the_first_row_that_is_refused_is_the_one_that_is_named(rows: int, refused: set[int]) -> None:
    stage = Stage(rows, refused)
    failed = merge(stage)
    among = [row for row in sorted(refused) if row <= rows]
    assert (failed and (failed[0], failed[1].args)) == ((among[0], (among[0],)) if among else None)
    assert sorted(stage.taken) == list(range(1, (among[0] if among else rows + 1)))


@given(st.integers(1, 20), st.integers(1, 20))
def test_a_row_that_is_taken_the_second_time_is_not_named(rows: int, refused: int) -> None:
    failed = merge(Stage(rows, {refused}, times=1))
    assert (failed and failed[0]) == (0 if refused <= rows else None)


def test_another_error_is_raised_as_it_is() -> None:
    stage = Stage(9, {0})
    with pytest.raises(RefusedError):
        merged(stage.run, "INSERT s._osiris_row BETWEEN 0 AND 9".format, 9, (RefusedError, lambda _: False))
    with pytest.raises(AssertionError):
        merged(stage.run, "INSERT {} OR FALSE".format, 9, (RefusedError, lambda _: True))
