"""Following the rows that ``insert_rows`` sends: what a server does not keep of them is said, or refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any


class InsertWatch(ABC):
    """Follows the rows of one call.

    :param table: as SQL writes it.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        self.sent = 0

    def counted(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield the rows."""
        for row in rows:
            self.sent += 1
            yield row

    @abstractmethod
    def begin(self, connection: Any) -> None:
        """Set up the connection that will insert the rows; it is for these alone."""

    @abstractmethod
    def say(self) -> None:
        """Warn of what the server did not keep."""
