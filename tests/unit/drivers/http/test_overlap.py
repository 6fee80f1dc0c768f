"""Whether two pages overlap, and how often it looks at a row for that: once or so, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from osiris_provider.drivers.http.pagination import overlap

ROWS = 500


class CountedRow(dict[str, Any]):
    """A record that counts how often it is compared or written as text."""

    looks = 0

    def __eq__(self, other: object) -> bool:
        CountedRow.looks += 1
        return super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        CountedRow.looks += 1
        return super().__repr__()


def rows(number: Callable[[int], int], begin: int = 0) -> list[dict[str, Any]]:
    return [CountedRow(id=number(n)) for n in range(begin, begin + ROWS)]


PAGES: dict[str, tuple[Callable[[int], int], int, bool]] = {
    "all rows are equal": (lambda n: n * 0, 0, False),
    "each row is another": (lambda n: n, ROWS, False),
    "all but one come again": (lambda n: n, 1, True),
    "the last comes again": (lambda n: n, ROWS - 1, True),
    "those that come again are equal but for one": (lambda n: n == 1, 1, False),
    "two by two": (lambda n: n // 2, 2, False),
}


@pytest.mark.parametrize(("number", "begin", "expected"), PAGES.values(), ids=PAGES)
def test_pages_are_compared_in_linear_time(number: Callable[[int], int], begin: int, expected: bool) -> None:
    first, following = rows(number), rows(number, begin)
    CountedRow.looks = 0
    assert overlap(first, following) is expected
    assert CountedRow.looks <= 6 * ROWS


@pytest.mark.parametrize("begin", range(4))
def test_rows_that_end_a_page_and_begin_the_next_overlap(begin: int) -> None:
    page = [{"id": n} for n in range(3)]
    assert overlap(page, [*page[begin:], {"id": 9}, {"id": 10}]) is (begin < 3)
    assert overlap(page, []) is False
