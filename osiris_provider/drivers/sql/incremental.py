"""The part of a query that an incremental step needs: quoted names and bound parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from osiris_provider.drivers.incremental.cursor import Bound, CursorRange

if TYPE_CHECKING:
    from osiris_provider.drivers.sql.config import QueryConfig

LOW, HIGH = "osiris_low", "osiris_high"


@dataclass(frozen=True)
class Dialect:
    """What differs between the families.

    :param quote: quotes an identifier.
    :param paramstyle: how a query takes its parameters, in the words of DB-API.
    :param zone: what follows the text of a timestamp with time zone, which is in UTC.
    """

    quote: Callable[[str], str]
    paramstyle: Literal["pyformat", "qmark"] = "pyformat"
    zone: str = "+00:00"

    def marker(self, name: str, *, named: bool) -> str:
        """Return the marker of a parameter.

        :param name: of the parameter.
        :param named: whether the query's parameters have names.
        """
        if self.paramstyle == "qmark":
            return f"${name}" if named else "?"
        return f"%({name})s" if named else "%s"

    def literally(self, text: str) -> str:
        """Return SQL that means the same when parameters are put into it."""
        return text.replace("%", "%%") if self.paramstyle == "pyformat" else text


def narrowed(config: QueryConfig, cursor_range: CursorRange, dialect: Dialect) -> dict[str, Any]:
    """Return the fields ``query`` and ``params`` that read only the range.

    :param config: of the step: a table or a query.
    :param cursor_range: what to ask for.
    :param dialect: of the family.
    """
    named = isinstance(config.params, dict)
    condition, bounds = _condition(cursor_range, dialect, named=named)
    if not condition:
        return {"query": config.statement(dialect.quote), "params": config.params}
    statement = config.unfiltered(dialect.quote)
    # With parameters a percent sign is written as two, as in a query that has some, and in a condition with bounds.
    if bounds and not config.params:
        statement = dialect.literally(statement)
    if config.params and not bounds:
        condition = dialect.literally(condition)
    given = config.params or ({} if named else [])
    params = {**given, **bounds} if isinstance(given, dict) else [*given, *bounds.values()]
    return {"query": f"{statement} WHERE {condition}", "params": params or None}


def _condition(cursor_range: CursorRange, dialect: Dialect, *, named: bool) -> tuple[str, dict[str, Bound]]:
    limits = {LOW: (cursor_range.low, ">=" if cursor_range.inclusive else ">"), HIGH: (cursor_range.high, "<=")}
    given = {name: (value, sign) for name, (value, sign) in limits.items() if value is not None}
    column = dialect.quote(cursor_range.column)
    if not given:
        return "" if cursor_range.with_nulls else f"{column} IS NOT NULL", {}
    column = dialect.literally(column)
    terms = [f"{column} {sign} {dialect.marker(name, named=named)}" for name, (_, sign) in given.items()]
    bounds = {name: value.bound(dialect.zone) for name, (value, _) in given.items()}
    condition = " AND ".join(terms)
    return f"({condition} OR {column} IS NULL)" if cursor_range.with_nulls else condition, bounds
