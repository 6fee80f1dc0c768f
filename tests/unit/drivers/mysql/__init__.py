"""What mysql.writer and mysql.extractor ask of a server, without any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pymysql
from pymysql.cursors import Cursor

Rows = Sequence[tuple[Any, ...]]
Answer = Rows | Exception | Callable[[Any], Rows]


class Server:
    """A cursor whose server answers each statement by the words in it, or with no rows.

    :param answers: by words, of which the last that a statement has count; an error is raised, a function gets the
        values.
    """

    connection: Any = None
    description: Any = ()

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []
        self._rows: Rows = ()

    @property
    def cursor(self) -> Cursor:
        """This, as PyMySQL's."""
        return cast("Cursor", self)

    @property
    def statements(self) -> list[str]:
        """What it was asked, without the values."""
        return [statement for statement, _ in self.asked]

    def execute(self, statement: str, values: Any = None) -> None:
        self.asked.append((statement, values))
        if values is not None:
            # As PyMySQL puts them in: as many as there are to be.
            _ = statement % tuple(map(repr, values))
        answer = next((self.answers[words] for words in reversed(self.answers) if words in statement), ())
        if isinstance(answer, Exception):
            raise answer
        self._rows = answer(values) if callable(answer) else answer

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> Rows:
        return self._rows


def refused(code: int) -> pymysql.MySQLError:
    """Return what a server says with a code."""
    return pymysql.OperationalError(code, "in any language")
