"""What a driver can say about its query before there is any data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class QueryCheck:
    """What was found.

    :param problem: what is wrong, None if nothing is.
    :param line: of the query, from 1.
    :param columns: of the result, None if they are not known.
    :param seconds: of computing that it took, where they may be many.
    """

    problem: str | None = None
    line: int = 1
    columns: Sequence[str] | None = None
    seconds: float = 0


@runtime_checkable
class ChecksQuery(Protocol):
    """A driver whose config field ``query`` reads its inputs, and can be checked without them."""

    def check_query(
        self, query: str, tables: Mapping[str, Sequence[str] | None], params: Any, *, alone: bool
    ) -> QueryCheck:
        """Check a query; nothing is run.

        :param query: without templates.
        :param tables: the columns of each input, None where they are not known.
        :param params: of the query.
        :param alone: there are no other tables than the inputs.
        """
