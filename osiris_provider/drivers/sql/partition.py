"""A table or a query in parts, by ranges of one column, for connections that read them at the same time."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from osiris_provider.drivers.sql.config import QueryConfig
    from osiris_provider.drivers.sql.incremental import Dialect

Bound = int | dt.date | dt.datetime
"""What a column can be split at; a datetime with a zone if the column's values have one."""

AnyQuery = TypeVar("AnyQuery", bound="QueryConfig")
MICROSECOND = dt.timedelta(microseconds=1)


def split_points(low: Bound, high: Bound, parts: int) -> list[Bound]:
    """Return where a range is to be split into parts of the same width, fewer if it is narrow.

    :param low: about the least value.
    :param high: about the greatest, of the same type.
    :param parts: at most.
    """
    # A datetime is a date, too.
    if isinstance(low, dt.datetime):
        width = (cast("dt.datetime", high) - low) // MICROSECOND
        return [low + step * MICROSECOND for step in _steps(width, parts)]
    if isinstance(low, dt.date):
        return [low + dt.timedelta(step) for step in _steps((cast("dt.date", high) - low).days, parts)]
    return [low + step for step in _steps(cast("int", high) - low, parts)]


def _steps(width: int, parts: int) -> list[int]:
    return sorted({width * part // parts for part in range(1, parts)} - {0})


def split(config: AnyQuery, column: str, points: Sequence[Bound], dialect: Dialect) -> list[AnyQuery]:
    """Return the configs of the parts. Together they read every row once, wherever the points are.

    :param config: of the whole.
    :param column: to split by.
    :param points: rising; each is the first value of a part.
    :param dialect: of the family.
    """
    if not points:
        return [config]
    name = dialect.quote(column)
    texts = [str(point) if isinstance(point, int) else f"'{point}'" for point in points]
    # Open at both ends: the least and the greatest value may have changed meanwhile.
    between = [f"{name} >= {low} AND {name} < {high}" for low, high in itertools.pairwise(texts)]
    conditions = [f"({name} < {texts[0]} OR {name} IS NULL)", *between, f"{name} >= {texts[-1]}"]
    return [restricted(config, condition, dialect) for condition in conditions]


def restricted(config: AnyQuery, condition: str, dialect: Dialect) -> AnyQuery:
    """Return a config that reads only the rows for which a condition holds.

    :param config: a table or a query, perhaps with parameters, which stay.
    :param condition: in SQL, without parameters; names are quoted.
    :param dialect: of the family.
    """
    if config.params:
        condition = dialect.literally(condition)
    update: dict[str, Any] = {
        "query": f"{config.unfiltered(dialect.quote)} WHERE {condition}",
        "table": None,
        "columns": None,
    }
    return config.model_copy(update=update)
